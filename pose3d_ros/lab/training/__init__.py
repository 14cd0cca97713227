"""Training of the lifters: synthetic views of recorded motion in, weights with their model card out."""
