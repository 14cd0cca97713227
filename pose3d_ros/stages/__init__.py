"""The parts of the pipeline, one file each: what happens to everybody between keypoints and skeletons."""
