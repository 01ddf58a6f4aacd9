"""What a learner chooses: networks, training settings, studies."""
