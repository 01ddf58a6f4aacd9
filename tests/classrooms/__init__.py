"""Tests of mnist_core/classrooms/."""
