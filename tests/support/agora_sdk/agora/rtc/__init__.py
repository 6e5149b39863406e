"""Its real-time part."""
