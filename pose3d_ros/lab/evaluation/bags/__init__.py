"""Evaluation of recorded bags."""
