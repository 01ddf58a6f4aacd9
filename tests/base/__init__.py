"""Tests of mnist_core/base/."""
