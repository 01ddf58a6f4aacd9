"""Measures of a trained network: metrics, robustness, advice."""
