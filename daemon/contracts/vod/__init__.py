"""Recorded media as assets: registered, extracted to audio, asked for; in the words of a cloud vendor."""
