"""`audiowarden` and `python -m daemon`."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the signal's number, as shells have it."""


def main() -> None:
    """Run the command line."""
    try:
        # Imported here: it takes a moment, in which Ctrl-C must not show where.
        from daemon.cli.main import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
