"""Tests: real media, real servers on port 0, fakes only of our own protocols."""
