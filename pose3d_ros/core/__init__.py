"""Border types, keypoint formats, mappings by joint name and errors. numpy only."""
