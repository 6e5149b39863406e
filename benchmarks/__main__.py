"""`make bench`: every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import recognition


def main() -> None:
    """Run them with their defaults."""
    recognition.main([])


if __name__ == "__main__":
    main()
