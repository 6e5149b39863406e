"""Exports: a span of a recording as a file of its own."""
