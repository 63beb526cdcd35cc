"""Test what precedes and follows the image data of PNG, and what it costs.

The fixtures' facts are compared by `test_fixtures.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from probing import RemoteSource, counted, damaged, ends_in_facts, facts

from preflight.probes import probe
from preflight.probes.png import _Header
from preflight.probes.window import Window
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._exif import exif
from makers.png import FIXTURES, HEIGHT, SIGNATURE, WIDTH, chunk, film, header, png, raw_profile

from tests.rows import each_row

EXIF = chunk(b"eXIf", exif(6))
TEXT = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + bytes(9000))


def idat(*lengths: int) -> bytes:
    """Return image data of these lengths; its content does not matter to a reader of headers."""
    return b"".join(pack(">I", length) + b"IDAT" + bytes(length + 4) for length in lengths)


@each_row(
    ("picture", "behind", "requests"),
    [
        (idat(100), (), 0),
        (idat(300_000), (), 0),
        (idat(*[8192] * 40, 77), (), 1),
        (idat(*[8192] * 40), (), 1),
        (idat(*[65536] * 9, 60_000), (), 1),
        (idat(300_000), (EXIF,), 1),
        (idat(*[8192] * 40, 7000), (EXIF,), 2),
        (idat(*[8192] * 40, 100), (EXIF,), 1),
        (idat(*[8192] * 40, 8000), (EXIF, chunk(b"tEXt", bytes(500))), 3),
        (idat(2000), (TEXT, EXIF), 7),
        (idat(*[8192] * 40, 8000), (TEXT, TEXT, EXIF), 11),
        (idat(3000, 9000, 500, 8000), (EXIF,), 5),
    ],
)
def test_exif_after_image_data_costs_few_reads(picture: bytes, behind: tuple[bytes, ...], requests: int) -> None:
    media, source = counted(png(picture=picture, behind=behind))
    assert media.orientation == (6 if behind else None)
    assert (media.width, media.height) == ((HEIGHT, WIDTH) if behind else (WIDTH, HEIGHT))
    assert media.notes == ()
    assert len(source.distant) <= requests
    assert source.bytes_read < (4096 if requests < 5 else 8192)


@each_row(
    ("across", "down", "unit", "ratio"),
    [
        (1, 2, 0, 0.5),
        (4, 3, 0, 4 / 3),
        (2835, 2835, 1, 1.0),
        (2835, 5670, 1, 0.5),
        (0, 0, 0, None),
        (0, 1, 0, None),
        (0xFFFFFFFF, 1, 0, None),
    ],
)
def test_physical_dimensions_give_pixel_aspect_ratio(across: int, down: int, unit: int, ratio: float | None) -> None:
    """ffprobe's sample_aspect_ratio is the same for each, whatever the unit."""
    assert facts(png(chunk(b"pHYs", pack(">IIB", across, down, unit)))).pixel_aspect_ratio == ratio
    assert facts(png(chunk(b"pHYs", bytes(7)))).pixel_aspect_ratio is None


def test_idot_costs_one_read() -> None:
    first, second = idat(16384, 16384, 4000), idat(16384, 16384, 9000)
    dot = chunk(b"iDOT", pack(">7I", 2, 0, 16, 40, 16, 16, 40 + len(first)))
    media, source = counted(png(dot, picture=first + second))
    assert (media.width, media.notes, len(source.distant)) == (WIDTH, (), 1)
    assert facts(png(dot, picture=first + second, behind=(EXIF,))).orientation == 6


def test_idot_states_the_second_half_by_32_bits() -> None:
    source = MemorySource(png(chunk(b"iDOT", pack(">7I", 2, 0, 16, 40, 16, 16, 0x01020304)), picture=idat(9)))
    header = _Header(source)
    header.read_chunks(Window(source, 4096))
    assert header.data is not None
    assert header.data.second_half == 33 + 0x01020304


def test_wrong_idot_is_ignored() -> None:
    dot = chunk(b"iDOT", pack(">7I", 2, 0, 16, 40, 16, 16, 12_345))
    assert facts(png(dot, picture=idat(*[8192] * 20, 50), behind=(EXIF,))).orientation == 6


@given(st.lists(st.integers(0, 900), min_size=1, max_size=40), st.integers(0, 400), st.booleans())
def test_exif_at_the_end_is_found_after_any_chunks(lengths: list[int], comment: int, described: bool) -> None:
    behind = (chunk(b"tEXt", b"Comment\0" + bytes(comment)), *((EXIF,) if described else ()))
    assert facts(png(picture=idat(*lengths), behind=behind)).orientation == (6 if described else None)


@given(st.integers(1, 5000), st.integers(1, 60), st.integers(1, 5000), st.integers(0, 20_000))
def test_exif_is_found_after_chunks_of_one_length(length: int, count: int, last: int, comment: int) -> None:
    picture = idat(*[length] * count, min(last, length))
    behind = (chunk(b"tEXt", b"Comment\0" + bytes(comment)), EXIF, chunk(b"tEXt", b"Comment\0" + bytes(comment)))
    media = facts(png(picture=picture, behind=behind))
    assert (media.orientation, media.notes) == (6, ())


