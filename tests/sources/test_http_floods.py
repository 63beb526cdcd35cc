"""What is sent below the body, without end or very slowly, is bounded in bytes, memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflight.errors import SourceError
from preflight.media import Need
from preflight.sources.http import HttpSource
from tests.servers.floods import FLOODS
from tests.servers.talk import Server, Talk
from tests.sources.conftest import Open
from tests.sources.measured_reads import counted_bytes

HEAD = (65_536 + 8_192, 1_000_000)
"""Bytes of one head, with what a buffer reads ahead; and of memory."""
READ = ("body", "chunks")
ENDED = ("error-page", "error-page-in-tiny-chunks", "no-content", "redirect")


@pytest.mark.parametrize("name", FLOODS)
def test_flood_is_bounded_in_bytes_memory_and_time(open_url: Open, name: str) -> None:
    source = open_url(f"flood/{name}/x.png", timeout=20)
    began = time.monotonic()
    tracemalloc.start()
    try:
        with counted_bytes() as sizes:
            try:
                source.read_at(0, 10)
                code = "read"
            except SourceError as error:
                code = error.code
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code == ("read" if name in READ else "download_failed" if name in ENDED else "response_invalid")
    assert sum(sizes) < HEAD[0] + 32_768
    assert memory < HEAD[1]
    assert time.monotonic() - began < 15
    plain = 2 if name in ENDED else 1  # where a request with Range is refused, one without it decides
    hops = 2 if name == "redirect" else 1
    assert source.requests == plain * hops, "what cannot become better is not asked for again"


def test_no_flood_fills_the_memory_of_a_process(server: Server) -> None:
    """The peak of the whole process, which also sees what no allocator of Python knows."""
    urls = [server.url(f"flood/{name}/x.png") for name in FLOODS]
    run = subprocess.run(
        [sys.executable, "-m", "tests.sources.measured_reads", "20", *urls],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(results) == len(FLOODS)
    for result in results:
        assert result["memory"] < 16_000_000, result
        assert result["seconds"] < 15, result
        assert result["bytes"] < 500_000, result


def test_deadline_holds_against_single_bytes(open_url: Open) -> None:
    def seconds(name: str) -> float:
        source = open_url(f"drip-flood/{name}/x.png", timeout=0.5)
        began = time.monotonic()
        with pytest.raises(SourceError):
            source.read_at(200_000, 10)
        return time.monotonic() - began

    with ThreadPoolExecutor(len(FLOODS)) as pool:
        took = dict(zip(FLOODS, pool.map(seconds, FLOODS), strict=True))
    assert {name: each for name, each in took.items() if each > 4} == {}, "the server would go on for minutes"


def read_everywhere(source: HttpSource) -> None:
    for place in range(1_900_000, 0, -60_000):
        source.read_at(place, 10)


def test_the_bytes_of_all_answers_count_against_one_budget(server: Server, open_url: Open) -> None:
    """Each answer has as many headers as one may have, and few bytes of the file."""
    server.files["large"] = bytes(2_000_000)
    source = open_url("heavy-headers/large", need=Need(max_bytes=290_000))
    with counted_bytes() as sizes, pytest.raises(SourceError) as caught:
        read_everywhere(source)
    assert caught.value.code == "response_invalid"
    assert "more than 1338576 bytes for this file" in str(caught.value)
    assert sum(sizes) <= 1_338_576 + 65_536 + 10_000, (
        "one head more, with the requests, which the server reads in this process too"
    )
    assert source.requests < 30


def test_chunks_of_one_byte_are_read(server: Server, open_url: Open) -> None:
    data = bytes(range(256)) * 40
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in data)
    server.files["tiny"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    source = open_url("raw/tiny")
    assert source.read_at(0, 20_000) == data
    assert (source.size, source.bytes_read) == (len(data), len(data))


@pytest.mark.parametrize(
    ("piece", "pause"), [(b"X-Header: abcdefghij\r\n" * 1000, 0.0), (b"x" * 65536, 0.0), (b"x", 0.05)]
)
def test_endless_proxy_response_times_out(open_url: Open, piece: bytes, pause: float) -> None:
    def endless(talk: Talk) -> None:
        talk.keep = False
        talk.raw(b"HTTP/1.1 200 OK\r\n")
        talk.forever(piece, pause)

    with Server({".example:443": endless}) as proxy:  # without the first character, which is no slash here
        source = open_url(
            "https://h.example/x.png",
            proxy=proxy.url(""),
            timeout=1.0 if pause else 20.0,
            retries=0,
            parts={"resolve": lambda host, port: ["8.8.8.8"]},
        )
        began = time.monotonic()
        with counted_bytes() as sizes, pytest.raises(SourceError):
            source.read_at(0, 10)
        assert proxy.seen[0].method == "CONNECT"
    assert sum(sizes) < 100_000
    assert time.monotonic() - began < 10
