"""Benchmarks: ours and the peer side by side in one run, printed as ratios."""
