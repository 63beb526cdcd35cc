"""Bytes that come one after another, options of requests, and what a refusal or a web page means."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from preflight.errors import SourceError, UsageError
from preflight.net.options import HttpOptions
from preflight.sources.diagnosis import classify_page, is_page, reason_of, refused, share_of
from preflight.sources.http import HttpSource
from preflight.sources.open import AssetReference, asset_of, display_name, is_fetched, is_url, open_source
from preflight.sources.stream import Spool, StreamSource
from tests.rows import each_row

DATA = bytes(range(256)) * 100


class Body:
    """A body that records what is read of it, and ends or fails after some bytes."""

    def __init__(self, data: bytes = DATA, fails_after: int | None = None) -> None:
        self.data, self.fails_after, self.at, self.closed = data, fails_after, 0, 0
        self.reads: list[int] = []

    def read(self, length: int) -> bytes:
        if self.fails_after is not None and self.at >= self.fails_after:
            raise SourceError("connection_failed", "gone")
        self.reads.append(length)
        piece = self.data[self.at : self.at + length]
        self.at += len(piece)
        return piece

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def spooled() -> Iterator[Callable[..., Spool]]:
    """Make spools, which are closed after the test."""
    with ExitStack() as stack:
        yield lambda body, size=None: stack.enter_context(closing(Spool(body, size)))


class TestSpool:
    @pytest.mark.parametrize(("end", "kept"), [(0, 0), (1, 4096), (4096, 4096), (4097, 8192), (25_600, 25_600)])
    def test_it_reads_in_steps_and_no_further(self, spooled: Callable[..., Spool], end: int, kept: int) -> None:
        body = Body()
        spool = spooled(body)
        spool.read_to(end)
        assert (spool.kept, body.at) == (kept, kept)
        assert spool.at(0, 1 << 20) == DATA[:kept]
        assert spool.at(kept, 5) == b""
        assert spool.at(3, 4) == (DATA[3:7] if kept else b"")

    def test_it_ends_with_a_short_read_or_its_size(self, spooled: Callable[..., Spool]) -> None:
        body = Body()
        spool = spooled(body)
        spool.read_to(1 << 20)
        assert (spool.ended, spool.kept, body.closed) == (True, len(DATA), 1)
        body = Body()
        spool = spooled(body, 5000)
        spool.read_to(1 << 20)
        assert (spool.ended, spool.kept, body.reads, body.closed) == (True, 5000, [5000], 1)

    def test_no_read_is_larger_than_64_kib(self, spooled: Callable[..., Spool]) -> None:
        body = Body(bytes(200_000))
        spooled(body).read_to(150_000)
        assert (max(body.reads), body.at) == (65_536, 151_552)

    def test_a_failure_is_raised_again_until_it_is_resumed(self, spooled: Callable[..., Spool]) -> None:
        body = Body(fails_after=4096)
        spool = spooled(body)
        spool.read_to(100)
        for _ in range(2):
            with pytest.raises(SourceError, match="gone"):
                spool.read_to(5000)
        spool.read_to(4096)
        assert spool.resume(Body())
        spool.read_to(5000)
        assert spool.at(4000, 1000) == DATA[4000:5000]

    def test_another_body_is_not_resumed(self, spooled: Callable[..., Spool]) -> None:
        spool = spooled(Body())
        spool.read_to(100)
        changed = bytearray(DATA)
        changed[4095] ^= 1
        assert not spool.resume(Body(bytes(changed)))
        assert not spool.resume(Body(DATA[:4095]))
        changed = bytearray(DATA)
        changed[4096] ^= 1
        assert spool.resume(Body(bytes(changed)))


class Pipe(io.RawIOBase):
    """A stream that cannot seek and gives few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7) if size >= 0 else 7)


