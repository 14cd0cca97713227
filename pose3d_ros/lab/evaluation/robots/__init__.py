"""A robot in the loop as a metric: driven by the estimate beside the same robot driven by the truth."""
