"""What is kept of a person from frame to frame: bones, root, velocity, contact with the floor, and how sure that is."""
