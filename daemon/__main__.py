"""`audiowarden` and `python -m daemon`."""

from __future__ import annotations

from daemon.cli.main import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
