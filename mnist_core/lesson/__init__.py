"""The lesson's NumPy network and its recorded runs."""
