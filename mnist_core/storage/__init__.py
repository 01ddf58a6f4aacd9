"""What is kept: runs, curves, weights, data sets, corrections."""
