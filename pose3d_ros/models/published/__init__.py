"""Checkpoints of the methods' authors."""
