"""Servers that lie, stall and never end: each error says what is wrong, within the deadline and the bounds."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import preflight
from preflight.errors import SourceChanged, SourceError
from preflight.net.urls import Url, parse_url
from preflight.sources.diagnosis import RangeRefused
from preflight.sources.http import _is_unchanged
from tests.rows import each_row
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, FakeTime, Open

SIZE = len(DATA)


def failure(source: object, offset: int = 0, length: int = 10) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.read_at(offset, length)  # type: ignore[attr-defined]
    return caught.value


@pytest.mark.parametrize(
    ("behaviour", "says", "requests"),
    [
        ("wrong-range", "the server sent a part of the file although all of it was requested", 2),
        ("no-content-range", "the server sent a part of the file although all of it was requested", 2),
        ("odd-headers", "a header line without a name", 1),
        ("compressed-with/br", "compressed with br although", 1),
        ("compressed-with/zstd", "compressed with zstd although", 1),
        ("compressed-with/gzip,br", "compressed with gzip, br although", 1),
        ("garbled-coding/gzip", "is not valid gzip, despite", 1),
        ("garbled-coding/deflate", "is not valid deflate, despite", 1),
        ("hollow", "continues without content", 1),
        ("many-headers", "more than 100 headers", 1),
        ("long-header", "65536 bytes", 1),
        ("endless-headers", "65536 bytes of headers", 1),
        ("continues", "65536 bytes of headers", 1),
        ("no-http", "not begin with a status line", 1),
    ],
)
def test_unusable_response_is_reported(open_url: Open, behaviour: str, says: str, requests: int) -> None:
    source = open_url(f"{behaviour}/{NAME}")
    error = failure(source)
    assert error.code == "response_invalid"
    assert says in str(error)
    assert str(failure(source)) == str(error), "a failure stays, and nothing is asked again"
    assert source.requests == requests


@pytest.mark.parametrize("behaviour", ["silent", "drip", "drip-headers", "drip-flood/continue", "stalls"])
def test_deadline_ends_every_response(open_url: Open, behaviour: str) -> None:
    source = open_url(f"{behaviour}/{NAME}", timeout=0.4)
    began = time.monotonic()
    error = failure(source, 200_000)
    assert error.code == "timed_out"
    assert "within 0.4 s" in str(error)
    assert 0.3 < time.monotonic() - began < 5


def test_bytes_before_the_deadline_stay_and_do_not_end_the_file(open_url: Open) -> None:
    source = open_url(f"stalls-chunked/{NAME}", timeout=0.4)
    assert source.read_at(0, 10) == DATA[:10]
    for _ in range(2):
        assert failure(source, 200_000).code == "timed_out"
    assert source.read_at(4000, 10) == DATA[4000:4010]
    assert source.size is None


@pytest.mark.parametrize("behaviour", ["endless", "endless-part", "endless-redirect"])
def test_a_body_without_end_is_not_read_to_its_end(open_url: Open, behaviour: str) -> None:
    source = open_url(f"{behaviour}/{NAME}")
    assert source.read_at(0, 32_768) == DATA[:32_768]
    assert source.bytes_read == 32_768
    source.close()


def test_false_length_reserves_no_memory(server: Server, open_url: Open) -> None:
    tracemalloc.start()
    try:
        source = open_url(f"length-too-long/{NAME}")
        assert source.read_at(0, 10) == DATA[:10]
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert source.delivery.notes == ("length_wrong",)


def test_file_that_changes_between_two_responses_is_reported(open_url: Open) -> None:
    for behaviour in ("changes-date", "changes-size"):
        source = open_url(f"{behaviour}/{NAME}")
        assert source.read_at(0, 10) == DATA[:10]
        error = failure(source, 200_000)
        assert isinstance(error, SourceChanged)
        assert error.code == "source_changed"


def test_etag_that_varies_is_noted_where_the_content_is_the_same(open_url: Open) -> None:
    source = open_url(f"changes-tag/{NAME}")
    assert source.read_at(0, 10) + source.read_at(200_000, 10) == DATA[:10] + DATA[200_000:200_010]
    source.verify()
    assert source.delivery.notes == ("etag_varies",)
    assert source.requests == 4, "both pieces are compared"


def test_etag_that_varies_between_bodies_is_noted_where_they_begin_alike(open_url: Open) -> None:
    source = open_url(f"changes-tag-without-ranges/{NAME}")
    assert source.read_at(290_000, 10) == DATA[290_000:290_010]
    source.verify()
    assert "etag_varies" in source.delivery.notes


def test_part_and_whole_of_different_content_are_told_apart(open_url: Open) -> None:
    source = open_url(f"changes-to-no-ranges/{NAME}")
    source.read_at(0, 10)
    source.read_at(200_000, 10)
    with pytest.raises(SourceChanged):
        source.verify()
    assert source.requests == 2


def test_changed_content_under_another_etag_is_found(open_url: Open) -> None:
    source = open_url(f"changes-content/{NAME}")
    assert source.read_at(0, 10) + source.read_at(200_000, 10) == DATA[:10] + DATA[200_000:200_010]
    with pytest.raises(SourceChanged):
        source.verify()


def test_etag_that_differed_once_is_enough_to_compare_the_content(open_url: Open) -> None:
    source = open_url(f"changes-back/{NAME}")
    for offset in (0, 100_000, 200_000):
        source.read_at(offset, 10)
    with pytest.raises(SourceChanged):
        source.verify()


def test_file_that_became_shorter_under_another_etag_has_changed(open_url: Open) -> None:
    source = open_url(f"changes-tag-then-no-range/{NAME}")
    assert source.read_at(0, 10) + source.read_at(200_000, 10) == DATA[:10] + DATA[200_000:200_010]
    with pytest.raises(SourceChanged):
        source.verify()


def test_report_of_varying_etags_and_of_changed_content(server: Server, fixtures: Path) -> None:
    clip = (fixtures / "accepted/clip.mp4").read_bytes()
    movie = clip.index(b"moov") - 4
    end = movie + int.from_bytes(clip[movie : movie + 4], "big")
    film = b"\0\0\0\x14ftypisom\0\0\0\0isom" + (SIZE + 8).to_bytes(4, "big") + b"mdat" + DATA
    server.files["clip.mp4"] = film + clip[movie:end]
    report = preflight.check(server.url("changes-tag/clip.mp4"), "atlas", allow_private=True)
    assert "etag_varies" in [finding.code for finding in report.findings]
    assert (report.error, report.media and report.media.width) == (None, 640)
    report = preflight.check(server.url("changes-content/clip.mp4"), "atlas", allow_private=True)
    assert report.media is None or report.media.width != 640


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "login"),
        (403, "not public"),
        (404, "no such file"),
        (405, "not accept GET"),
        (410, "removed"),
        (418, "automated clients"),
        (400, "Check the link"),
        (304, "not a file"),
        (204, "not a file"),
        (499, "refuses"),
    ],
)
def test_status_is_explained(open_url: Open, status: int, says: str) -> None:
    source = open_url(f"status/{status}/x")
    error = failure(source)
    assert error.code == "download_failed"
    assert str(status) in str(error)
    assert says in str(error)
    assert source.delivery.status == status
    assert source.delivery.content_type == "text/html"
    # With Range, then plainly, which decides; then as a browser asks, where only that explains a refusal.
    assert source.requests == {410: 1, 403: 3, 418: 3}.get(status, 2)


def test_only_the_error_code_of_an_object_store_is_quoted(open_url: Open) -> None:
    text = str(failure(open_url("store/SignatureDoesNotMatch/x")))
    assert "403 Forbidden (SignatureDoesNotMatch): the file is not public" in text
    assert "AKIA" not in text
    assert "the link has expired" in str(failure(open_url("store/ExpiredToken/x")))


def test_an_expired_signature_is_the_likeliest_reason(open_url: Open) -> None:
    query = "X-Amz-Date=20200102T030405Z&X-Amz-Expires=60&X-Amz-Signature=0"
    source = open_url(f"status/403/x?{query}")
    assert "the link has expired. Sign it again." in str(failure(source))
    assert source.delivery.expires_in is not None
    assert source.delivery.expires_in < 0


GOOD = (
    b"HTTP/1.1 206 Partial Content\r\nContent-Type: image/png\r\nContent-Range: bytes 0-99/300\r\n"
    b'Content-Length: 100\r\nETag: "x"\r\nRetry-After: 1\r\nLocation: /raw/answer\r\n\r\n' + bytes(range(100))
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\x89PNG\r\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
CHANGES = st.lists(st.tuples(st.integers(0, 300), st.sampled_from(b"\0\r\n :-/*,;0139\xff\xe9AZ")), max_size=6)


@given(st.sampled_from([GOOD, CHUNKED]), CHANGES, st.integers(0, 400))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_response_raises_source_errors_only(
    server: Server, open_url: Open, fake_time: FakeTime, answer: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    changed = bytearray(answer)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    server.files["answer"] = bytes(changed[:cut])
    source = open_url("raw/answer", timeout=3.0, parts=fake_time.parts())
    with contextlib.suppress(SourceError):
        assert len(source.read_at(0, 50)) <= 50
        assert len(source.read_at(250, 100)) <= 100
    source.close()


def test_a_refused_share_link_gets_its_hint(server: Server, open_url: Open) -> None:
    url = f"http://www.dropbox.com:{server.port}/status/404/a?dl=0"
    source = open_url(url, parts={"resolve": lambda host, port: ["127.0.0.1"]})
    assert "dl=1" in str(failure(source))


class Fixed(NamedTuple):
    """A response that is as good as received."""

    status: int
    body: bytes
    part: str = ""
    url: Url = parse_url("https://h.example/a")

    def header(self, _name: str) -> str:
        return self.part

    def read(self, length: int) -> bytes:
        return self.body[:length]

    def close(self) -> None:
        """Do nothing: there is no connection."""

    drain_and_close = close


@each_row(
    ("span", "response", "unchanged"),
    [
        ((0, 4), Fixed(200, b"abcdef"), True),
        ((0, 4), Fixed(200, b"abcDef"), False),
        ((5, 9), Fixed(200, b"abcd"), None),
        ((5, 9), Fixed(206, b"abcd", "bytes 5-8/90"), True),
        ((5, 9), Fixed(206, b"abcD", "bytes 5-8/90"), False),
        ((5, 9), Fixed(206, b"ab", "bytes 5-6/90"), True),
        ((5, 9), Fixed(206, b"abcd", "bytes 4-7/90"), None),
        ((0, 4), Fixed(206, b"abcd", "bytes"), None),
        ((5, 9), Fixed(416, b""), False),
    ],
)
def test_chunk_is_compared_with_the_part_that_the_server_returns(
    span: tuple[int, int], response: Fixed, unchanged: bool | None
) -> None:
    if unchanged is None:
        with pytest.raises(RangeRefused):
            _is_unchanged(span, b"abcd", response)  # type: ignore[arg-type]
    else:
        assert _is_unchanged(span, b"abcd", response) is unchanged  # type: ignore[arg-type]
