"""Tests of mnist_core/studies/."""
