"""Test what precedes the frame header of JPEG, and its cost. `test_fixtures.py` compares the facts of fixtures."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from random import Random
from struct import pack

from hypothesis import given
from PIL import Image
from probing import RemoteSource, counted, damaged, ends_in_facts, facts

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._exif import exif
from makers.jpeg import (
    FIXTURES,
    HEIGHT,
    WIDTH,
    lines_behind_scan,
    picture,
    segment,
    with_density,
    with_exif,
    with_segments,
)

from tests.rows import each_row

MP4_TAIL = Random(2).randbytes(70_000).replace(b"\xff", b"\xfe") + b"\xff\0"


def size(media: Media) -> tuple[int | None, int | None]:
    return media.width, media.height


def test_jpeg_without_thumbnail_costs_one_read() -> None:
    media, source = counted(with_exif(exif(6)) + bytes(100_000))
    assert size(media) == (HEIGHT, WIDTH)
    assert source.distant == [(source.size - 1024, 1024)]  # whether it is whole
    remote = RemoteSource(with_exif(exif(6)) + bytes(100_000))
    assert (size(probe(remote)), remote.requests) == ((HEIGHT, WIDTH), 1)


@each_row(
    ("unit", "across", "down", "ratio"),
    [
        (0, 1, 1, 1.0),
        (0, 1, 2, 0.5),
        (0, 2, 1, 2.0),
        (0, 65535, 1, 65535.0),
        (1, 300, 300, 1.0),
        (1, 72, 144, 0.5),
        (1, 204, 98, 204 / 98),
        (2, 30, 10, 3.0),
        (0, 0, 0, None),
        (0, 1, 0, None),
        (1, 0, 72, None),
    ],
)
def test_jfif_densities_give_pixel_aspect_ratio(unit: int, across: int, down: int, ratio: float | None) -> None:
    """ffprobe's sample_aspect_ratio is the same for each, whatever the unit."""
    assert facts(with_density(unit, across, down)).pixel_aspect_ratio == ratio


def test_pixel_aspect_ratio_is_unknown_without_jfif() -> None:
    """ffprobe: N/A; it does not use EXIF's resolutions either."""
    plain = picture()
    at = plain.index(b"JFIF\0")
    assert facts(plain[:at] + b"JFXX\0" + plain[at + 5 :]).pixel_aspect_ratio is None
    assert facts(plain[: at - 4] + plain[at + 14 :]).pixel_aspect_ratio is None


@each_row("mode", ["CMYK", "L", "RGB"])
def test_cmyk_is_noted(mode: str) -> None:
    """exiftool's ColorComponents: 4, 1, 3."""
    assert facts(picture(mode=mode)).notes == (("cmyk",) if mode == "CMYK" else ())


def test_large_thumbnail_is_skipped() -> None:
    media, source = counted(with_exif(exif(8, thumbnail=bytes(40_000))) + bytes(100_000))
    assert size(media) == (HEIGHT, WIDTH)
    assert len(source.distant) == 2  # one of them for the end
    assert source.bytes_read <= 4096


def test_application_data_costs_one_read_a_segment() -> None:
    media, source = counted(with_segments(segment(0xE2, bytes(60_000)), segment(0xED, bytes(42_000))) + bytes(9000))
    assert size(media) == (WIDTH, HEIGHT)
    assert len(source.distant) == 2
    assert source.bytes_read <= 4096


def test_20_mb_of_application_data_are_skipped() -> None:
    media, source = counted(with_segments(*[segment(0xE1, bytes(65_000))] * 310))
    assert (size(media), media.notes) == ((WIDTH, HEIGHT), ())
    assert source.bytes_read < 400_000


def test_many_small_segments_cost_few_reads() -> None:
    media, source = counted(with_segments(*[segment(0xE2, bytes(100))] * 1000))
    assert size(media) == (WIDTH, HEIGHT)
    assert len(source.distant) < 15


def test_exif_after_a_distant_segment_is_found() -> None:
    media, source = counted(with_exif(exif(5), segment(0xE2, bytes(50_000))))
    assert (size(media), media.orientation) == ((HEIGHT, WIDTH), 5)
    assert len(source.distant) == 2


def noise(edge: int = 200) -> bytes:
    """Return a detailed JPEG of 30 kB."""
    out = io.BytesIO()
    Image.frombytes("L", (edge, edge), Random(1).randbytes(edge * edge)).save(out, "JPEG")
    return out.getvalue()


