"""Editors of a network and its training that Train and Explore share."""
