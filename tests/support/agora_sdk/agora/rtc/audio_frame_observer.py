"""What is called with audio."""

from __future__ import annotations

from typing import Any


class IAudioFrameObserver:
    def on_playback_audio_frame(self, agora_local_user: Any, channelId: str, frame: Any) -> int:  # noqa: N803 - theirs
        return 1

    def on_playback_audio_frame_before_mixing(
        self, agora_local_user: Any, channelId: str, uid: str, frame: Any, state: int, data: Any  # noqa: N803 - theirs
    ) -> int:  # fmt: skip
        return 1

    def on_get_audio_frame_position(self, agora_local_user: Any) -> int:
        return 1
