"""Tests of mnist_core/cli/."""
