"""The training loop, its compiled step and its events."""
