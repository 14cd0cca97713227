"""Evaluation on recorded motion seen by virtual cameras."""
