"""`audiowarden` and `python -m daemon`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line."""
    try:
        # Imported here: it takes a moment, in which Ctrl-C must not show where.
        from daemon.cli.main import app

        app()
    except KeyboardInterrupt:
        # As shells have it.
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
