"""RTMP addresses: pinned to what was checked, and the TLS of rtmps made by us."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.network.rtmp import pin_rtmp
from pipeline.network.wire import Cancellation
from pipeline.readers import UrlReader
from pipeline.source import SourceError, SourceFault
from tests.support.listening import Heard, listen, no_matter
from tests.support.media_server import RtmpServer, SilentServer, free_port, wait_until
from tests.support.tls_proxy import Authority, TlsProxy

QUICK = NetworkSettings(connect_timeout_s=5.0, read_timeout_s=5.0)


def here(host: str, port: int) -> list[str]:
    """Say that every name is this machine."""
    del host, port
    return ["127.0.0.1"]


def public(host: str, port: int) -> list[str]:
    del host, port
    return ["2606:4700::1"]


HERE = AddressPolicy(True, resolver=here)


@pytest.mark.parametrize(
    ("url", "pinned", "told"),
    [
        ("rtmp://a.example/live/x?k=1", "rtmp://[2606:4700::1]:1935/live/x?k=1", "rtmp://a.example/live"),
        ("rtmp://a.example:1936/live", "rtmp://[2606:4700::1]:1936/live", "rtmp://a.example:1936/live"),
        ("rtmp://a.example/live/one/x", "rtmp://[2606:4700::1]:1935/live/one/x", "rtmp://a.example/live/one"),
        ("rtmp://a.example/vod/mp4:b/x", "rtmp://[2606:4700::1]:1935/vod/mp4:b/x", "rtmp://a.example/vod"),
        (
            "rtmp://a.example/ondemand/b/x",
            "rtmp://[2606:4700::1]:1935/ondemand/b/x",
            "rtmp://a.example/ondemand",
        ),
        ("rtmp://u:p@a.example/live/x", "rtmp://u:p@[2606:4700::1]:1935/live/x", "rtmp://a.example/live"),
    ],
)
def test_the_address_is_pinned_and_the_server_is_told_the_name(url: str, pinned: str, told: str) -> None:
    assert pin_rtmp(url, AddressPolicy(resolver=public), QUICK) == (pinned, {"rtmp_tcurl": told})


@pytest.mark.parametrize("scheme", ["rtmp", "rtmps"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "inside.example", "[::1]"])
def test_private_addresses_are_refused(scheme: str, host: str) -> None:
    with pytest.raises(SourceError, match="public internet") as caught:
        pin_rtmp(f"{scheme}://{host}/live/geheim", AddressPolicy(resolver=here), QUICK)
    assert (caught.value.fault, caught.value.retryable) == (SourceFault.CANNOT_OPEN, False)
    assert "geheim" not in str(caught.value)


def test_a_name_that_is_not_found() -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise OSError(-2, f"{host}:{port}")

    with pytest.raises(SourceError, match="was not found") as caught:
        pin_rtmp("rtmp://a.example/live/x", AddressPolicy(resolver=nothing), QUICK)
    assert caught.value.retryable


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def listen_to(url: str, network: NetworkSettings) -> Heard:
    return listen(UrlReader(url, HERE, network, no_matter))


def test_rtmps_with_a_trusted_certificate(authority: Authority, wav: Path) -> None:
    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=5, ca_file=authority.file)
    context = authority.server_context("live.example")
    with RtmpServer(wav) as rtmp, TlsProxy(context, rtmp.port) as proxy:
        heard = listen_to(f"rtmps://live.example:{proxy.port}/live/stream", network)
        assert proxy.asked_for == ["live.example"], "servers of many names choose the certificate by it"
    assert heard.seconds == pytest.approx(18, abs=0.15)
    wait_until(lambda: not relays(), "the relay to end")


def test_rtmps_with_the_certificate_of_somebody_else(authority: Authority) -> None:
    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=5, ca_file=authority.file)
    with SilentServer() as silent, TlsProxy(authority.server_context("other.example"), silent.port) as proxy:
        heard = listen_to(f"rtmps://live.example:{proxy.port}/live/geheim", network)
    assert heard.fault is SourceFault.CANNOT_OPEN
    assert "certificate of live.example is not trusted" in str(heard.error)
    assert "geheim" not in str(heard.error)
    assert relays() == []


def test_rtmps_with_a_certificate_of_nobody(authority: Authority) -> None:
    with SilentServer() as silent, TlsProxy(authority.server_context("live.example"), silent.port) as proxy:
        heard = listen_to(f"rtmps://live.example:{proxy.port}/live/x", QUICK)
    assert heard.fault is SourceFault.CANNOT_OPEN
    assert "certificate of live.example is not trusted" in str(heard.error)


@pytest.mark.parametrize("tls", [True, False])
def test_stopping_rtmps_ends_the_relay_and_the_hand_shake(tls: bool, authority: Authority) -> None:
    network = NetworkSettings(connect_timeout_s=60, read_timeout_s=60, ca_file=authority.file)
    context = authority.server_context("live.example")
    with SilentServer() as silent, TlsProxy(context, silent.port) as proxy:
        port = proxy.port if tls else silent.port
        reader = UrlReader(f"rtmps://live.example:{port}/live/x", HERE, network, no_matter)
        heard: list[Heard] = []
        thread = threading.Thread(target=lambda: heard.append(listen(reader)), daemon=True)
        thread.start()
        if tls:
            wait_until(lambda: bool(relays()), "the relay to begin")
        else:
            time.sleep(0.3)
        reader.cancel()
        thread.join(10)
        assert not thread.is_alive()
        wait_until(lambda: not relays(), "the relay to end")
    assert heard[0].error is None


def test_a_relay_that_nobody_comes_to_ends(authority: Authority) -> None:
    network = NetworkSettings(connect_timeout_s=0.5, read_timeout_s=5, ca_file=authority.file)
    context = authority.server_context("live.example")
    with SilentServer() as silent, TlsProxy(context, silent.port) as proxy:
        cancellation = Cancellation()
        url = f"rtmps://live.example:{proxy.port}/live/x"
        assert pin_rtmp(url, HERE, network, cancellation)[0].startswith("rtmp://127.0.0.1:")
        wait_until(lambda: not relays(), "the relay to end")
        cancellation.cancel()


def relays() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rtmps relay"]


def test_the_next_address_is_tried_when_one_is_dead() -> None:
    policy = AddressPolicy(True, resolver=lambda *_: ["127.0.0.7", "127.0.0.1"])
    with SilentServer() as alive:
        pinned, _ = pin_rtmp(f"rtmp://two.example:{alive.port}/live/x", policy, QUICK)
        assert pinned == f"rtmp://127.0.0.1:{alive.port}/live/x"


def test_no_address_takes_a_connection() -> None:
    policy = AddressPolicy(True, resolver=lambda *_: ["127.0.0.7", "127.0.0.8"])
    with pytest.raises(SourceError, match="refuses the connection") as caught:
        pin_rtmp(f"rtmp://two.example:{free_port()}/live/geheim", policy, QUICK)
    assert caught.value.retryable


def test_an_address_that_ffmpeg_would_cut_off_is_told_in_full() -> None:
    token = "live/stream?token=" + "k" * 1800
    pinned, options = pin_rtmp(f"rtmp://a.example/{token}", AddressPolicy(resolver=public), QUICK)
    assert pinned.startswith("rtmp://[2606:4700::1]:1935/live/stream?")
    assert (options["rtmp_app"], options["rtmp_playpath"]) == ("live", token.removeprefix("live/"))
