"""MNIST, and data of one's own."""
