"""What `pose3d doctor` looks at. Nothing here imports a third-party package: what may be broken runs in a child."""
