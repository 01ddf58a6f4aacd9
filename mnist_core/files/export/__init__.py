"""A run for other programs: models in three formats, curves as tables and as TensorBoard logs."""
