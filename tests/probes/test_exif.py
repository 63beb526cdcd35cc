"""Test what EXIF says: orientation, location and color space, which JPEG, PNG and WebP share."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from probing import orientation_at, orientation_of

from preflight.media import size_facts
from preflight.probes.color import SRGB, UNSTATED
from preflight.probes.exif import NO_EXIF, TRANSPOSED, Exif, exif_at, exif_of, has_latitude
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._exif import LATITUDE, LONG, camera, exif

from tests.rows import each_row


def block(kind: int, count: int, value: bytes, order: str = "<") -> bytes:
    """Return a block whose only entry is an orientation of that type."""
    mark = b"II" if order == "<" else b"MM"
    entry = pack(order + "HHI", 274, kind, count) + value.ljust(4, b"\0")
    return mark + pack(order + "HIH", 42, 8, 1) + entry + bytes(4)


@each_row("order", ["<", ">"])
@each_row("number", range(1, 9))
def test_eight_orientations_in_both_byte_orders(number: int, order: str) -> None:
    assert orientation_of(exif(number, order)) == number
    assert orientation_of(b"Exif\0\0" + exif(number, order)) == number


@each_row(("kind", "value"), [(1, b"\6"), (3, b"\6\0"), (4, b"\6"), (6, b"\6"), (8, b"\6\0"), (9, b"\6")])
def test_orientation_may_have_any_integer_type(kind: int, value: bytes) -> None:
    assert orientation_of(block(kind, 1, value)) == 6


@each_row(
    "data",
    [
        block(3, 1, b"\0\0"),
        block(3, 1, b"\x09\0"),
        block(3, 2, b"\6\0\6\0"),
        block(2, 1, b"6"),
        block(5, 1, b"\6"),
        b"",
        b"II*\0",
        b"Exif\0\0",
        b"II*\0\xff\xff\xff\xff",
        b"XX*\0" + exif(6)[4:],
        exif(6)[:30],
    ],
)
def test_block_without_orientation_gives_none(data: bytes) -> None:
    assert orientation_of(data) is None
    assert orientation_at(MemorySource(data), 0, len(data)) is None


def test_orientation_of_thumbnail_is_ignored() -> None:
    data = exif(8, thumbnail=bytes(10))
    assert orientation_of(data) == 8
    assert orientation_of(data.replace(pack("<H", 274), pack("<H", 275), 1)) is None


def test_block_is_not_read_beyond_its_directory() -> None:
    source = MemorySource(b"before" + exif(6) + bytes(50_000))
    assert orientation_at(source, 6, 50_000) == 6
    assert source.bytes_read <= 512


def test_directory_after_the_first_bytes_is_fetched() -> None:
    data = exif(6)
    moved = data[:4] + pack("<I", 5000) + bytes(4992) + data[8:]
    source = MemorySource(moved)
    assert orientation_at(source, 0, len(moved)) == 6
    assert orientation_at(source, 0, 4000) is None


@each_row(("orientation", "size"), [(None, (3, 2)), (1, (3, 2)), (4, (3, 2)), (5, (2, 3)), (8, (2, 3))])
def test_orientations_from_5_on_swap_width_and_height(orientation: int | None, size: tuple[int, int]) -> None:
    facts = size_facts(3, 2, transposed=orientation in TRANSPOSED)
    assert (facts["width"], facts["height"]) == size


@given(st.binary(max_size=600), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]), st.integers(0, 70_000))
def test_any_bytes_give_an_orientation_or_none(data: bytes, start: bytes, length: int) -> None:
    assert orientation_of(start + data) in (None, *range(1, 9))
    assert orientation_at(MemorySource(start + data), 0, length) in (None, *range(1, 9))


class Remote(MemorySource):
    remote = True


@each_row("order", ["<", ">"])
def test_latitude_in_the_gps_directory_is_a_location(order: str) -> None:
    assert exif_of(camera(order, gps=((0, 1, 4, 0x02020000), LATITUDE))).location is True
    assert exif_of(camera(order, gps=((0, 1, 4, 0x02020000),))).location is False
    assert exif_of(exif(6, order)).location is False


@each_row("order", ["<", ">"])
def test_only_srgb_is_a_known_color_space(order: str) -> None:
    spaces = [exif_of(camera(order, settings=((40961, 3, 1, space),))).color for space in (1, 2, 0xFFFF)]
    assert spaces == [SRGB, UNSTATED, UNSTATED]


def test_distant_gps_directory_costs_no_request() -> None:
    near, far = camera(gps=(LATITUDE,), gap=2000), camera(gps=(LATITUDE,), gap=40_000)
    local = MemorySource(far)
    assert exif_at(local, 0, len(far), local).location is True
    assert local.bytes_read < 1024
    assert exif_at(Remote(near), 0, len(near), Remote(near)).location is True
    assert exif_at(Remote(far), 0, len(far), Remote(far)).location is None


def test_gps_directory_beyond_the_block_is_not_read() -> None:
    data = camera(gps=(LATITUDE,), gap=2000)
    assert exif_at(MemorySource(data), 0, 1000, MemorySource(data)) == Exif(location=None)
    assert exif_of(data[:1000]) == Exif(location=None)


def test_gps_directory_of_many_entries_is_bounded() -> None:
    data = camera(gps=tuple((100 + number, LONG, 1, 0) for number in range(200)))
    assert exif_of(data).location is False


def test_latitude_in_xmp_is_a_location() -> None:
    assert has_latitude(b'<rdf:Description exif:GPSLatitude="48,12.5N"/>')
    assert not has_latitude(b'<rdf:Description exif:GPSDestLatitude="48,12.5N"/>')


def test_block_of_another_format_says_nothing() -> None:
    assert exif_of(b"GIF89a" + bytes(100)) == NO_EXIF
