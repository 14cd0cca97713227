"""What never runs on a robot: recordings, synthesis, training, evaluation, viewing."""
