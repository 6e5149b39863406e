"""The fake package. As the real one, it cannot be loaded where its libraries do not find each other."""

from __future__ import annotations

import os
from pathlib import Path

if str(Path(__file__).parent / "agora_sdk") not in os.environ.get("LD_LIBRARY_PATH", ""):
    raise OSError("libagora-fdkaac.so: cannot open shared object file")
