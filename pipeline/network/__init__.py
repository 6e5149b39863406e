"""The guard between FFmpeg and strangers: addresses judged and pinned, bytes fetched by us, waits bounded."""
