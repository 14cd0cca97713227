"""`pose3d <command>`: one file a command."""
