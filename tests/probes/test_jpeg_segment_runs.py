"""Test that a JPEG with megabytes of XMP, ICC profiles or pictures before its frame header costs few small requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from preflight.media import EVERYTHING, Media
from preflight.net.transport import Transport
from preflight.probes import jpeg
from preflight.sources.http import HttpOptions, HttpSource
from preflight.sources.memory import MemorySource
from tests.rows import each_row
from tests.servers.hostile import hostile
from tests.servers.talk import Server

NOISE = random.Random(20261128)
FRAME = bytes.fromhex("ffc00011080258032003012200021101031101")
SCAN = bytes.fromhex("ffda000c03010002110311003f00")
PICTURE = FRAME + SCAN + NOISE.randbytes(150_000).replace(b"\xff", b"\0") + b"\xff\xd9"
MB = 1_000_000
LONGEST = 65_533


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def extended_xmp(size: int, part: int = 65_400) -> bytes:
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0123456789ABCDEF0123456789ABCDEF" + size.to_bytes(4)
    places = range(0, size, part)
    return b"".join(segment(0xE1, head + at.to_bytes(4) + NOISE.randbytes(min(part, size - at))) for at in places)


def icc(size: int) -> bytes:
    count = -(-size // 65_519)
    parts = (NOISE.randbytes(min(65_519, size - 65_519 * at)) for at in range(count))
    return b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes((at, count)) + part) for at, part in enumerate(parts, 1))


def row(marker: int, owner: bytes, size: int) -> bytes:
    return b"".join(segment(marker, owner + NOISE.randbytes(LONGEST - len(owner))) for _ in range(size // LONGEST))


def irregular(size: int) -> bytes:
    made = b""
    while len(made) < size:
        made += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + NOISE.randbytes(NOISE.randrange(30_000, 65_000)))
    return made


MADE: dict[str, Callable[[], bytes]] = {
    **{f"extended-xmp-{size}": partial(extended_xmp, size * MB) for size in (1, 5, 20)},
    **{f"icc-{size}": partial(icc, size * MB) for size in (1, 5, 16)},
    **{f"pictures-{size}": partial(row, 0xE2, b"MPF\0", size * MB) for size in (1, 5, 20)},
    **{f"unmarked-{size}": partial(row, 0xED, b"Photoshop 3.0", size * MB) for size in (1, 5, 20)},
    **{f"unnamed-{size}": partial(row, 0xED, b"", size * MB) for size in (1, 5, 20)},
    "extended-xmp-behind-17": lambda: extended_xmp(20 * MB)[65_479 * 260 :],
    "both-5": lambda: extended_xmp(2 * MB) + segment(0xE1, b"Exif\0\0MM\0*" + bytes(100)) + icc(3 * MB),
    "irregular-1": lambda: irregular(MB),
}
"""What makes the segments that precede the frame header."""
LYING: dict[str, Callable[[], bytes]] = {
    "fewer-parts-than-it-says": lambda: icc(3 * MB)[: 65_537 * 5],
    "more-parts-than-it-says": lambda: icc(3 * MB)[65_537 * 40 :] + icc(2 * MB)[: 65_537 * 20],
    "xmp-of-4-gb": lambda: extended_xmp(2 * MB).replace((2 * MB).to_bytes(4), b"\xff\xff\xff\xff"),
    "xmp-parts-of-nothing": lambda: b"".join(extended_xmp(1, 1) for _ in range(50)),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    files = {name: b"\xff\xd8" + before() + PICTURE for name, before in (MADE | LYING).items()}
    with hostile(files) as running:
        yield running


def probe(server: Server, path: str) -> tuple[Media, HttpSource]:
    options = HttpOptions(allow_private=True)
    transport = Transport(options)
    source = HttpSource(server.url(path), options=options, transport=transport)
    source.read_at(0, 2048)  # as the one who tells what format it is
    media = jpeg.read(source, EVERYTHING, "jpeg")
    source.close()
    transport.close()
    return media, source


def local(server: Server, name: str) -> Media:
    return jpeg.read(MemorySource(server.files[name]), EVERYTHING, "jpeg")


@pytest.mark.parametrize("name", MADE)
def test_segment_runs_are_skipped_with_few_small_requests(server: Server, name: str) -> None:
    media, source = probe(server, f"file/{name}")
    assert (media.width, media.height) == (800, 600)
    assert media == local(server, name)
    numbered = name.startswith(("extended", "icc"))
    assert source.requests <= (6 if numbered else 32 if name == "irregular-1" else 20)
    assert source.bytes_read <= (60_000 if numbered else 180_000)


@pytest.mark.parametrize("name", LYING)
def test_segment_runs_with_wrong_numbers_are_read_like_unnumbered_ones(server: Server, name: str) -> None:
    media, source = probe(server, f"file/{name}")
    assert media == local(server, name)
    assert source.bytes_read < 200_000


@pytest.mark.parametrize("name", ["extended-xmp-5", "icc-5", "pictures-5", "irregular-1"])
def test_body_without_ranges_is_read_up_to_the_frame_header(server: Server, name: str) -> None:
    media, source = probe(server, f"ignores-range/{name}")
    assert media == local(server, name)
    assert source.requests == 1
    frame = server.files[name].index(FRAME)
    assert frame < source.bytes_read < frame + 40_000 < len(server.files[name])


@each_row(
    ("head", "following"),
    [
        (icc(3 * 65_519), 1),
        (icc(3 * 65_519)[65_537:], 0),
        (icc(3 * 65_519)[2 * 65_537 :], 0),
        (icc(200 * 65_519), 198),
        (icc(65_519)[:17], 0),
        (extended_xmp(5 * 65_400), 4),
        (extended_xmp(5 * 65_400 - 1), 3),
        (extended_xmp(5 * 65_400)[3 * (65_400 + 79) :], 1),
        (extended_xmp(5 * 65_400)[:78], 0),
        (row(0xE2, b"MPF\0", 3 * LONGEST), 0),
    ],
)
def test_numbered_segments_state_how_many_full_ones_follow(head: bytes, following: int) -> None:
    assert jpeg._full_segments_after(head[:84]) == following
