"""Tests of mnist_core/evaluation/."""
