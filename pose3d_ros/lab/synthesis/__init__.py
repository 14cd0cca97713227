"""From motion to what a robot's detector would see of it: widening, cameras, detector noise, occlusion. Batched torch,
on the training device; the evaluation protocols use the same parts.
"""
