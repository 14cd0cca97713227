"""Both sides of the node benchmarks: synthetic people, and a session with the real node over DDS."""
