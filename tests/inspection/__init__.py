"""Tests of mnist_core/inspection/."""
