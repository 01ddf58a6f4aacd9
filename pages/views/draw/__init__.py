"""The parts of the Draw page, one a module; `pages/draw.py` puts them together."""
