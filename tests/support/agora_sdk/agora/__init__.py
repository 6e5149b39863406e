"""The fake package."""
