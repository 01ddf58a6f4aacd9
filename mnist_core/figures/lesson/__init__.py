"""The figures of the lesson, a chapter a module."""
