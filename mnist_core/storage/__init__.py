"""Storage of runs, curves, weights, data sets and corrections."""
