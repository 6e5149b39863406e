"""What every benchmark does beside measuring: it ends when told to, and writes its figures."""

from __future__ import annotations

import json
import math
import signal
import sys
from pathlib import Path
from typing import Any

TERMINATED = 128 + signal.SIGTERM


def end_when_told() -> None:
    """Leave on SIGTERM as on Ctrl-C, so that the daemons and servers that were started are ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))


def write_figures(path: Path | None, figures: Any) -> None:
    """Write figures as JSON where the operator asked for it; what is no finite number is null."""
    if path is not None:
        path.write_text(json.dumps(_finite(figures), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
