"""What media may claim: beyond lie headers that were made to fill a host's memory."""

from __future__ import annotations

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 768_000
"""No recorder samples slower or faster. A header that says so would make a minute of data hours of audio, or
the resampler fill hundreds of megabytes with one filter."""
MAX_ALLOCATION_BYTES = 64 * 1024 * 1024
"""What FFmpeg may allocate at once. By default it is 2 GiB, and a header of a hundred bytes can ask for that:
an MP4 of 80 million samples of one size, a compressed table of contents. The index of a film takes 24 bytes
a packet, so that 18 hours of AAC still fit."""
MAX_STREAMS = 100
"""In one file or playlist: each may make the allocation above."""

BAD_DATA_S = 3.0
BAD_PACKETS = 20
"""Nothing but undecodable packets, so many and for so long: the data is given up."""