def test_file_that_ends_in_its_scan_is_truncated() -> None:
    whole = noise()
    assert facts(whole).notes == ()
    cuts = range(len(whole) // 2, len(whole) - 2, 97)
    assert sum(facts(whole[:end]).notes == ("truncated",) for end in cuts) > 0.6 * len(cuts)


@each_row("trailer", [bytes(3000), b"\0" * 9, b"Samsung trailer " * 90, Random(3).randbytes(3000), noise(), MP4_TAIL])
def test_appended_data_is_not_taken_for_a_scan(trailer: bytes) -> None:
    assert facts(noise() + trailer).notes == ()


def test_file_that_ends_in_exif_after_frame_header_is_truncated() -> None:
    whole = picture().replace(b"\xff\xda", segment(0xE1, b"Exif\0\0" + exif(6)) + b"\xff\xda", 1)
    start = whole.index(b"Exif")
    for end in range(start, start + 6 + len(exif(6))):
        assert facts(whole[:end]).notes == ("truncated",), end


@each_row("missing", [0, 1, 50_000])
def test_url_that_ends_in_a_long_exif_segment_is_truncated(missing: int) -> None:
    """Its end is not read: the length of the segment tells."""
    data = picture().replace(b"\xff\xda", segment(0xE1, b"Exif\0\0" + exif(6) + bytes(60_000)), 1)
    whole = data[: data.index(b"Exif") + 6 + len(exif(6)) + 60_000]
    media = probe(RemoteSource(whole[: len(whole) - missing]))
    assert (media.width, media.orientation) == (HEIGHT, 6)
    assert (media.notes == ("truncated",)) is (missing > 0)


def test_distant_exif_directory_is_read_without_the_rest() -> None:
    block = exif(6)
    moved = block[:4] + pack("<I", 50_000) + bytes(49_992) + block[8:]
    media, source = counted(with_exif(moved))
    assert media.orientation == 6
    assert source.bytes_read < 2048 + 3 * 4096


def test_endless_segments_reach_the_read_limit() -> None:
    media, source = counted(b"\xff\xd8" + segment(0xE5, bytes(3000)) * 5000)
    assert (media.format, media.width) == ("jpeg", None)
    assert len(source.distant) < 4200


def test_many_large_segments_cost_few_requests() -> None:
    source = RemoteSource(with_segments(*[segment(0xE2, bytes(64_000))] * 27))
    assert (size(probe(source)), source.requests) == ((WIDTH, HEIGHT), 10)
    assert source.bytes_read < 130_000, "of 1.7 MB"


def test_two_large_segments_are_skipped_by_url() -> None:
    source = RemoteSource(with_segments(*[segment(0xE2, bytes(64_000))] * 2) + bytes(500_000))
    assert (size(probe(source)), source.requests) == ((WIDTH, HEIGHT), 3)
    assert source.bytes_read < 48_000


def test_endless_damage_reaches_the_read_limit() -> None:
    data = b"\xff\xd8\xff\xe0\0\x10" + bytes(2_000_000)
    media, source = counted(data + segment(0xC0, pack(">BHHB", 8, 5, 5, 0)))
    assert (media.width, media.notes) == (None, ("read_limit",))
    assert source.bytes_read < 100_000


@each_row(("count", "found"), [(65_471, True), (65_472, False)])
def test_the_next_segment_is_sought_in_64_kib(count: int, found: bool) -> None:
    head = b"\xff\xd8\xff\xe0\0\x10" + bytes(14 + count)
    media = facts(head + segment(0xC0, pack(">BHHB", 8, HEIGHT, WIDTH, 0)) + b"\xff\xda" + bytes(9))
    assert (media.width == WIDTH, "read_limit" in media.notes) == (found, not found)


def test_thumbnail_after_damage_is_not_the_picture() -> None:
    data = bytearray(with_exif(exif(6, thumbnail=picture(16, 12))))
    data[4:6] = b"\0\x20"  # the EXIF segment says that it ends inside itself
    assert facts(bytes(data)).width is None


@each_row("components", [0, 200])
def test_frame_header_of_wrong_length_is_ignored(components: int) -> None:
    data = bytearray(picture())
    data[data.index(b"\xff\xc0") + 9] = components
    media = facts(bytes(data))
    assert (media.width, media.notes) == (None, ("bad_header",))


def test_jpeg_that_states_no_height_has_none() -> None:
    data = lines_behind_scan()
    media = facts(data[: data.index(b"\xff\xdc")] + b"\xff\xd9")
    assert (media.width, media.height) == (WIDTH, None)
    assert media.notes == ("bad_header",)


def test_search_for_the_height_is_bounded() -> None:
    data = lines_behind_scan()
    scan = data.index(b"\xff\xdc")
    source = MemorySource(data[:scan] + bytes(500_000) + data[scan:])
    assert probe(source, Need(max_bytes=400_000)).height is None
    assert source.bytes_read < 500_000
    assert probe(source).height == HEIGHT


def test_jpeg_after_much_garbage_is_not_searched() -> None:
    assert facts(bytes(range(256)) * 4 + picture()).format is None


@each_row(("carrier", "name"), [(b"FUJIFILMCCD-RAW 0201", "raf"), (b"FUJIFILM", None), (bytes(128) + b"DICM", None)])
def test_formats_that_contain_a_jpeg_are_not_jpeg(carrier: bytes, name: str | None) -> None:
    assert facts(carrier.ljust(148, b"\0") + picture()).format == name


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "jpeg")


def test_small_jpeg_truncated_anywhere_in_its_scan_is_truncated(fixtures: Path) -> None:
    """The rest of the file is read completely, so that flat pictures are recognised too."""
    whole = (fixtures / "accepted" / "picture.jpg").read_bytes()
    assert probe(MemorySource(whole)).notes == ()
    for end in range(whole.index(b"\xff\xda") + 20, whole.index(b"\xff\xda") + 900, 7):
        assert probe(MemorySource(whole[:end])).notes == ("truncated",)
