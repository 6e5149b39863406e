"""Opens encrypted playlists as docs/recorded-media.md tells its readers to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "recorded-media.md"


def unsealed(key: str, sealed: bytes) -> bytes:
    """Do what the documentation shows. Raises whatever that raises."""
    snippet = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert snippet is not None
    names: dict[str, Any] = {}
    exec(compile(snippet[1], str(DOCUMENT), "exec"), names)
    opened = names["unsealed"](key, sealed)
    assert isinstance(opened, bytes)
    return opened
