"""Test camera raws in makers' own containers, and Canon's CR3. `test_fixtures.py` compares facts of fixtures."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given

from preflight.formats import CAMERA_RAW
from preflight.probes import READERS, probe
from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource
from tests.probes.exiftool import agrees, needs_exiftool
from tests.probes.probing import RemoteSource, counted, damaged, ends_in_facts, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers import Fixture
from makers._mp4 import box, ftyp
from makers.raw_containers import FIXTURES, canon, crx, mrw, raf

from tests.rows import each_row

NOT_OF_EXIFTOOL = frozenset(
    (
        "quirks/raw-canon-film.crm",  # CMT1's size, not that of the track
        "quirks/raw-sigma-quattro.x3f",  # it wants more of the file to be there
    )
)


@needs_exiftool
def test_facts_agree_with_exiftool(fixtures: Path) -> None:
    agrees(fixtures, [one.name for one in FIXTURES if one.name not in NOT_OF_EXIFTOOL])


@each_row("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_format_is_detected_by_content_alone(fixture: Fixture) -> None:
    media, source = counted(fixture.make())
    assert media.format in CAMERA_RAW
    assert "camera_raw" in media.notes
    assert source.bytes_read <= 8192


@each_row("name", ["raw-canon.cr3", "raw-fujifilm.raf", "raw-canon.crw", "raw-minolta.mrw"])
def test_raw_by_url_costs_few_requests(name: str, fixtures: Path) -> None:
    source = RemoteSource((fixtures / "quirks" / name).read_bytes())
    assert "camera_raw" in probe(source).notes
    assert source.requests <= 3


@each_row("turned", [0, 9, 65535])
def test_invalid_orientation_is_unknown(turned: int) -> None:
    assert facts(raf(turned)).orientation is None


def test_raf_with_table_beyond_the_end_is_truncated() -> None:
    assert facts(raf()[:150]).notes == ("camera_raw", "truncated")


def test_raf_without_crop_has_full_size() -> None:
    media = facts(raf(1).replace(pack(">HH", 0x111, 4), pack(">HH", 0x112, 4)))
    assert (media.width, media.height) == (640, 420)


def test_length_of_mrw_blocks_has_four_bytes() -> None:
    data = mrw()
    at = data.index(b"\0PRD")
    block = b"\0PAD\1\0\0\0"
    assert facts(data).width is not None
    assert facts(data[:at] + block + data[at:]).width is None


def test_empty_mrw_blocks_are_bounded() -> None:
    data = mrw().replace(b"\0PRD\0\0\0\x18", b"\0PAD\0\0\0\0")
    assert facts(data).format == "mrw"


class TestBrandOfCanon:
    def test_cr3_without_movie_box_is_truncated(self) -> None:
        media = facts(ftyp(b"crx ") + box(b"mdat", bytes(64)))
        assert (media.kind, media.format, media.width, media.notes) == (
            "image",
            "cr3",
            None,
            ("camera_raw", "truncated"),
        )

    def test_several_frames_without_canon_boxes_are_a_video(self) -> None:
        film = crx(b"", 24, 24)
        without = film.replace(bytes.fromhex("85c0b687"), bytes(4))
        assert (facts(without).kind, facts(without).format) == ("video", "crm")
        still = crx(b"", 1, 1).replace(bytes.fromhex("85c0b687"), bytes(4))
        assert (facts(still).kind, facts(still).format, facts(still).width) == ("image", "cr3", None)

    def test_cr3_without_settings_has_no_size(self) -> None:
        data = crx(b"CanonCR3_001", 1, 1).replace(b"CMT1", b"CMT9")
        media = facts(data)
        assert (media.format, media.width, media.notes) == ("cr3", None, ("camera_raw",))

    def test_settings_without_directory_are_ignored(self) -> None:
        data = ftyp(b"crx ") + box(b"moov", canon(b"CanonCR3_001").replace(b"II*\0", b"JJ*\0"))
        assert (facts(data).format, facts(data).width) == ("cr3", None)

    def test_other_brands_are_not_read_as_cr3(self) -> None:
        assert sniff(MemorySource(ftyp(b"heic") + bytes(64))) == "heif"
        assert sniff(MemorySource(ftyp(b"isom") + bytes(64))) == "mp4"


def test_text_that_begins_like_a_raw_is_text() -> None:
    assert sniff(MemorySource(b"FUJIFILM is a company. " * 9)) == "text"


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    name = sniff(MemorySource(data))
    if name in READERS:
        ends_in_facts(data, name)
        assert probe(MemorySource(data)).size == len(data)
