"""What belongs to one visitor's session."""
