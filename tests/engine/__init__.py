"""Tests of mnist_core/engine/."""
