"""The contract of recorded media: audio and media exports."""
