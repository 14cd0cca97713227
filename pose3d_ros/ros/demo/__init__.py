"""The demo: player, lifter and recorder as separate processes over DDS. Each is of use alone, too."""
