"""Makes the evidence clips of reported windows and puts them into the clip store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from daemon.storage.interfaces import ClipStore, StorageError
from daemon.together import together
from pipeline.audio import Pcm, Window

STORE_TIMEOUT_S = 5.0
"""A verdict is due two seconds after its window; a store that is slower than this costs the clip, not it."""


class ClipWriter:
    """Encodes and stores clips (a `ClipMaker` of the pipeline)."""

    def __init__(self, store: ClipStore, encode: Callable[[Pcm], bytes], executor: Executor) -> None:
        """`encode` turns PCM into an mp3 file; it blocks and runs in `executor`."""
        self._store = store
        self._encode = encode
        self._executor = executor

    async def make(self, stream_id: str, window: Window, before: Window | None) -> tuple[str, str]:
        """Store the window's clip, and one with `before` in front if given; return both addresses.

        Without `before` the second one is the first.
        Raises StorageError, and whatever AudiowardenError `encode` raises.
        """
        name = f"{stream_id}_{window.index}"
        clips = [self._put(f"{name}.mp3", window.pcm)]
        if before is not None:
            clips.append(self._put(f"{name}_pre.mp3", np.concatenate((before.pcm, window.pcm))))
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                addresses = await together("clip", clips)
        except TimeoutError:
            raise StorageError(f"the clip was not stored within {STORE_TIMEOUT_S:g} s") from None
        return addresses[0], addresses[-1]

    async def _put(self, name: str, pcm: Pcm) -> str:
        loop = asyncio.get_running_loop()
        return await self._store.put(name, await loop.run_in_executor(self._executor, self._encode, pcm))
