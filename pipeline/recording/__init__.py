"""Recorded media: where its files are, what lies where on its timeline, and how a span of it is read."""
