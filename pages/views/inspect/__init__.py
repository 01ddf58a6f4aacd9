"""The views of the page Look inside, one a module."""
