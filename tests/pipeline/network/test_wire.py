"""Connections: cancelled from another thread, and trusted."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.network.addresses import AddressPolicy
from pipeline.network.fetch import GuardedOpener
from tests.support.guarding import (
    MEDIA,
    PATIENT,
    QUICK,
    guard,
    refusal,
    whole,
)
from tests.support.media_server import HttpServer, SilentServer, paced
from tests.support.tls_proxy import Authority, TlsProxy


@pytest.fixture(autouse=True)
def known_content(server: HttpServer) -> None:
    server.content("known.bin", MEDIA)


# Cancelling.


def cancelled(opener: GuardedOpener, act: Callable[[], object]) -> None:
    """Cancel from another thread what would else go on until the time-outs of PATIENT."""
    timer = threading.Timer(0.3, opener.cancel)
    timer.start()
    began_at = time.monotonic()
    refusal(act)
    assert time.monotonic() - began_at < PATIENT.read_timeout_s / 2
    timer.join()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cancel_while_nobody_answers(scheme: str) -> None:
    with SilentServer() as silent:
        opener = guard(PATIENT)
        cancelled(opener, lambda: opener(f"{scheme}://127.0.0.1:{silent.port}/x"))
        refusal(lambda: opener(f"{scheme}://127.0.0.1:{silent.port}/x"))


def test_cancel_while_connecting() -> None:
    # A full backlog: the system answers no further connection.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        opener = guard(PATIENT)
        cancelled(opener, lambda: opener(f"http://127.0.0.1:{port}/x"))
        for client in clients:
            client.close()


def test_cancel_while_the_name_is_looked_up() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        release.wait(60)
        raise OSError(f"{host}:{port}")

    opener = GuardedOpener(AddressPolicy(resolver=hanging), PATIENT)
    cancelled(opener, lambda: opener("http://slow.example/x"))
    release.set()


def test_cancel_while_a_body_hangs(server: HttpServer) -> None:
    opener = guard(PATIENT)
    body = opener(server.stream("hang.flv", paced(MEDIA[:1000], 0, then_hang=True)))
    cancelled(opener, lambda: whole(body))
    body.close()


# TLS.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def tls_url(proxy: TlsProxy) -> str:
    return f"https://name.example:{proxy.port}/known.bin"


def test_a_trusted_certificate(authority: Authority, server: HttpServer) -> None:
    network = QUICK.model_copy(update={"ca_file": authority.file})
    with TlsProxy(authority.server_context("name.example"), server.port) as proxy:
        assert whole(guard(network, x="127.0.0.1")(tls_url(proxy))) == MEDIA
        assert proxy.asked_for == ["name.example"]


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_that_are_not_to_be_trusted(
    trusted: bool, authority: Authority, server: HttpServer
) -> None:
    network = QUICK.model_copy(update={"ca_file": authority.file if trusted else None})
    context = authority.server_context("other.example" if trusted else "name.example")
    server.requested.clear()
    with TlsProxy(context, server.port) as proxy:
        error = refusal(lambda: guard(network, x="127.0.0.1")(tls_url(proxy)))
    assert "certificate of name.example is not trusted" in str(error)
    assert server.requested == []


def test_a_certificate_of_old(tmp_path: Path, server: HttpServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = Authority(tmp_path)
    authority.expired("name.example").configure_cert(context)
    network = QUICK.model_copy(update={"ca_file": authority.file})
    with TlsProxy(context, server.port) as proxy:
        assert "expired" in str(refusal(lambda: guard(network, x="127.0.0.1")(tls_url(proxy))))


def test_tls_towards_a_server_that_speaks_none(server: HttpServer) -> None:
    error = refusal(lambda: guard()(f"https://127.0.0.1:{server.port}/geheim"))
    assert "no TLS connection" in str(error)
