"""Runs and networks as files: run files, exports, models from elsewhere."""
