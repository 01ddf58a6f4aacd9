"""Tests of mnist_core/figures/."""
