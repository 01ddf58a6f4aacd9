"""Drawings and photos: read, explained, learned from."""
