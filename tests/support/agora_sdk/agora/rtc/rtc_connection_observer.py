"""What is called with news of a connection."""

from __future__ import annotations

from typing import Any


class IRTCConnectionObserver:
    def on_connecting(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        pass

    def on_connected(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        pass

    def on_disconnected(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        pass

    def on_reconnecting(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        pass

    def on_reconnected(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        pass

    def on_connection_lost(self, agora_rtc_conn: Any, conn_info: Any) -> None:
        pass

    def on_connection_failure(self, agora_rtc_conn: Any, info: Any, reason: int) -> None:
        pass

    def on_token_privilege_will_expire(self, agora_rtc_conn: Any, token: str) -> None:
        pass

    def on_token_privilege_did_expire(self, agora_rtc_conn: Any) -> None:
        pass

    def on_connection_license_validation_failure(self, agora_rtc_conn: Any, reason: int) -> None:
        pass

    def on_error(self, agora_rtc_conn: Any, error_code: int, error_msg: str) -> None:
        pass

    def on_user_joined(self, agora_rtc_conn: Any, user_id: str) -> None:
        pass

    def on_user_left(self, agora_rtc_conn: Any, user_id: str, reason: int) -> None:
        pass

    def on_user_network_quality(self, agora_rtc_conn: Any, uid: str, tx: int, rx: int) -> None:
        pass
