"""Reading a file by URL: its bytes, the requests that they cost, and the recorded delivery."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preflight.clock import Clock
from preflight.errors import SourceError, UsageError
from preflight.media import Need
from preflight.net.transport import Transport, shared
from preflight.sources import Source, http
from preflight.sources.fetch_state import FIRST_FETCH_BYTES, MIN_SEEK_BYTES, TAIL_BYTES
from preflight.sources.http import HttpOptions, HttpSource
from tests.rows import each_row
from tests.servers.hostile import hostile
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open

SIZE = len(DATA)
HONEST = ["file", "ignores-range", "chunked", "unknown-total", "stingy", "ranges-refused", "odd-encoding"]
CODED = [f"compressed-with/{coding}" for coding in ("gzip", "x-gzip", "deflate", "raw-deflate")]
CODED += ["compressed", "compressed-parts", "compressed-chunks", "until-close"]
CODED += ["capped/65536", "capped/1000", "capped-under-a-longer-range/8192"]
ODD = ["other-range", "nameless-range", "several-ranges", "part-as-whole", "whole-as-part", "range-answered-late/403"]


def test_no_request_is_sent_before_the_first_read(server: Server, open_url: Open) -> None:
    source: Source = open_url(f"file/{NAME}")
    assert source.name == server.url(f"file/{NAME}")
    assert not server.seen


def test_first_request_is_a_plain_ranged_get(server: Server, open_url: Open) -> None:
    source = open_url(f"file/{NAME}")
    assert source.read_at(0, 100) == DATA[:100]
    assert source.read_at(FIRST_FETCH_BYTES - 50, 50) == DATA[FIRST_FETCH_BYTES - 50 : FIRST_FETCH_BYTES]
    assert (source.size, source.requests, source.bytes_read) == (SIZE, 1, FIRST_FETCH_BYTES)
    (request,) = server.seen
    assert (request.method, request.span) == ("GET", (0, FIRST_FETCH_BYTES - 1))
    assert request.headers["accept-encoding"] == "identity"
    assert "cookie" not in request.headers
    assert server.sent == FIRST_FETCH_BYTES


def test_distant_read_costs_one_request_and_the_tail_is_fetched_whole(server: Server, open_url: Open) -> None:
    source = open_url(f"file/{NAME}")
    assert source.read_at(150_000, 8) == DATA[150_000:150_008]
    assert source.read_at(150_008, 4000) == DATA[150_008:154_008]
    assert (source.requests, source.bytes_read) == (2, FIRST_FETCH_BYTES + MIN_SEEK_BYTES)
    for offset in (SIZE - 8, SIZE - 128, SIZE - TAIL_BYTES):
        assert source.read_at(offset, 8) == DATA[offset : offset + 8]
    assert (source.requests, source.bytes_read) == (3, FIRST_FETCH_BYTES + MIN_SEEK_BYTES + TAIL_BYTES)


def test_small_file_costs_one_request(server: Server, open_url: Open) -> None:
    server.files["small"] = DATA[:5000]
    for path in ("file/small", "ignores-range/small"):
        source = open_url(path)
        assert source.read_at(4000, 5000) == DATA[4000:5000]
        assert source.read_at(5000, 1) == b""
        assert source.read_at(10**9, 1) == b""
        assert (source.size, source.requests, source.bytes_read) == (5000, 1, 5000)


def test_empty_file_has_size_zero(server: Server, open_url: Open) -> None:
    server.files["empty"] = b""
    for path in ("file/empty", "ignores-range/empty"):
        source = open_url(path)
        assert source.read_at(0, 10) == b""
        assert (source.size, source.delivery.content_length, source.requests) == (0, 0, 1)


def test_whole_file_is_read_with_few_requests(server: Server, open_url: Open) -> None:
    server.files["long"] = DATA * 20
    source = open_url("file/long")
    read = b"".join(source.read_at(at, 4096) for at in range(0, 20 * SIZE, 4096))
    assert read == DATA * 20
    assert source.bytes_read == 20 * SIZE
    assert source.requests <= 16


def test_body_without_ranges_is_read_only_as_far_as_needed(server: Server, open_url: Open) -> None:
    server.files["long"] = DATA * 20
    source = open_url("ignores-range/long")
    assert source.read_at(0, 10) == DATA[:10]
    assert source.bytes_read == 4096
    assert source.read_at(99_000, 10) == DATA[99_000:99_010]
    assert source.read_at(5, 10) == DATA[5:15]
    assert (source.requests, source.bytes_read) == (1, 102_400)
    assert source.delivery.ranges is False
    assert source.delivery.notes == ("no_ranges",)


def test_body_without_ranges_stops_at_max_bytes(server: Server, open_url: Open) -> None:
    source = open_url(f"endless/{NAME}", need=Need(max_bytes=200_000))
    assert source.read_at(150_000, 10) == DATA[150_000:150_010]
    with pytest.raises(SourceError) as caught:
        source.read_at(10**9, 10)
    assert caught.value.code == "too_much_to_read"
    assert source.bytes_read < 200_000
    assert source.read_at(0, 10) == DATA[:10]
    with pytest.raises(SourceError):
        source.read_at(190_000, 10)
    assert source.requests == 1
    assert source.delivery.notes == ("no_ranges", "length_missing", "read_limit")


def test_body_without_ranges_is_read_up_to_max_bytes(open_url: Open) -> None:
    source = open_url(f"endless/{NAME}", need=Need(max_bytes=200_000))
    assert source.read_at(199_990, 10) == DATA[199_990:200_000]
    assert source.delivery.notes == ("no_ranges", "length_missing")
    with pytest.raises(SourceError) as caught:
        source.read_at(199_990, 50_000)
    assert caught.value.code == "too_much_to_read"
    assert source.delivery.notes == ("no_ranges", "length_missing", "read_limit")


def test_an_address_of_ipv6(open_url: Open) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 on loopback")
    with hostile({NAME: DATA}, address="::1") as server:
        source = open_url(f"http://[::1]:{server.port}/file/{NAME}")
        assert source.read_at(0, 10) == DATA[:10]
        assert (source.delivery.host, source.delivery.host_is_ip) == ("::1", True)


def test_ranges_stop_at_max_bytes(open_url: Open) -> None:
    source = open_url(f"file/{NAME}", need=Need(max_bytes=100_000))
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 250_000)
    assert caught.value.code == "too_much_to_read"
    assert source.read_at(50_000, 60_000) == DATA[50_000:110_000]
    assert source.bytes_read <= 100_000


def test_file_that_needs_too_many_ranges_is_given_up(server: Server, open_url: Open) -> None:
    server.files["long"] = DATA * 20
    source = open_url("file/long")
    places = range(40_000, 20 * SIZE - 100_000, 40_000)
    with pytest.raises(SourceError, match="too scattered") as caught:
        [source.read_at(at, 10) for at in places]
    assert caught.value.code == "too_much_to_read"
    assert source.requests == 97


def test_reader_of_the_whole_file_may_not_request_more_ranges_either(
    open_url: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_FETCHES", 3)
    source = open_url(f"file/{NAME}")
    with pytest.raises(SourceError, match="too scattered"):
        [source.read_at(at, 1000) for at in range(0, SIZE, 1000)]
    assert source.requests == 4


@each_row(("most", "read"), [(9, True), (8, False)])
def test_ranges_that_come_in_parts_are_continued_up_to_a_bound(
    server: Server, open_url: Open, monkeypatch: pytest.MonkeyPatch, most: int, read: bool
) -> None:
    monkeypatch.setattr(http, "MAX_CONTINUATIONS", most)
    source = open_url(f"capped/1024/{NAME}")
    if read:
        assert source.read_at(100_000, 10_240) == DATA[100_000:110_240]
    else:
        with pytest.raises(SourceError) as caught:
            source.read_at(100_000, 10_240)
        assert caught.value.code == "too_much_to_read"


@pytest.mark.parametrize("behaviour", [*HONEST, *CODED, *ODD])
@given(reads=st.lists(st.tuples(st.integers(0, SIZE + 100), st.integers(0, 90_000)), max_size=4))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_are_the_files_whatever_the_server_does(
    open_url: Open, behaviour: str, reads: list[tuple[int, int]]
) -> None:
    source = open_url(f"{behaviour}/{NAME}")
    for offset, length in reads:
        assert source.read_at(offset, length) == DATA[offset : offset + length]
    source.close()


def test_delivery_is_recorded(server: Server, open_url: Open) -> None:
    source = open_url(f"file/{NAME}", need=Need(head=True))
    before = source.delivery
    assert (before.scheme, before.host, before.port, before.host_is_ip) == ("http", "127.0.0.1", server.port, True)
    assert (before.status, before.public, before.ranges, before.head_ok) == (None, None, None, None)
    source.read_at(0, 1)
    after = source.delivery
    assert (after.status, after.public, after.ranges, after.head_ok) == (206, False, True, True)
    assert (after.content_type, after.content_length, after.redirects) == ("application/octet-stream", SIZE, 0)
    assert (after.url_length, after.expires_in, after.page, after.notes) == (len(source.name), None, None, ())
    assert [request.method for request in server.seen] == ["GET", "HEAD"]
    assert source.requests == 2


def test_delivery_has_the_parts_of_the_url(open_url: Open) -> None:
    url = "https://me:pw@h.example/ä.mp4?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-Signature=0"
    source = open_url(url, parts={"clock": Clock(wall=lambda: 1_767_323_100.0)})
    assert source.delivery.expires_in == 5.0
    assert source.delivery.notes == ("credentials_in_url", "url_unescaped")
    assert source.delivery.url_length == len(url)


@pytest.mark.parametrize(
    ("behaviour", "works"),
    [
        *(("head-refused", False), ("head-not-allowed", False), ("head-hangs", False)),
        *((f"head-answered/{status}", False) for status in (400, 401, 403, 404, 405, 501, 505)),
        *((f"head-answered/{status}", None) for status in (408, 429, 500, 502, 503, 504)),
    ],
)
def test_head_support_is_recorded(open_url: Open, behaviour: str, works: bool | None) -> None:
    source = open_url(f"{behaviour}/{NAME}", need=Need(head=True), timeout=1.0)
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.head_ok is works


def test_head_with_another_length_is_noted(open_url: Open) -> None:
    source = open_url(f"head-lies/{NAME}", need=Need(head=True))
    assert source.size == SIZE
    assert source.delivery.notes == ("length_wrong",)


def test_connection_is_kept_between_requests(server: Server) -> None:
    options = HttpOptions(allow_private=True)
    transport = Transport(options)
    for path in ("file", "hops/1", "status/404", "file", "chunked", "head-refused"):
        source = HttpSource(server.url(f"{path}/{NAME}"), need=Need(head=True), options=options, transport=transport)
        try:
            source.read_at(SIZE - 10, 10)
        except SourceError:
            assert path == "status/404"
        source.close()
    assert server.connections == 2, "the second for HEAD, while a body without ranges was open"
    transport.close()


def test_equal_options_share_connections_and_others_do_not() -> None:
    assert shared(HttpOptions()) is shared(HttpOptions())
    assert shared(HttpOptions()) is not shared(HttpOptions(allow_private=True))
    assert shared(HttpOptions(proxy="http://a:1")) is not shared(HttpOptions(proxy="http://b:1"))


def test_no_more_than_per_host_requests_at_the_same_time(server: Server) -> None:
    server.latency = 0.03
    options = HttpOptions(allow_private=True, per_host=3)
    transport = Transport(options)

    def read(path: str) -> bytes:
        source = HttpSource(server.url(f"{path}/{NAME}"), options=options, transport=transport)
        read = source.read_at(0, 10) + source.read_at(200_000, 10)
        source.close()
        return read

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(read, ["file", "ignores-range", "chunked"] * 12))
    assert set(answers) == {DATA[:10] + DATA[200_000:200_010]}
    assert server.peak == 3
    assert server.connections < 40
    transport.close()


def test_thread_may_hold_many_open_responses(server: Server) -> None:
    options = HttpOptions(allow_private=True, per_host=2)
    transport = Transport(options)
    sources = [HttpSource(server.url(f"ignores-range/{NAME}"), options=options, transport=transport) for _ in range(5)]
    assert {source.read_at(0, 10) for source in sources} == {DATA[:10]}
    assert {source.read_at(250_000, 10) for source in sources} == {DATA[250_000:250_010]}
    for source in sources:
        source.close()
    transport.close()


def test_ranges_are_requested_in_the_order_of_reading(server: Server, open_url: Open) -> None:
    source = open_url(f"file/{NAME}")
    source.read_at(0, SIZE)
    spans = [request.span for request in server.seen]
    assert all(
        after is not None and before is not None and after[0] == before[1] + 1 for before, after in pairwise(spans)
    )


@pytest.mark.parametrize(
    "choice",
    [
        *({"timeout": 0}, {"timeout": float("nan")}, {"timeout": float("inf")}, {"max_redirects": -1}),
        *({"per_host": 0}, {"retries": -1}, {"proxy": "proxy:3128"}),
    ],
)
def test_options_out_of_range_are_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        HttpOptions(**choice)


def test_options_and_redaction_load_no_http_library() -> None:
    code = "import sys, preflight.net.options, preflight.net.redact; print('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
