"""Tests of mnist_core/model/."""
