"""Test camera raws built like TIFF. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import given

from preflight.formats import CAMERA_RAW
from preflight.probes import READERS, probe
from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource
from tests.probes.exiftool import agrees, needs_exiftool
from tests.probes.probing import RemoteSource, counted, damaged, ends_in_facts, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers import Fixture
from makers._ifd import ASCII, BYTE, LONG, SHORT, Entry, Place, ifds, image, preview, text
from makers.raw import CFA, DNG, FIXTURES, HOSTILE, LINEAR_RAW, RAWS, nef, subs, thumbnail

from tests.rows import each_row

NOT_OF_EXIFTOOL = frozenset(
    (
        "raw-big.dng",  # it gives no size of BigTIFF
        "raw-canon-eos-1d.tif",  # it takes the preview's where EXIF has none
        "raw-canon-without-size.cr2",  # the preview's
        "raw-nikon-cut-before-subifds.nef",  # the thumbnail's
        "raw-pentax.pef",  # the preview's, which stands behind the raw picture
        "raw-unknown-maker.tif",  # a TIFF to it, as to its name
    )
)
"""Fixtures of which exiftool says less, or gives the size of a preview."""


@needs_exiftool
def test_facts_agree_with_exiftool(fixtures: Path) -> None:
    agrees(fixtures, [one.name for one in RAWS if one.name.removeprefix("quirks/") not in NOT_OF_EXIFTOOL])


@each_row("fixture", RAWS, ids=lambda fixture: fixture.name)
def test_format_is_detected_by_content_alone(fixture: Fixture) -> None:
    media = facts(fixture.make())
    assert media.format in CAMERA_RAW
    assert "camera_raw" in media.notes


@each_row("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_only_headers_are_read(fixture: Fixture) -> None:
    media, source = counted(fixture.make() + bytes(1 << 20))
    assert media.kind
    assert source.bytes_read <= (65_536 if fixture in HOSTILE else 8192)


def padded(entries: list[Entry]) -> list[Entry]:
    """Return a directory whose entries are followed by 200 kB, such as XMP and previews."""
    return [*entries, (700, BYTE, bytes(200_000))]


def test_raw_by_url_costs_few_requests() -> None:
    first = padded(thumbnail("NIKON CORPORATION", subs(1, 2, 3)))
    source = RemoteSource(ifds(first, padded(preview()), padded(image(600, 400, CFA, 34713)), preview()))
    media = probe(source)
    assert (media.format, media.width, source.requests) == ("nef", 600, 3)


def test_subifds_by_url_are_bounded() -> None:
    first = padded(thumbnail("NIKON CORPORATION", subs(*range(1, 13))))
    many = [padded(preview()) for _ in range(11)]
    data = ifds(first, *many, image(600, 400, CFA, 34713))
    remote = RemoteSource(data)
    media = probe(remote)
    assert (media.format, media.width) == ("nef", None)
    assert remote.requests <= 6
    media, local = counted(data)
    assert (media.format, media.width) == ("nef", 600)
    assert len(local.distant) <= 40


def test_too_many_subifds_leave_the_size_unknown() -> None:
    first = thumbnail("NIKON CORPORATION", subs(*range(1, 42)))
    data = ifds(first, *[image(100 + number, 80, 2) for number in range(40)], image(600, 400, CFA, 34713))
    media = facts(data)
    assert (media.format, media.width) == ("nef", None)


def test_repeated_subifd_is_read_once() -> None:
    media, source = counted(ifds(thumbnail("SONY", subs(*[1] * 900, 2)), padded(preview()), image(600, 400, CFA)))
    assert (media.format, media.width) == ("arw", 600)
    assert len(source.distant) <= 4


@each_row("order", ["<", ">"])
def test_raw_in_a_following_directory_is_found(order: str) -> None:
    data = ifds(thumbnail("NIKON CORPORATION"), preview(), image(600, 400, CFA), order=order, chain=((0, 1), (1, 2)))
    media = facts(data)
    assert (media.format, media.width, media.height) == ("nef", 600, 400)


@each_row("order", ["<", ">"])
def test_raw_without_make_is_found_in_a_subifd(order: str) -> None:
    media = facts(ifds([*image(160, 120, 2), subs(1)], image(600, 400, CFA), order=order))
    assert (media.format, media.width, media.height) == ("camera_raw", 600, 400)


def test_dng_of_a_finished_picture_has_its_size() -> None:
    media = facts(ifds([*image(600, 400, 2), *DNG]))
    assert (media.format, media.width, media.height) == ("dng", 600, 400)


@each_row(
    ("make", "name"),
    [
        ("NIKON", "nef"),
        ("SONY", "arw"),
        ("PENTAX Corporation", "pef"),
        ("SAMSUNG TECHWIN", "srw"),
        ("Mamiya-OP Co.,Ltd.", "mef"),
        ("Leaf", "mos"),
        ("EASTMAN KODAK COMPANY", "kdc"),
        ("Nobody", "camera_raw"),
    ],
)
@each_row("order", ["<", ">"])
def test_make_gives_format(make: str, name: str, order: str) -> None:
    media = facts(ifds(thumbnail(make, subs(1)), image(600, 400, CFA), order=order))
    assert (media.format, media.width, media.height) == (name, 600, 400)


def test_coding_of_one_maker_wins_over_make() -> None:
    data = ifds([*image(600, 400, CFA, 65535), text(271, "SAMSUNG TECHWIN CO.")])
    assert facts(data).format == "pef"


def test_raw_compression_is_raw_for_any_photometric_interpretation() -> None:
    """Nikon's smaller raws are YCbCr in a coding of its own."""
    media = facts(ifds(thumbnail("NIKON CORPORATION", subs(1)), image(600, 400, 6, 34713)))
    assert (media.format, media.width) == ("nef", 600)


