"""Which URLs are valid, and the messages for those that are not."""

from __future__ import annotations

import re

import pytest

from preflight.errors import SourceError
from preflight.net.urls import parse_url
from preflight.sources.http import HttpOptions, HttpSource
from tests.rows import each_row


def test_url_is_split_into_its_parts() -> None:
    assert parse_url("https://me:pw@H.example:8443/a b?c") == (
        "https",
        "h.example",
        8443,
        False,
        "me:pw",
        "/a b?c",
        True,
        "https://me:pw@H.example:8443/a b?c",
    )
    assert parse_url("http://[::1]/") == ("http", "::1", 80, True, None, "/", False, "http://[::1]/")


@each_row(
    ("url", "sentence"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", "data:image/png;base64,… holds the file itself"),
        ("ftp://h.example/a", "has the scheme ftp"),
        ("s3://bucket/a.png", "presigned"),
        ("gs://bucket/a.png", "presigned"),
        ("file:///etc/passwd", "Give its path"),
        ("file:///tmp/a%20b.png", "Give its path: /tmp/a b.png"),
        ("file://localhost/a.png", "Give its path: /a.png"),
        ("file://h.example/a.png", "Give its path."),
        ("file://", "Give its path."),
        ("h.example/a.png", "Write https://"),
        ("https:/h.example/a", "names no host"),
        ("https:h.example", "names no host"),
        ("https:h.example:8443", "Write https://host/path"),
        ("https://", "names no host"),
        ("https://:443/a", "names no host"),
        ("https://h.example:99999/a", "cannot be read"),
        ("https://h.example:port/a", "cannot be read"),
        ("https://[::1/a", "cannot be read"),
        ("https://h.example/a\r\nX-Evil: 1", "control characters"),
        (" https://h.example/a", "spaces"),
        ("https://h.example/" + "a" * 70_000, "70,018 characters"),
        ("https://" + "a" * 64 + ".example/", "its host cannot be read"),
        ("https://*.example/", "a character in its host"),
    ],
)
def test_invalid_url_is_refused_with_a_remedy(url: str, sentence: str) -> None:
    source = HttpSource(url)
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 10)
    if caught.value.code != "connection_failed":  # a label of 64 letters is only a name that nobody has
        assert caught.value.code == "url_invalid"
        assert sentence in str(caught.value)
    assert source.requests == 0 or caught.value.code == "connection_failed"
    assert source.delivery.url_length == len(url)
    with pytest.raises(SourceError):
        _ = source.size


ODD = [
    ("http://127.0.0.1\\@8.8.8.8/", "has a backslash before its path"),
    ("http://8.8.8.8\\@127.0.0.1/", "has a backslash before its path"),
    ("http://127.0.0.1\\\\@8.8.8.8/", "has a backslash before its path"),
    ("http://127.0.0.1%5C@8.8.8.8/", "has a backslash before its path"),
    ("http://127.0.0.1%5c%5c@8.8.8.8/", "has a backslash before its path"),
    ("http://h.example\\a.png", "has a backslash before its path"),
    ("http:\\\\h.example\\a.png", "names no host"),
    ("http:/\\h.example/", "names no host"),
    ("http:///\\h.example/", "names no host"),
    ("http://127.0.0.1\t@8.8.8.8/", "control characters"),
    ("http://127.0.0.1\n@8.8.8.8/", "control characters"),
    ("http://127.0.0.1 @8.8.8.8 /", "a character in its host"),
    ("http://8.8.8.8 /", "a character in its host"),
    ("http://me@127.0.0.1@8.8.8.8/", "more than one @"),
    ("http://me:p@w@8.8.8.8/", "more than one @"),
    ("http://127%2e0.0.1/", "a percent-encoded host"),
    ("http://h.example%00.other/", "a percent-encoded host"),
    ("http://h.example%2f@8.8.8.8%2f/", "a percent-encoded host"),
    ("http://h.example\uff0f@8.8.8.8/", "cannot be read"),  # a fullwidth slash
    ("http://\u2100.example/", "cannot be read"),  # becomes a/c
    ("http://127\uff0e0\uff0e0\uff0e1/", "clients convert to another"),
    ("http://127\u30020\u30020\u30021/", "clients convert to another"),
    ("http://127\uff610.0.1/", "clients convert to another"),
    ("http://\uff11\uff12\uff17.0.0.1/", "clients convert to another"),
    ("http://\u2460.example/", "clients convert to another"),  # a circled 1
    ("http://lo\u00adcalhost/", "clients convert to another"),  # a soft hyphen, which disappears
    ("http://local\u200bhost/", "clients convert to another"),
    ("http://\ufb01le.example/", "clients convert to another"),  # a ligature
    ("http://[fe80::1%25eth0]/", "with a zone"),
    ("http://[2606:4700::1111%25eth0]/", "with a zone"),
    ("http://[::1%eth0]/", "with a zone"),
    ("http://[127.0.0.1]/", "cannot be read"),
    ("http://[v1.a]/", "not an IPv6 address"),
    ("http://[1:2]/", "cannot be read"),
    ("http://1.2.3.256/", "not an IPv4 address"),
    ("http://1.2.3.4.5/", "not an IPv4 address"),
    ("http://127.0.0.09/", "not an IPv4 address"),
    ("http://4294967296/", "not an IPv4 address"),
    ("http://h.example.1/", "not an IPv4 address"),
    ("http://0xg.0x1/", "not an IPv4 address"),
    ("http://127.0.0.1../", "two dots in a row"),
    ("http://h..example/", "two dots in a row"),
    ("http://.h.example/", "two dots in a row"),
    ("http://./", "two dots in a row"),
    ("http://h.example:+80/", "cannot be read"),
    ("http://h.example:8_0/", "cannot be read"),
    ("http://h.example:\u0668\u0660/", "cannot be read"),
    ("http://h.example:-1/", "cannot be read"),
    ("http://h,example/", "a character in its host"),
    ("http://h'example/", "a character in its host"),
    ("http://<h>/", "a character in its host"),
]


