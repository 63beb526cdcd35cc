"""Test directories of TIFF and BigTIFF at all offsets. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import assume, given
from hypothesis import strategies as st

from preflight.media import Need
from preflight.probes import probe
from preflight.probes.sniff import sniff
from preflight.sources.local import LocalSource
from preflight.sources.memory import MemorySource
from tests.probes.probing import facts, quick

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ifd import ifds, image
from makers.tiff import FIXTURES, LONG, LONG8, SHORT, picture, tiff

from tests.rows import each_row

LETTERS = {SHORT: "H", LONG: "I", 6: "b", 8: "h", 9: "i"}


def small(*entries: bytes, following: int = 0) -> bytes:
    """Return a little-endian file of raw 12-byte entries."""
    return b"II*\0" + pack("<IH", 8, len(entries)) + b"".join(entries) + pack("<I", following)


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")


@each_row("kind", [SHORT, LONG, 6, 8, 9])
def test_size_may_have_any_integer_type(kind: int) -> None:
    value = pack("<" + LETTERS[kind], 100)
    media = probe(MemorySource(small(entry(256, kind, 1, value), entry(257, kind, 1, value))))
    assert (media.width, media.height, media.notes) == (100, 100, ())


def test_64_bit_size_in_classic_tiff_is_read() -> None:
    at = pack("<I", 8 + 2 + 24 + 4)
    media = probe(MemorySource(small(entry(256, LONG8, 1, at), entry(257, LONG8, 1, at)) + pack("<Q", 70_000)))
    assert (media.width, media.height) == (70_000, 70_000)


@each_row("value", [pack("<i", -5), bytes(4)])
def test_size_that_is_not_positive_is_unknown(value: bytes) -> None:
    media = probe(MemorySource(small(entry(256, 9, 1, value), entry(257, SHORT, 1, b"\x05"))))
    assert (media.kind, media.width, media.height, media.notes) == ("image", None, 5, ("bad_header",))


@each_row(
    ("line", "behind_header", "name"),
    [
        (entry(50706, 1, 4, b"\1\4\0\0"), b"", "dng"),
        (entry(262, SHORT, 1, pack("<H", 32803)), b"", "camera_raw"),
        (entry(262, SHORT, 1, pack("<H", 34892)), b"", "camera_raw"),
        (entry(262, SHORT, 1, b"\2"), b"CR\2\0\0\0\0\0", "cr2"),
    ],
)
def test_camera_raw_is_not_sniffed_as_tiff(line: bytes, behind_header: bytes, name: str) -> None:
    lines = [entry(256, SHORT, 1, b"\x07"), entry(257, SHORT, 1, b"\x05"), line]
    start = 8 + len(behind_header)
    data = b"II*\0" + pack("<I", start) + behind_header + small(*lines)[8:]
    media = probe(MemorySource(data))
    assert (media.format, media.notes) == (name, ("camera_raw",))


def test_first_of_two_equal_tags_counts() -> None:
    lines = [entry(256, SHORT, 1, b"\x07"), entry(256, SHORT, 1, b"\x09"), entry(257, SHORT, 1, b"\x05")]
    assert probe(MemorySource(small(*lines))).width == 7


def test_file_of_metadata_only_has_no_size() -> None:
    media = probe(MemorySource(small(entry(274, SHORT, 1, b"\x06"))))
    assert (media.format, media.width, media.orientation, media.notes) == ("tiff", None, 6, ("bad_header",))


def test_alpha_is_found_among_several_extra_samples() -> None:
    assert probe(MemorySource(tiff(picture(8, 6, 7, extra=((338, SHORT, [0, 0, 0, 1]),))))).has_alpha is True


def test_directory_beyond_the_end_is_truncation() -> None:
    for data in (b"II*\0" + pack("<I", 9999) + bytes(20), b"MM\0+" + pack(">HHQ", 8, 0, 1 << 63), b"II*\0\x08\0"):
        media = probe(MemorySource(data))
        assert (media.kind, media.format, media.width, media.notes) == ("image", "tiff", None, ("truncated",))


@each_row(("offset", "read"), [((1 << 62) - 1, True), (1 << 62, False), ((1 << 63) - 1, False), (1 << 63, False)])
def test_places_that_no_file_has_are_not_read(offset: int, read: bool) -> None:
    asked = []

    class Asked(MemorySource):
        def read_at(self, offset: int, length: int) -> bytes:
            asked.append(offset)
            return super().read_at(offset, length)

    probe(Asked(b"MM\0+" + pack(">HHQ", 8, 0, offset)))
    assert (offset in asked) is read


def test_last_strip_beyond_the_end_is_truncation() -> None:
    strips = entry(273, LONG, 3, pack("<I", 8 + 2 + 36 + 4))
    head = small(entry(256, SHORT, 1, b"\x50"), entry(257, SHORT, 1, b"\x3c"), strips)
    assert probe(MemorySource(head + pack("<3I", 8, 10, 12))).notes == ()
    assert probe(MemorySource(head + pack("<3I", 8, 10, 1_000_000))).notes == ("truncated",)
    assert probe(MemorySource(head)).notes == ("truncated",)


@each_row(("compression", "notes"), [(5, ("truncated",)), (1, ())])
def test_compressed_strip_beyond_the_end_is_truncation(compression: int, notes: tuple[str, ...]) -> None:
    def lines(length: int) -> list[bytes]:
        values = ((256, 7), (257, 5), (259, compression), (273, 100), (279, length))
        return [entry(tag, LONG, 1, pack("<I", value)) for tag, value in values]

    assert probe(MemorySource(small(*lines(50)).ljust(150, b"\0"))).notes == ()
    assert probe(MemorySource(small(*lines(51)).ljust(150, b"\0"))).notes == notes


def test_strip_table_of_unknown_type_is_ignored() -> None:
    size = [entry(256, SHORT, 1, b"\7"), entry(257, SHORT, 1, b"\5")]
    assert probe(MemorySource(small(*size, entry(273, 99, 1, b"\xff\xff\xff\xff")))).notes == ()


def test_pages_are_counted_only_if_needed() -> None:
    data = tiff(picture(8, 6), picture(8, 6))
    assert probe(MemorySource(data)).frames == 2
    assert probe(MemorySource(data), Need(frozenset(("width",)))).frames is None


def test_too_many_pages_are_not_counted() -> None:
    assert probe(MemorySource(tiff(*[picture(1, 1)] * 64))).frames == 64
    assert probe(MemorySource(tiff(*[picture(1, 1)] * 65))).frames is None


def test_page_chain_beyond_the_end_stops() -> None:
    line = entry(256, SHORT, 1, b"\x05")
    assert probe(MemorySource(small(line, following=1 << 30))).frames == 1


def test_directory_of_many_entries_is_read_completely() -> None:
    lines = [entry(50_000 + tag, SHORT, 1, b"\1") for tag in range(200)]
    data = small(*lines, entry(256, SHORT, 1, b"\x07"), entry(257, SHORT, 1, b"\x05"))
    assert (probe(MemorySource(data)).width, probe(MemorySource(data)).height) == (7, 5)


def test_directory_at_the_end_costs_few_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    path.write_bytes(tiff(picture(4000, 250), behind=True))
    source = LocalSource(path)
    assert probe(source).width == 4000
    assert source.bytes_read <= 4096


@each_row("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_no_fixture_costs_more_than_4_kib(fixture: object, fixtures: Path) -> None:
    source = LocalSource(fixtures / fixture.name)  # type: ignore[attr-defined]
    probe(source)
    assert source.bytes_read <= 4096


@given(st.data())
def test_truncated_and_corrupted_files_give_facts(data: st.DataObject) -> None:
    picked = data.draw(st.sampled_from(_MADE))
    broken = bytearray(picked[: data.draw(st.integers(12, len(picked)))])
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(0, min(len(broken), 300) - 1))] = data.draw(st.integers(0, 255))
    assume(sniff(MemorySource(bytes(broken))) == "tiff")
    with quick():
        media = probe(MemorySource(bytes(broken)))
    assert media.size == len(broken)


_MADE = [fixture.make() for fixture in FIXTURES]


def test_thumbnail_in_truncated_file_gives_no_size() -> None:
    whole = ifds(image(160, 120, 2, subfile=1), image(600, 400, 2), chain=((0, 1),))
    assert (facts(whole).format, facts(whole).width) == ("tiff", 160)
    cut = facts(whole[:-70])
    assert (cut.format, cut.width, cut.notes) == ("tiff", None, ("truncated",))
