"""From an experiment to a Keras model or a Keras script."""