def test_leading_exif_saves_a_request() -> None:
    source = RemoteSource(png(EXIF, picture=idat(*[8192] * 40)))
    assert (probe(source).orientation, source.requests) == (6, 1)


def test_leading_exif_does_not_hide_truncation() -> None:
    for whole in (png(EXIF, picture=idat(*[8192] * 40)), png(EXIF, picture=idat(9000))):
        assert facts(whole).notes == ()
        assert all(facts(whole[:end]).notes == ("truncated",) for end in range(3000, len(whole), 1999))


def test_first_of_two_exif_blocks_counts() -> None:
    assert facts(png(chunk(b"eXIf", exif(3)), EXIF)).orientation == 3
    assert facts(png(chunk(b"eXIf", exif(3)), behind=(EXIF,))).orientation == 3
    assert facts(png(raw_profile(), behind=(chunk(b"eXIf", exif(3)),))).orientation == 3


@each_row(
    "text",
    [
        chunk(b"zTXt", b"Raw profile type exif\0\0no zlib"),
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n   4\nno digits"),
        chunk(b"tEXt", b"Raw profile type exif\0"),
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 3\n\xff\xff1"),
    ],
)
def test_invalid_raw_profile_is_ignored(text: bytes) -> None:
    assert facts(png(text)).orientation is None


def test_animation_costs_one_read_of_its_end() -> None:
    media, source = counted(film(chunk(b"tEXt", bytes(4000)), EXIF))
    assert (media.frames, media.orientation, len(source.distant)) == (2, 6, 1)
    assert source.bytes_read < 4096


def test_chunk_name_in_data_is_not_a_chunk() -> None:
    for lie in (b"eXIf" + exif(6), b"\0\0\0\x30eXIf" + exif(6), b"eXIf" * 50):
        assert facts(film(chunk(b"tEXt", b"Comment\0" + lie))).orientation is None


def test_large_profile_costs_one_read() -> None:
    media, source = counted(png(chunk(b"iCCP", bytes(500_000)), EXIF))
    assert (media.orientation, len(source.distant)) == (6, 1)


def test_endless_chunks_reach_the_read_limit() -> None:
    media, source = counted(SIGNATURE + header() + chunk(b"teXt", bytes(3000)) * 5000)
    assert (media.width, media.notes) == (WIDTH, ("read_limit",))
    assert len(source.distant) < 4200


def test_what_is_certain_at_the_read_limit_depends_on_where_it_is() -> None:
    flood = chunk(b"teXt", b"") * 20_000
    before, behind = facts(png(flood)), facts(png(picture=idat(100), behind=(flood,)))
    assert (before.has_alpha, before.frames, before.notes) == (None, None, ("read_limit",))
    assert (behind.has_alpha, behind.frames, behind.notes) == (False, 1, ("read_limit",))


def test_hundreds_of_leading_chunks_are_skipped() -> None:
    assert facts(png(chunk(b"teXt", bytes(3000)) * 300, EXIF)).notes == ()


def test_many_large_chunks_are_read_ahead_by_url() -> None:
    source = RemoteSource(png(chunk(b"teXt", bytes(40_000)) * 40, EXIF))
    assert (probe(source).orientation, source.requests) == (6, 7)


@each_row("behind", [(), (EXIF,), (TEXT,)])
def test_file_without_iend_is_truncated(behind: tuple[bytes, ...]) -> None:
    irregular = png(picture=idat(5000, 7000, 300, 9000), behind=behind)
    for whole in (film(*behind), irregular, png(picture=idat(*[8192] * 9, 77), behind=behind)):
        assert "truncated" not in facts(whole).notes
        for cut in (1, 4, 8, 11, 12, 13, 40, 100):
            assert "truncated" in facts(whole[:-cut]).notes, cut


@each_row("size", range(17, 25))
def test_incomplete_number_is_unknown(size: int) -> None:
    media = facts(png()[:size])
    assert (media.stored_width, media.stored_height) == ((WIDTH, HEIGHT) if size == 24 else (None, None))


def test_file_that_ends_in_trailing_exif_is_truncated() -> None:
    whole = png(behind=(EXIF,))
    for size in range(len(whole) - 12 - len(EXIF) + 1, len(whole)):
        assert facts(whole[:size]).notes == ("truncated",), size


@each_row("size", [8, 12, 20, 30])
def test_file_that_ends_in_its_header_has_no_size(size: int) -> None:
    media = facts(png()[:size])
    assert (media.kind, media.format, media.notes) == ("image", "png", ("truncated",))
    assert media.width is None or size > 19


def test_file_without_header_or_image_data_is_bad() -> None:
    assert facts(SIGNATURE + idat(50) + chunk(b"IEND")).notes == ("bad_header",)
    assert facts(SIGNATURE + header() + chunk(b"IEND")).notes == ("bad_header",)
    assert facts(SIGNATURE + header() + b"\0\0\0\1\x01\x02\x03\x04" + bytes(50)).notes == ("bad_header",)


@each_row(("colour", "depth"), [(0, 3), (1, 8), (2, 4), (3, 16), (6, 1), (200, 8)])
def test_invalid_depth_for_colour_type_is_noted(colour: int, depth: int) -> None:
    assert facts(png(head=header(colour, depth))).notes == ("bad_header",)


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "png")
