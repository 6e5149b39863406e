"""Enrolled recordings, found again in what a stream plays."""