class TestStreams:
    @pytest.mark.parametrize("make", [io.BytesIO, Pipe])
    def test_any_offset_can_be_read(self, make: Any) -> None:
        with closing(StreamSource(make(DATA))) as source:
            assert source.read_at(300, 10) == DATA[300:310]
            assert source.read_at(0, 5) == DATA[:5]
            assert source.size == len(DATA)
            assert source.read_at(len(DATA) - 2, 10) == DATA[-2:]
            assert source.read_at(len(DATA), 1) == b""
            assert source.read_at(len(DATA) + 9, 1) == b""

    def test_pipe_is_read_no_further_than_needed(self) -> None:
        with closing(StreamSource(Pipe(DATA))) as source:
            source.read_at(0, 10)
            assert source.bytes_read == 10

    def test_pipe_is_read_up_to_the_limit(self) -> None:
        with closing(StreamSource(Pipe(DATA), limit=500)) as source:
            assert source.size == 500

    @each_row(
        ("piece", "problem"),
        [
            (None, "<stream> is non-blocking. Open it in blocking mode."),
            ("text", "<stream> gives str, not bytes. Open it in binary mode."),
            (OSError("gone"), "<stream> cannot be read (OSError: gone). Open it again for reading."),
            (ValueError(), "<stream> cannot be read (ValueError). Open it again for reading."),
        ],
    )
    def test_a_stream_that_gives_no_bytes_is_reported(self, piece: Any, problem: str) -> None:
        class Odd:
            def read(self, _length: int) -> Any:
                if isinstance(piece, Exception):
                    raise piece
                return piece

        with closing(StreamSource(Odd())) as source, pytest.raises(SourceError) as caught:  # type: ignore[arg-type]
            source.read_at(0, 1)
        assert (caught.value.code, str(caught.value)) == ("unreadable", problem)

    def test_streams_of_text_and_closed_ones_are_refused(self) -> None:
        closed = io.BytesIO()
        closed.close()
        for stream, problem in ((io.StringIO("x"), "<stream> is open as text"), (closed, "<stream> is closed")):
            with pytest.raises(SourceError, match=problem):
                StreamSource(stream)  # type: ignore[arg-type]

    def test_a_stream_gives_no_more_than_asked_for(self) -> None:
        class Generous(Pipe):
            def read(self, size: int = -1) -> bytes:
                return super().read(size) and DATA[:9]

        with closing(StreamSource(Generous(DATA))) as source:
            assert source.read_at(0, 3) == DATA[:3]
            assert source.bytes_read == 3

    def test_the_position_of_a_file_is_restored(self) -> None:
        for position in (0, 77):
            file = io.BytesIO(DATA)
            file.seek(position)
            with closing(StreamSource(file)) as source:
                assert source.read_at(0, 3) == DATA[:3]
            assert file.tell() == position


@each_row(
    ("options", "accepted"),
    [
        ({"timeout": 0.001}, True),
        ({"timeout": 86_400}, True),
        ({"timeout": 0}, False),
        ({"timeout": 86_400.1}, False),
        ({"timeout": "5"}, False),
        ({"max_redirects": 0, "retries": 0, "per_host": 1}, True),
        ({"max_redirects": -1}, False),
        ({"retries": -1}, False),
        ({"per_host": 0}, False),
        ({"proxy": "http://h:1"}, True),
        ({"proxy": "socks5h://h"}, True),
        ({"proxy": "h:1"}, False),
        ({"proxy": "http:///x"}, False),
        ({"user_agent": "a" * 8192}, True),
        ({"user_agent": "a" * 8193}, False),
        ({"user_agent": "  "}, False),
        ({"user_agent": "a\nb"}, False),
        ({"headers": {"X-A": ""}}, True),
        ({"headers": {"X-A": "a" * 8192}}, True),
        ({"headers": {"X-A": "a" * 8193}}, False),
        ({"headers": {"x" * 100: "a"}}, True),
        ({"headers": {"x" * 101: "a"}}, False),
        ({"headers": {"": "a"}}, False),
        ({"headers": [("A", "1"), ("a", "2")]}, False),
        ({"headers": [("A", "1", "2")]}, False),
        ({"headers": {f"X-{number}": "a" for number in range(32)}}, True),
        ({"headers": {f"X-{number}": "a" for number in range(33)}}, False),
        ({"headers": {"Range": "a"}}, False),
        ({"headers": {"user-agent": "a"}}, False),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], accepted: bool) -> None:
    if accepted:
        assert HttpOptions(**options) == HttpOptions(**options)
    else:
        with pytest.raises(UsageError):
            HttpOptions(**options)


@each_row(
    ("status", "code"),
    [
        (400, "download_failed"),
        (404, "download_failed"),
        (429, "rate_limited"),
        (499, "download_failed"),
        (500, "server_error"),
        (599, "server_error"),
        (204, "download_failed"),
    ],
)
def test_a_refusal_has_a_code_by_its_status(status: int, code: str) -> None:
    assert refused("x", status, b"", "", expired=False).code == code


@each_row("status", [400, 401, 403, 410, 404, 405])
def test_expired_link_is_reported_if_it_may_be_the_cause(status: int) -> None:
    named = "the link has expired" in str(refused("x", status, b"", "", expired=True))
    assert named is (status in (400, 401, 403, 410))
    assert "the link has expired" in str(refused("x", status, b"<Code>ExpiredToken</Code>", "", expired=False))
    assert "the link has expired" not in str(refused("x", status, b"", "", expired=False))


def test_store_that_hides_its_listing_is_explained() -> None:
    denied = b"<Error><Code>AccessDenied</Code></Error>"
    assert "for a missing file" in str(refused("x", 403, denied, "", expired=False))
    assert "for a missing file" not in str(refused("x", 404, denied, "", expired=False))
    assert "for a missing file" not in str(refused("x", 403, b"<Code>Other</Code>", "", expired=False))
    assert "(Other)" in str(refused("x", 403, b"<Code>Other</Code>", "", expired=False))
    assert str(refused("x", 404, b"", "look", expired=False)).endswith(". Look.")


