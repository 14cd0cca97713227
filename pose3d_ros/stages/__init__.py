"""The parts of the pipeline: each has the verbs store, lift, reconfigure, reset and close."""