def test_full_resolution_picture_counts_over_larger_copy() -> None:
    first = thumbnail("Quirk", *DNG, subs(1, 2))
    media = facts(ifds(first, image(1200, 800, LINEAR_RAW, subfile=16), image(600, 400, CFA)))
    assert (media.width, media.height) == (600, 400)


def test_raw_with_data_beyond_the_end_is_truncated() -> None:
    whole = nef()
    assert facts(whole).notes == ("camera_raw",)
    assert facts(whole[:-65]).notes == ("camera_raw", "truncated")


def test_file_that_ends_in_thumbnail_directory_has_no_size() -> None:
    media = facts(nef()[:150])
    assert (media.format, media.width, media.height, media.notes) == ("tiff", None, None, ("truncated",))


def test_make_that_is_not_text_is_ignored() -> None:
    data = ifds([*image(600, 400, CFA), (271, LONG, [1 << 30])])
    assert facts(data).format == "camera_raw"
    data = ifds([*image(600, 400, CFA), (271, ASCII, b"SONY"), (330, LONG, [0])])
    assert facts(data).format == "arw"


def test_raw_without_size_does_not_take_that_of_its_thumbnail() -> None:
    raw = [entry for entry in image(600, 400, CFA) if entry[0] != 257]
    media = facts(ifds(thumbnail("NIKON CORPORATION", subs(1)), raw))
    assert (media.format, media.width, media.height) == ("nef", 600, None)


@each_row("data", [b"IIRO\x08\0\0\0", b"IIU\0", b"MMOR\0\0\0\x08\0"])
def test_file_that_ends_after_magic_number_is_truncated_raw(data: bytes) -> None:
    media = facts(data)
    assert media.format in CAMERA_RAW
    assert (media.width, media.notes) == (None, ("camera_raw", "truncated"))


@each_row("turned", [0, 9, 65535])
def test_invalid_orientation_is_unknown(turned: int) -> None:
    media = facts(ifds([*image(600, 400, CFA), (274, SHORT, [turned])]))
    assert (media.width, media.orientation) == (600, None)


@each_row("words", ["MMORPG of the year", "IIRS form 990", "IIRO"])
def test_text_that_begins_like_a_raw_is_text(words: str) -> None:
    assert sniff(MemorySource(words.encode() * 9)) == "text"


RENDERED: dict[str, list[list[Entry]]] = {
    "scanner with a pyramid": [[*image(16, 12, 2), text(271, "EPSON"), subs(1)], image(8, 6, 2, subfile=1)],
    "reduced, and the whole picture in a SubIFD": [thumbnail("NIKON", subs(1)), image(600, 400, 2)],
    "the same in YCbCr": [thumbnail("Canon", subs(1)), image(600, 400, 6, 7)],
    "masks in SubIFDs": [[*image(16, 12, 2), text(271, "SONY"), subs(1)], image(16, 12, 4, subfile=4)],
    "grey, of a camera": [[*image(16, 12, 1), text(271, "PENTAX"), (34665, LONG, [Place(1)])], [(37500, BYTE, [0])]],
    "SubIFD behind the end": [[*image(16, 12, 2), text(271, "NIKON"), (330, LONG, [1 << 20])]],
    "JPEG 2000": [image(16, 12, 2, 34712)],
    "Deflate": [image(16, 12, 2, 32946)],
    "no maker, a coding that a camera uses": [image(16, 12, 2, 65000)],
}


@each_row("directories", RENDERED.values(), ids=RENDERED)
def test_finished_pictures_are_not_raws(directories: list[list[Entry]]) -> None:
    media = facts(ifds(*directories))
    assert (media.format, media.width, media.notes) == ("tiff", 16, ())


@given(damaged(FIXTURES))
def test_damaged_files_give_facts(data: bytes) -> None:
    name = sniff(MemorySource(data))
    if name in READERS:
        ends_in_facts(data, name)
        assert probe(MemorySource(data)).size == len(data)
