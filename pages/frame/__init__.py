"""What surrounds every page: top bar, tour, help, projector."""
