"""Tests of mnist_core/files/."""
