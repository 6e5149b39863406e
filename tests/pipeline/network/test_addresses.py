"""Which hosts may be connected to."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from config.settings import NetworkSettings
from pipeline.network.addresses import MAX_ADDRESSES, AddressPolicy, Endpoint
from pipeline.network.lookups import Resolver
from pipeline.network.urls import AddressError

PUBLIC = [
    "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
    "192.167.1.1", "223.255.255.255", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1", "168.63.129.16", "192.88.99.1", "::1",
    "fe80::1", "fe80::1%lo", "2606:4700::1%lo",
    "fc00::1", "fd00:ec2::254", "fec0::1", "2001:db8::1", "2001::1",
    "2002:7f00:1::", "2002:0101:0101::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "::7f00:1", "100::1", "3fff::1"
]  # fmt: skip
NEVER = [
    "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "::", "ff02::1", "ff0e::1",
    "::ffff:0.0.0.0", "::ffff:224.0.0.1", "64:ff9b::", "64:ff9b::e000:1", "", "example.org", "1.2.3"
]  # fmt: skip


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses(ip: str) -> None:
    assert AddressPolicy().permits(ip)
    assert AddressPolicy(True).permits(ip)


@pytest.mark.parametrize("ip", PRIVATE)
def test_addresses_that_are_not_public(ip: str) -> None:
    assert not AddressPolicy().permits(ip)
    assert AddressPolicy(True).permits(ip)


@pytest.mark.parametrize("ip", NEVER)
def test_addresses_that_are_nobody(ip: str) -> None:
    assert not AddressPolicy().permits(ip)
    assert not AddressPolicy(True).permits(ip)


def no_lookup(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host}:{port} was looked up")


@pytest.mark.parametrize(
        "host", [ "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.",
        "localhost", "LOCALHOST.", "a.localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[fe80::1%25lo]", "169.254.169.254", "0", "0.0.0.0", "[::]", "１２７.０.０.１",
        "user:pass@127.0.0.1", "1.1.1.1@127.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_hosts_that_are_refused_without_a_lookup(scheme: str, host: str) -> None:
    policy = AddressPolicy(resolver=no_lookup)
    for kind in ("stream", "callback"):
        with pytest.raises(AddressError) as caught:
            policy.check_url(
                f"{scheme}://{host}/x?secret=geheim", "stream" if kind == "stream" else "callback"
            )
        assert not caught.value.retryable
        assert "geheim" not in str(caught.value)
        assert "pass" not in str(caught.value)


def test_this_machine_when_it_is_allowed() -> None:
    policy = AddressPolicy.of(NetworkSettings(allow_private_addresses=True))
    assert policy.check_url("http://localhost:8080/x", "callback").port == 8080
    assert policy.resolve("127.0.0.1", 8080, 1) == [Endpoint("127.0.0.1", 8080)]
    with pytest.raises(AddressError):
        policy.check_url("http://0.0.0.0/x", "callback")


def resolving(*ips: str) -> Resolver:
    def resolver(host: str, port: int) -> list[str]:
        assert (host, port) == ("name.example", 443)
        return list(ips)

    return resolver


def test_a_name_becomes_checked_addresses() -> None:
    policy = AddressPolicy(resolver=resolving("2606:4700::1", "1.1.1.1"))
    endpoints = policy.resolve("name.example", 443, 5)
    assert endpoints == [Endpoint("2606:4700::1", 443), Endpoint("1.1.1.1", 443)]
    assert [endpoint.family.name for endpoint in endpoints] == ["AF_INET6", "AF_INET"]


@pytest.mark.parametrize("ips", [("10.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("1.1.1.1", "::1")])
def test_a_name_with_one_private_address_is_refused(ips: tuple[str, ...]) -> None:
    with pytest.raises(AddressError, match="not on the public internet") as caught:
        AddressPolicy(resolver=resolving(*ips)).resolve("name.example", 443, 5)
    assert not caught.value.retryable
    assert not any(ip in str(caught.value) for ip in ips), "nobody learns of the inside"


def test_a_name_with_very_many_addresses() -> None:
    many = [f"1.1.1.{last}" for last in range(200)]
    assert len(AddressPolicy(resolver=resolving(*many)).resolve("name.example", 443, 5)) == MAX_ADDRESSES
    with pytest.raises(AddressError):
        AddressPolicy(resolver=resolving(*many, "10.0.0.1")).resolve("name.example", 443, 5)


def unknown(host: str, port: int) -> list[str]:
    raise OSError(-2, f"{host}:{port} is not known")


async def test_a_name_that_is_not_found_may_be_found_later() -> None:
    for resolver in (unknown, resolving()):
        policy = AddressPolicy(resolver=resolver)
        with pytest.raises(AddressError, match="not found") as caught:
            policy.resolve("name.example", 443, 5)
        assert caught.value.retryable
        with pytest.raises(AddressError, match="not found"):
            await policy.resolve_async("name.example", 443, 5)


async def test_a_lookup_that_hangs_has_a_deadline() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        del host, port
        release.wait(60)
        return ["1.1.1.1"]

    policy = AddressPolicy(resolver=hanging)
    began_at = time.monotonic()
    with pytest.raises(AddressError, match="in time") as caught:
        policy.resolve("name.example", 443, 0.05)
    assert caught.value.retryable
    with pytest.raises(AddressError, match="in time"):
        await policy.resolve_async("name.example", 443, 0.05)
    assert time.monotonic() - began_at < 10
    release.set()


async def test_lookups_on_the_event_loop() -> None:
    policy = AddressPolicy(resolver=resolving("1.1.1.1"))
    found = await asyncio.gather(*(policy.resolve_async("name.example", 443, 5) for _ in range(100)))
    assert found == [[Endpoint("1.1.1.1", 443)]] * 100
    with pytest.raises(AddressError):
        await policy.resolve_async("127.0.0.1", 443, 5)
    with pytest.raises(AddressError):
        await policy.resolve_async("localhost", 443, 5)
    with pytest.raises(AddressError, match="not on the public"):
        await AddressPolicy(resolver=resolving("10.0.0.1")).resolve_async("name.example", 443, 5)


def test_the_systems_resolver() -> None:
    assert Endpoint("127.0.0.1", 80) in AddressPolicy(True).resolve("localhost", 80, 10)
