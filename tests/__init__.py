"""Every test of MNIST Lab."""
