"""A process that says it is ready, and then what no ingest process says."""

from __future__ import annotations

import os
import time

from pipeline.ingest.frames import Frame, Kind

if __name__ == "__main__":
    os.write(0, Frame(Kind.READY).encode() + b"\xff" * 64)
    time.sleep(60)
