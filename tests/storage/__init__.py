"""Tests of mnist_core/storage/."""
