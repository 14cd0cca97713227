"""Cameras, rotations, alignment and placement. Vectorised over people; units and frames are in the names."""
