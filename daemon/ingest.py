"""`python -m daemon.ingest`: the ingest process; the daemon starts it, on `ingest.processes`."""

from __future__ import annotations

from daemon.logs import configure_logging
from pipeline.ingest.worker import serve

if __name__ == "__main__":
    serve(configure_logging)
