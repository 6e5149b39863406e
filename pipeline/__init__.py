"""One window's way: source, windows, speech, analysis, verdict."""
