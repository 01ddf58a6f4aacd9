"""Measurements of MNIST Lab: `python -m benchmarks --list`, `python -m benchmarks NAME`."""
