"""Tests of mnist_core/experiment/."""
