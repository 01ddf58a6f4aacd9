"""The choices of a learner: networks, training settings, studies."""
