"""The frame of every page: top bar, tour, help, projector."""
