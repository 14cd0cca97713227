"""Stored evaluations as pages for people: one run, many runs. Pages are single files that work offline."""
