"""What processes cost this host, as /proc tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ProcessTree:
    """A process with all its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu_s(self) -> float:
        """CPU seconds, user and system, that the processes alive now have used so far."""
        total = 0
        for fields in filter(None, map(_stat, self._pids())):
            total += int(fields[11]) + int(fields[12])
        return total / TICKS_PER_S

    def memory_mb(self) -> float:
        """Resident memory; what the processes share is counted once (PSS)."""
        total_kb = 0
        for pid in self._pids():
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    total_kb += int(line.split()[1])
        return total_kb / 1024

    def _pids(self) -> Iterator[int]:
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        waiting = [self._pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            waiting.extend(children.get(pid, []))


def _stat(pid: int) -> list[str]:
    """Return the fields of `stat` behind the name, from the state on; none when the process has ended."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