@each_row(
    ("url", "share"),
    [
        ("https://drive.google.com/x", "drive"),
        ("https://docs.google.com/x", "drive"),
        ("https://photos.app.goo.gl/x", "photos"),
        ("https://www.dropbox.com/x", "dropbox"),
        ("https://notdropbox.com/x", None),
        ("https://dropbox.com.example/x", None),
        ("https://[/x", None),
    ],
)
def test_share_links_are_known_by_their_host(url: str, share: str | None) -> None:
    assert share_of(url) == share


@each_row(
    ("head", "page"),
    [
        (b"<!DOCTYPE HTML>", True),
        (b"\xef\xbb\xbf \n<html>", True),
        (b"<?xml version='1'?>\n<html>", True),
        (b"<?xml version='1'?>\n<svg>", False),
        (b"<!-- a --><html>", True),
        (b"<!-- a --><svg>", False),
        (b" " * 1023 + b"<html>", False),
        (b" " * 1020 + b"<html>", False),
        (b" " * 1019 + b"<html>", True),
        (b"\x89PNG", False),
    ],
)
def test_a_web_page_is_known_by_its_beginning(head: bytes, page: bool) -> None:
    assert is_page(head) is page


@each_row(
    ("url", "head", "kind"),
    [
        ("https://h.example/a", b"<html>", "html"),
        ("https://login.h.example/a", b"<html>", "login"),
        ("https://h.okta.com/a", b"<html>", "login"),
        ("https://h.example/sign-in/a", b"<html>", "login"),
        ("https://h.example/signing", b"<html>", "html"),
        ("https://h.example/a", b"<html><input type='password'>", "login"),
        ("https://drive.google.com/a", b"<html><input type='password'>", "drive"),
        ("https://h.example/a", b"<html>Just a moment...", "challenge"),
        ("https://h.example/a", b"\x89PNG", None),
    ],
)
def test_kinds_of_web_pages(url: str, head: bytes, kind: str | None) -> None:
    assert classify_page(url, head, "https://asked.example/") == kind
    if kind == "html":
        assert classify_page(url, head, "https://www.dropbox.com/s/x") == "dropbox"


@each_row(
    ("target", "url", "fetched"),
    [
        ("https://h.example", True, True),
        ("S3://b/a", True, True),
        ("data:,x", True, False),
        ("asset://x", True, False),
        ("a.png", False, False),
        ("c:\\a.png", False, False),
        (b"https://h", False, False),
    ],
)
def test_urls_are_told_from_paths(target: object, url: bool, fetched: bool) -> None:
    assert (is_url(target), is_fetched(target)) == (url, fetched)


@each_row(
    ("target", "asset"),
    [
        ("asset://a-1", AssetReference("asset://a-1")),
        ("IMAGE=asset://a-1", AssetReference("asset://a-1", "image")),
        ("sound=asset://a-1", None),
        ("asset://", None),
        ("asset://a b", None),
        ("a.png", None),
    ],
)
def test_references_to_assets(target: str, asset: AssetReference | None) -> None:
    assert asset_of(target) == asset


def test_names_of_targets_hide_secrets() -> None:
    assert display_name("https://h.example/a?sig=x") == "https://h.example/a?sig=…"
    assert display_name("h.example/a?sig=x") == "h.example/a?sig=…"
    assert display_name("what?.png") == "what?.png"
    assert display_name("a=b.png") == "a=b.png"
    assert display_name(b"x") == "<bytes>"
    assert display_name(io.BytesIO()) == "<stream>"


@pytest.mark.parametrize(
    ("url", "scheme"), [("FTP:a:b", "ftp"), ("h.example", ""), ("x" * 40 + ":y", ""), ("http:h:80", "http")]
)
def test_the_scheme_of_an_unusable_url_is_what_stands_before_its_first_colon(url: str, scheme: str) -> None:
    assert HttpSource(url).delivery.scheme == scheme


@each_row(
    ("status", "header", "body", "how"),
    [
        (400, "", b"Just a moment...", "with a bot challenge"),
        (399, "", b"Just a moment...", None),
        (200, "challenge", b"", "with a bot challenge"),
        (403, "", b"hotlinking", "by their User-Agent, their Referer or their behavior"),
        (404, "", b"hotlinking", None),
        (403, "", b"", None),
    ],
)
def test_a_refusal_shows_that_it_targets_automated_clients(
    status: int, header: str, body: bytes, how: str | None
) -> None:
    headers = {"cf-mitigated": header}
    assert reason_of(status, lambda name: headers.get(name, ""), body) == how


@each_row("target", [5, None, object(), ["a.png"], io.BytesIO])
def test_other_objects_cannot_be_opened(target: Any) -> None:
    with pytest.raises(UsageError, match="cannot be checked"):
        open_source(target)


def test_registered_assets_are_not_opened() -> None:
    for target in (AssetReference("asset://a"), "video=asset://a"):
        with pytest.raises(SourceError) as caught:
            open_source(target)
        assert caught.value.code == "asset_reference"
