"""Rooms of real-time clouds, joined by a vendor's own client where no address can be pulled."""
