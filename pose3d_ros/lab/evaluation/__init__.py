"""Accuracy, robustness and latency, on recordings and on recorded motion."""