@each_row(("url", "sentence"), ODD)
def test_host_that_clients_parse_differently_is_refused_with_remedy(url: str, sentence: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_url(url)
    assert caught.value.code == "url_invalid"
    assert sentence in str(caught.value)
    assert re.search(r"\. (Write|Check|Remove|Leave)", str(caught.value)), "a remedy follows"
    source = HttpSource(url, options=HttpOptions(allow_private=True))
    with pytest.raises(SourceError):
        source.read_at(0, 10)
    assert source.requests == 0


@each_row(
    ("url", "host", "is_ip"),
    [
        ("http://b\u00fccher.example/", "b\u00fccher.example", False),
        ("http://bu\u0308cher.example/", "bu\u0308cher.example", False),
        ("http://\u4f8b\u3048.example/", "\u4f8b\u3048.example", False),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", False),
        ("http://my_bucket.s3.example/", "my_bucket.s3.example", False),
        ("http://h.example./", "h.example.", False),
        ("http://1.h.example/", "1.h.example", False),
        ("http://h.example/a\\b@c@d", "h.example", False),
        ("http://h.example?\\@127.0.0.1", "h.example", False),
        ("http://h.example#\\@127.0.0.1", "h.example", False),
        ("http://me:p%40w@h.example/", "h.example", False),
        ("http://h.example:/", "h.example", False),
        ("http://0177.1/", "0177.1", True),
        ("http://0x7F.1/", "0x7f.1", True),
        ("http://2130706433/", "2130706433", True),
        ("http://127.1/", "127.1", True),
        ("http://127.0.0.1./", "127.0.0.1.", True),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", True),
    ],
)
def test_host_that_all_clients_parse_alike_is_accepted(url: str, host: str, is_ip: bool) -> None:
    assert parse_url(url)[1:4:2] == (host, is_ip)


@each_row(
    ("url", "target"),
    [
        ("http://h.example", "/"),
        ("http://h.example?a=b", "/?a=b"),
        ("http://h.example/a/b.png?c=d&e#f", "/a/b.png?c=d&e"),
        ("http://h.example/a%20b%2Fc", "/a%20b%2Fc"),
        ("http://h.example/a b\u00fc", "/a%20b%C3%BC"),
        ("http://h.example/100%/a%zz", "/100%25/a%25zz"),
        ("http://h.example/a/./b/../../c", "/c"),
        ("http://h.example/../../a/..", "/"),
        ("http://h.example/a/...?b=/../c", "/a/...?b=/../c"),
        ("http://h.example/{a}|b?<c>", "/%7Ba%7D%7Cb?%3Cc%3E"),
        ("http://me:pw@h.example/a", "/a"),
    ],
)
def test_request_target_is_escaped_and_without_dot_segments(url: str, target: str) -> None:
    assert parse_url(url).target == target


@each_row(
    ("url", "authority"),
    [
        ("http://H.example:80/", "h.example"),
        ("https://h.example:80/", "h.example:80"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("http://me:pw@h.example/", "h.example"),
    ],
)
def test_authority_names_the_host_in_ascii(url: str, authority: str) -> None:
    assert parse_url(url).authority == authority


def test_shown_url_has_no_credentials_path_or_query() -> None:
    assert repr(parse_url("https://me:hunter2@h.example/secret?token=secret")) == "<Url https://h.example:443>"
