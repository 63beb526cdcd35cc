"""The size of a file where the server does not say it: bodies without a length, compressed bodies, capped ranges."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

import preflight
from preflight.errors import SourceChanged, SourceError
from preflight.media import Need
from preflight.sources.http import MAX_MEASURED_BYTES
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME, Open

SIZE = len(DATA)
CODINGS = ["gzip", "x-gzip", "deflate", "raw-deflate"]


@pytest.mark.parametrize("behaviour", ["chunked", "until-close", "unknown-total"])
def test_small_file_without_a_length_gets_its_size(server: Server, open_url: Open, behaviour: str) -> None:
    for size in (1, 4096, 32_768, 65_536, 100_000, MAX_MEASURED_BYTES):
        server.files["some"] = (DATA * 8)[:size]
        source = open_url(f"{behaviour}/some")
        assert source.read_at(0, 5) == server.files["some"][:5]
        assert (source.size, source.bytes_read) == (size, size)
        assert "length_missing" in source.delivery.notes


@pytest.mark.parametrize("behaviour", ["chunked", "until-close"])
def test_size_of_a_large_file_without_a_length_stays_unknown(server: Server, open_url: Open, behaviour: str) -> None:
    server.files["large"] = DATA * 10
    source = open_url(f"{behaviour}/large")
    assert source.size is None
    assert source.bytes_read <= MAX_MEASURED_BYTES + 4096
    assert source.delivery.notes == ("no_ranges", "length_missing")
    assert source.read_at(2_900_000, 10) == (DATA * 10)[2_900_000:2_900_010]


def test_size_is_not_read_beyond_the_budget(open_url: Open) -> None:
    source = open_url(f"endless/{NAME}", need=Need(max_bytes=500_000))
    assert source.size is None
    assert source.bytes_read <= 500_000
    assert source.delivery.notes == ("no_ranges", "length_missing")


def test_search_for_the_size_takes_at_most_half_of_the_time(server: Server, open_url: Open) -> None:
    source = open_url(f"slow-chunks/{NAME}", timeout=2.0)
    began = time.monotonic()
    assert source.size is None
    assert time.monotonic() - began < 1.7
    assert source.read_at(0, 10) == DATA[:10]


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_body_is_decoded_and_its_size_is_the_files(open_url: Open, coding: str) -> None:
    source = open_url(f"compressed-with/{coding}/{NAME}")
    assert source.read_at(150_000, 10) == DATA[150_000:150_010]
    assert (source.size, source.requests) == (SIZE, 1)
    assert source.read_at(0, SIZE + 1) == DATA
    assert "content_encoded" in source.delivery.notes


def test_compressed_file_of_size_zero(server: Server, open_url: Open) -> None:
    server.files["empty"] = b""
    for path in ("compressed/empty", "compressed-with/br/empty", "garbled-coding/gzip/empty"):
        source = open_url(path)
        if "br" in path:
            with pytest.raises(SourceError, match="compressed with br"):
                source.read_at(0, 1)
        else:
            assert (source.read_at(0, 1), source.size) == (b"", 0)


def test_compressed_parts_are_followed_by_a_plain_get(server: Server, open_url: Open) -> None:
    source = open_url(f"compressed-parts/{NAME}")
    assert source.read_at(200_000, 10) == DATA[200_000:200_010]
    assert [request.span is None for request in server.seen] == [False, True]


def test_truncated_compressed_body_is_reported(open_url: Open) -> None:
    source = open_url(f"compressed-cut/{NAME}", retries=0)
    assert source.read_at(0, 10) == DATA[:10]
    with pytest.raises(SourceError, match="sends less than it announces"):
        source.read_at(250_000, 10)


def test_bomb_takes_neither_memory_nor_time(open_url: Open) -> None:
    source = open_url(f"bomb/{NAME}")
    tracemalloc.start()
    try:
        began = time.process_time()
        assert source.size is None
        assert source.read_at(0, SIZE) == DATA
        assert time.process_time() - began < 2
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
    assert source.bytes_read < 1_000_000


def test_always_compressed_video_passes_with_a_warning(server: Server, fixtures: Path) -> None:
    server.files["clip.mp4"] = (fixtures / "accepted/clip.mp4").read_bytes()
    for path in ("compressed/clip.mp4", "compressed-chunks/clip.mp4", "compressed-parts/clip.mp4"):
        report = preflight.check(server.url(path), "atlas", allow_private=True)
        assert (report.verdict, report.media and report.media.size) == ("pass", len(server.files["clip.mp4"]))
        (finding,) = (one for one in report.findings if one.code == "content_encoded")
        assert finding.severity == "warning"


@pytest.mark.parametrize("path", ["capped/1000", "capped/65536", "capped-under-a-longer-range/8192"])
def test_capped_ranges_are_read_on(server: Server, open_url: Open, path: str) -> None:
    server.files["long"] = DATA * 3
    source = open_url(f"{path}/long")
    assert source.read_at(100_000, 300_000) == (DATA * 3)[100_000:400_000]
    assert source.size == 3 * SIZE
    assert source.delivery.notes in ((), ("length_wrong",))


def test_capped_ranges_of_a_few_bytes_end(server: Server, open_url: Open) -> None:
    source = open_url(f"capped/10/{NAME}")
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 200_000)
    assert caught.value.code == "too_much_to_read"
    assert source.requests < 1200


def test_moov_behind_capped_ranges_is_found(server: Server) -> None:
    film = b"\0\0\0\x14ftypisom\0\0\0\0isom" + (1_500_000).to_bytes(4, "big") + b"mdat" + DATA * 4 + DATA[:299_992]
    clip = (Path("fixtures/accepted/clip.mp4")).read_bytes()
    at = clip.index(b"moov") - 4
    size = int.from_bytes(clip[at : at + 4], "big")
    server.files["end.mp4"] = film + clip[at : at + size]
    for cap in (65_536, 1000):
        report = preflight.check(server.url(f"capped/{cap}/end.mp4"), "atlas", allow_private=True)
        assert report.media is not None
        assert (report.media.width, report.media.streamable) == (640, False)
        assert "no_moov" not in report.media.notes


def test_content_that_changes_between_two_bodies_is_noticed(open_url: Open) -> None:
    source = open_url(f"cut-and-changed/{NAME}")
    with pytest.raises(SourceChanged):
        source.read_at(290_000, 10)
