"""What is taken for a URL, and what it is taken apart into."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.network.urls import AddressError, literal_ip, parse_url


def test_a_whole_url() -> None:
    target = parse_url("RTMP://user:p%40ss@Live.Example.ORG:1936/app/key?token=1#part", "stream")
    assert (target.scheme, target.host, target.port) == ("rtmp", "live.example.org", 1936)
    assert target.path == "/app/key?token=1"
    assert target.credentials == ("user", "p@ss")
    assert target.url == "rtmp://live.example.org:1936/app/key?token=1"


@pytest.mark.parametrize(
    ("url", "port", "shown"),
    [
        ("http://example.org", 80, "http://example.org/"),
        ("https://example.org:443/", 443, "https://example.org/"),
        ("https://example.org:/", 443, "https://example.org/"),
        ("https://example.org:80/", 80, "https://example.org:80/"),
        ("http://[2001:DB8::1]:8080/", 8080, "http://[2001:db8::1]:8080/"),
        ("http://example.org?x=1", 80, "http://example.org/?x=1"),
        ("http://example.org./", 80, "http://example.org/"),
        ("rtmps://example.org/a", 443, "rtmps://example.org/a"),
        ("rtmp://example.org/a", 1935, "rtmp://example.org/a"),
    ],
)
def test_ports_and_shapes(url: str, port: int, shown: str) -> None:
    target = parse_url(url, "stream")
    assert (target.port, target.url) == (port, shown)


def test_names_and_paths_beyond_ascii() -> None:
    target = parse_url("https://bücher.example/直播/流.m3u8?名=1&a=%E6", "callback")
    assert target.host == "xn--bcher-kva.example"
    assert target.path == "/%E7%9B%B4%E6%92%AD/%E6%B5%81.m3u8?%E5%90%8D=1&a=%E6"


@pytest.mark.parametrize(
        "url", [ "", "example.org/x", "//example.org/x", "http:example.org", "http:/example.org",
        "ftp://example.org/x", "file:///etc/passwd", "data:text/plain,x",
        "concat:http://a/|http://b/", "javascript:alert(1)", "http://", "http:///x",
        "http://@example.org/", "http://a@b@example.org/", "http://user@/x",
        "http://example.org:0/", "http://example.org:65536/", "http://example.org:-1/",
        "http://example.org:８０/", "http://example.org:80:80/", "http://[::1/",
        "http://[127.0.0.1]/", "http://[::1]x/", "http://::1/", "http://exa mple.org/",
        "http://example.org/a b", "http://example.org/\r\nHost: x", "http://example.org/\x00",
        "http://example.org\\@127.0.0.1/", "http://exa%6dple.org/", "http://example..org/",
        "http://-a.org/", "http://" + "a" * 64 + ".org/", "http://256.256.256.256/",
        "http://1.2.3.4.5/", "http://0x/ghost.1",
        "http://example.org/" + "a" * 2048, "http://example.org/\ud800",
        "http://example.org/\u2028",
    ],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_url(url, "stream")
    assert not caught.value.retryable
    assert str(caught.value).endswith(".")


def test_callbacks_have_fewer_schemes() -> None:
    parse_url("https://example.org/hook", "callback")
    with pytest.raises(AddressError, match=r"begin with http:// or https://"):
        parse_url("rtmp://example.org/a", "callback")


@pytest.mark.parametrize(
        "url", [ "gopher://user:geheim@example.org/geheim?geheim",
        "http://us@er:geheim@example.org/geheim", "http://example.org:99999/geheim?token=geheim",
        "http://exa..mple/geheim", "http://example.org/geheim x", "http://:geheim@/geheim",
        "http://[geheim]/geheim",
    ],
)  # fmt: skip
def test_errors_never_show_what_may_be_secret(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_url(url, "stream")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
        ("host", "ip"), [ ("127.0.0.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f000001",
        "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"), ("127.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"), ("0", "0.0.0.0"), ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("::1", "::1"),
    ],
)  # fmt: skip
def test_every_spelling_of_an_ip_address_is_one(host: str, ip: str) -> None:
    assert str(literal_ip(host)) in (ip, "::ffff:a00:1" if "ffff" in ip else ip)


@pytest.mark.parametrize(
    "host", ["example.org", "1.example.org", "a1", "x0x1", "256.1.1.1", "1.2.3.4.5", "08.1.1.1"]
)
def test_what_is_no_ip_address(host: str) -> None:
    assert literal_ip(host) is None


def test_digits_of_other_scripts_are_digits() -> None:
    assert parse_url("http://１２７.０.０.１/", "stream").host == "127.0.0.1"
    assert parse_url("http://127。0。0。1/", "stream").host == "127.0.0.1"


@given(st.text(max_size=80))
def test_any_text_after_the_scheme_is_taken_apart_or_refused(text: str) -> None:
    try:
        target = parse_url(f"http://{text}", "stream")
    except AddressError:
        return
    assert target.host
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
    again = parse_url(target.url, "stream")
    assert (again.host, again.port, again.path) == (target.host, target.port, target.path)
