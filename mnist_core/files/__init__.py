"""Runs and networks as files."""
