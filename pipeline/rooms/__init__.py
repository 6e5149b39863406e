"""Rooms of real-time clouds: joined by a vendor's own client, or pulled user by user as a roster says."""
