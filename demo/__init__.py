"""The demo: a platform, a live stream and a consumer on this machine."""
