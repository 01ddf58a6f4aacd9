"""The server's start and end, and the parts of one visitor's session."""
