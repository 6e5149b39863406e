"""The one service of a process."""

from __future__ import annotations

from typing import Any

from agora.rtc.connection import RTCConnection

_initialized: list[str] = []


class AgoraService:
    def __init__(self) -> None:
        self.appid = ""

    def initialize(self, config: Any) -> int:
        """As the library: the second service of a process is refused."""
        if _initialized:
            return -7
        _initialized.append(config.appid)
        self.appid = config.appid
        return 0

    def create_rtc_connection(self, con_config: Any, publish_config: Any) -> Any:
        return RTCConnection(self, con_config, publish_config)
