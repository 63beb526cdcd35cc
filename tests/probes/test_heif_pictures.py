"""Test what HEIF and AVIF state about bit depth, color and animation, and where they were recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from probing import RemoteSource, counted

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._heif import Item, av1, box, coded, full, grid, heif, hevc, ispe
from makers.heif import exif_of_place, sequence

from tests.rows import each_row

AVIF = (b"avif", b"mif1", b"avif")
PLACE = exif_of_place()
NO_PLACE = b"II*\0" + pack("<IHHHIHHI", 8, 1, 274, 3, 1, 6, 0, 0)
XMP = b'<x:xmpmeta exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,17.6E"/>'


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


def nclx(primaries: int, transfer: int, matrix: int) -> bytes:
    return box(b"colr", b"nclx", pack(">HHHB", primaries, transfer, matrix, 0x80))


def icc() -> bytes:
    return box(b"colr", b"prof", bytes(128))


@each_row(
    "item, brands, expected",
    [
        (hevc(128, 64), (b"heic", b"mif1"), (8, "4:2:0", "ycbcr")),
        (av1(128, 64), AVIF, (8, "4:2:0", "ycbcr")),
        (av1(128, 64, nclx(1, 13, 0)), AVIF, (8, "4:2:0", "rgb")),
        (
            Item(b"j2k1", b"x", (ispe(9, 9), full(b"pixi", 0, 0, b"\3\x0c\x0a\x08"))),
            (b"mif1", b"mif1"),
            (12, None, None),
        ),
        (Item(b"jpeg", b"x", (ispe(9, 9), full(b"pixi", 0, 0, b"\1\x08"))), (b"mif1", b"mif1"), (8, None, None)),
        (Item(b"jpeg", b"x", (ispe(9, 9), full(b"pixi", 0, 0, b"\0"))), (b"mif1", b"mif1"), (None, None, None)),
        (Item(b"jpeg", b"x", (ispe(9, 9),)), (b"mif1", b"mif1"), (None, None, None)),
    ],
)
def test_configuration_then_pixi_give_the_sample_format(
    item: Item, brands: tuple[bytes, ...], expected: tuple[object, ...]
) -> None:
    media = seen(heif(item, brands=brands))
    assert (media.bit_depth, media.chroma, media.color_model) == expected


def test_tiles_state_the_samples_of_a_grid_and_the_grid_its_color() -> None:
    tile = hevc(64, 64, nclx(1, 13, 6), hidden=True)
    whole = Item(b"grid", grid(2, 1, 128, 64), (ispe(128, 64), nclx(12, 16, 6)), inside=True)
    media = seen(heif(whole, tile, tile, references=((b"dimg", 1, range(2, 4)),)))
    assert (media.bit_depth, media.chroma, media.primaries, media.hdr) == (8, "4:2:0", "smpte432", "pq")


@each_row(
    "colors, expected",
    [
        ((nclx(9, 18, 9),), ("bt2020", "arib-std-b67", "hlg")),
        ((nclx(1, 13, 6), nclx(9, 16, 9)), ("bt709", "iec61966-2-1", "none")),
        ((nclx(1, 2, 2),), ("bt709", None, "none")),
        ((icc(), nclx(9, 16, 9)), ("bt2020", "smpte2084", "pq")),
        ((icc(),), (None, None, "none")),
        ((), ("bt709", "iec61966-2-1", "none")),
    ],
)
def test_color_property_gives_primaries_transfer_and_hdr(
    colors: tuple[bytes, ...], expected: tuple[str | None, ...]
) -> None:
    media = seen(heif(av1(128, 64, *colors), brands=AVIF))
    assert (media.primaries, media.transfer, media.hdr) == expected


@each_row("transfer, hdr", [(13, "gain_map"), (16, "pq")])
def test_gain_map_makes_a_picture_of_standard_range_hdr(transfer: int, hdr: str) -> None:
    base = av1(128, 64, nclx(1, transfer, 6))
    mapped = Item(b"tmap", b"x", (ispe(128, 64), nclx(9, 16, 9)))
    data = heif(base, av1(64, 64), mapped, brands=AVIF, references=((b"dimg", 3, range(1, 3)),))
    assert seen(data).hdr == hdr


def test_sequence_is_animated_and_described_by_its_track() -> None:
    still, moving = seen(heif(av1(), brands=AVIF)), seen(sequence())
    alone = seen(sequence().replace(b"meta", b"free", 1))
    assert (still.animated, moving.animated, alone.animated) == (False, True, True)
    assert (
        (alone.bit_depth, alone.chroma, alone.hdr)
        == (moving.bit_depth, moving.chroma, moving.hdr)
        == (8, "4:2:0", "none")
    )


@each_row("brands, name", [((b"heic", b"mif1"), "heic"), ((b"mif1", b"heic"), "mif1")])
def test_brand_is_the_major_one(brands: tuple[bytes, ...], name: str) -> None:
    assert seen(heif(hevc(), brands=brands)).brand == name


def located(*metadata: Item, padding: int = 0) -> bytes:
    picture = hevc()
    picture = picture._replace(data=picture.data + bytes(padding))
    return heif(picture, *metadata, references=tuple((b"cdsc", 2 + n, 1) for n in range(len(metadata))))


def exif(block: bytes, skipped: bytes = b"") -> Item:
    return Item(b"Exif", pack(">I", len(skipped)) + skipped + block, hidden=True)


def xmp(packet: bytes) -> Item:
    return Item(b"mime\0application/rdf+xml", packet, hidden=True)


@each_row(
    "metadata, location",
    [
        ((), False),
        ((exif(PLACE),), True),
        ((exif(PLACE, b"Exif\0\0"),), True),
        ((exif(NO_PLACE),), False),
        ((exif(b"nothing"),), False),
        ((exif(NO_PLACE), exif(PLACE)), True),
        ((exif(b""),), None),
    ],
)
def test_exif_item_states_the_location(metadata: tuple[Item, ...], location: bool | None) -> None:
    assert seen(located(*metadata)).location is location


def test_xmp_item_states_the_location() -> None:
    data = located(Item(b"mime", XMP, hidden=True))
    at = data.index(b"mime\0") + 5
    assert seen(data).location is False  # the name is empty, and so is the content type
    named = b"\0application/rdf+xml\0"
    changed = data[: at - 1] + named + data[at:]
    for kind in (b"infe", b"iinf", b"meta"):
        start = changed.rindex(kind, 0, at) - 4
        length = int.from_bytes(changed[start : start + 4]) + len(named) - 1
        changed = changed[:start] + pack(">I", length) + changed[start + 4 :]
    moved = data.index(b"mdat") + 4
    for item in (hevc().data, XMP):
        place = pack(">I", data.index(item, moved))
        changed = changed.replace(place, pack(">I", data.index(item, moved) + len(named) - 1), 1)
    assert seen(changed).location is True


def test_directories_beyond_the_first_kilobyte_are_read() -> None:
    far = PLACE[:4] + pack(">I", 3000) + bytes(2992) + PLACE[8:10] + pack(">HHII", 0x8825, 4, 1, 3018) + bytes(4)
    media, source = counted(located(exif(far + PLACE[26:])))
    assert media.location is True
    assert len(source.distant) <= 4


@each_row(
    "padding, need, location",
    [(0, Need(), True), (40_000, Need(), None), (40_000, Need(frozenset(("location",))), True)],
)
def test_only_a_rule_set_that_needs_the_location_makes_a_request(
    padding: int, need: Need, location: bool | None
) -> None:
    source = RemoteSource(located(exif(PLACE), padding=padding))
    media = probe(source) if need == Need() else probe(source, need)
    assert media.location is location


def test_unneeded_facts_are_not_read() -> None:
    media = probe(MemorySource(located(exif(PLACE))), Need(frozenset(("width",))))
    assert (media.bit_depth, media.location) == (None, None)


@given(st.binary(max_size=80), st.integers(0, 120))
def test_damaged_exif_never_fails(garbage: bytes, at: int) -> None:
    block = PLACE[:at] + garbage + PLACE[at + len(garbage) :]
    for data in (block, block[:at], garbage):
        assert seen(located(exif(data))).location in (True, False, None)


def test_wrong_fields_of_hvcc_do_not_count() -> None:
    configuration, data = coded(128, 64)
    zeroed = configuration[: 8 + 16] + b"\xfc\xf8\xf8" + configuration[8 + 19 :]
    assert seen(heif(Item(b"hvc1", data, (ispe(128, 64), zeroed)))).chroma == "4:2:0"
