"""Tests of mnist_core/lesson/."""
