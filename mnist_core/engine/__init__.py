"""The engine: a scheduler, its queue and the workers that train."""
