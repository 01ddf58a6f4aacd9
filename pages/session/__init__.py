"""What belongs to the server's life and to one visitor's session."""
