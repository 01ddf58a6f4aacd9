"""Tests of mnist_core/visitors/."""
