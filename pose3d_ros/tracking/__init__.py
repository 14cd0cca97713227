"""Who is who from frame to frame, and the temporal window of each person. numpy and scipy only."""
