"""Figures as pure functions of arrays: Plotly figures, and SVG for the network's picture."""
