"""How right the detectors are: recordings with a manifest of what is in them, and the sums."""
