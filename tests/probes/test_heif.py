"""Test the item tables of HEIF and AVIF. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from probing import quick

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.sniff import sniff
from preflight.sources.local import LocalSource
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._heif import ALPHA, Item, av1, box, clap, full, grid, heif, hevc, irot, ispe, overlay
from makers.heif import FIXTURES, grid_of_four, sequence

from tests.rows import each_row

GREY = (ispe(128, 64),)


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


def sizes(media: Media) -> tuple[int | None, ...]:
    return media.stored_width, media.stored_height, media.width, media.height


@each_row(
    ("brands", "item", "name"),
    [
        ((b"avif", b"mif1"), av1, "avif"),
        ((b"heic", b"mif1"), hevc, "heic"),
        ((b"mif1", b"heic"), hevc, "heic"),
        ((b"mif1", b"miaf"), hevc, "heic"),
        ((b"mif1", b"avif"), av1, "heif"),
        ((b"????", b"avif"), av1, "avif"),
    ],
)
def test_major_brand_gives_format_unless_neutral(
    brands: tuple[bytes, ...], item: Callable[[], Item], name: str
) -> None:
    media = seen(heif(item(), brands=(brands[0], *brands)))
    assert media.format == name
    assert ("av1_coded" in media.notes) == (item is av1 and name != "avif")


@each_row(
    ("brands", "name"),
    [((b"avif", b"heic"), "avif"), ((b"heix", b"avif"), "heic"), ((b"mif1", b"avif"), "heif")],
)
def test_brands_give_format_if_coding_is_unreadable(brands: tuple[bytes, ...], name: str) -> None:
    assert seen(box(b"ftyp", brands[0], bytes(4), *brands) + box(b"mdat")).format == name


def test_video_with_cover_is_a_video() -> None:
    assert sniff(MemorySource(box(b"ftyp", b"isom", bytes(4), b"isom", b"mif1") + bytes(600))) == "mp4"
    assert sniff(MemorySource(box(b"ftyp", b"MiHB", bytes(4), b"MiHB", b"mif1") + bytes(600))) == "heif"
    assert sniff(MemorySource(box(b"ftyp", b"????", bytes(4), b"isom") + b"heicmif1")) == "mp4"


def test_grid_without_ispe_has_the_size_of_its_payload() -> None:
    assert sizes(seen(grid_of_four())) == (120, 100, 120, 100)
    tile = hevc(64, 64, hidden=True)
    outside = Item(b"grid", grid(2, 1, 70_000, 64))
    assert seen(heif(outside, tile, references=((b"dimg", 1, 2),))).width == 70_000


def test_overlay_without_ispe_has_the_size_of_its_canvas() -> None:
    canvas = Item(b"iovl", overlay(150, 90, (0, 0)), inside=True)
    assert sizes(seen(heif(canvas, hevc(), references=((b"dimg", 1, 2),)))) == (150, 90, 150, 90)


def test_wrapper_without_ispe_has_displayed_size_of_its_item() -> None:
    inner = hevc(128, 64, clap(100, 30), hidden=True)
    middle = Item(b"iden", b"", (irot(1),), hidden=True)
    outer = Item(b"iden", b"", (clap(20, 90),))
    media = seen(heif(outer, middle, inner, references=((b"dimg", 1, 2), (b"dimg", 2, 3))))
    assert sizes(media) == (30, 100, 20, 90)


def test_circular_derivation_has_no_size() -> None:
    wrapped = Item(b"iden", b"")
    media = seen(heif(wrapped, wrapped, references=((b"dimg", 1, 2), (b"dimg", 2, 1))))
    assert (media.format, media.width, media.notes) == ("heic", None, ("bad_header",))


def test_size_of_tile_is_not_that_of_its_grid() -> None:
    tile = hevc(64, 64, hidden=True)
    assert seen(heif(Item(b"grid", b"", inside=True), tile, references=((b"dimg", 1, 2),))).width is None


@each_row("aperture", [bytes(32), pack(">8I", 0, 1, 30, 1, 0, 1, 0, 1), b"\1"])
def test_invalid_clean_aperture_is_ignored(aperture: bytes) -> None:
    assert sizes(seen(heif(hevc(128, 64, box(b"clap", aperture))))) == (128, 64, 128, 64)


def test_clean_aperture_is_rounded_and_clamped() -> None:
    fractions = box(b"clap", pack(">8I", 199, 2, 61, 2, 0, 1, 0, 1))
    assert sizes(seen(heif(hevc(128, 64, fractions))))[2:] == (100, 31)
    assert sizes(seen(heif(hevc(128, 64, clap(500, 20)))))[2:] == (128, 20)


def test_displayed_size_of_scaled_image_is_unknown() -> None:
    scaled = seen(heif(hevc(128, 64, full(b"iscl", 0, 0, pack(">4H", 1, 2, 1, 2)))))
    assert sizes(scaled) == (128, 64, None, None)


def test_empty_extent_gives_no_size() -> None:
    assert sizes(seen(heif(Item(b"hvc1", b"x", (ispe(0, 64),))))) == (None,) * 4


def test_alpha_of_tiles_is_alpha_of_the_grid() -> None:
    whole = Item(b"grid", grid(2, 1, 128, 64), (ispe(128, 64),), inside=True)
    tile = hevc(64, 64, hidden=True)
    plane = tile._replace(properties=(*tile.properties, full(b"auxC", 0, 0, ALPHA)))
    data = heif(whole, tile, tile, plane, references=((b"dimg", 1, range(2, 4)), (b"auxl", 4, 2)))
    assert seen(data).has_alpha is True


def test_depth_map_is_not_alpha() -> None:
    depth = full(b"auxC", 0, 0, b"urn:mpeg:hevc:2015:auxid:2\0")
    assert seen(heif(hevc(), hevc(64, 64, depth), references=((b"auxl", 2, 1),))).has_alpha is False


@each_row(
    ("described", "has_alpha"),
    [
        (box(b"cmpd", pack(">I4H", 4, 4, 5, 6, 7)), True),
        (box(b"cmpd", pack(">I3H", 3, 4, 5, 6)), False),
        (box(b"cmpd", pack(">IH", 2, 0x8001) + b"urn:x\0" + pack(">H", 7)), True),
        (full(b"uncC", 1, 0, b"rgba"), True),
        (full(b"uncC", 1, 0, b"rgb3"), False),
    ],
)
def test_uncompressed_image_lists_its_components(described: bytes, has_alpha: bool) -> None:
    media = seen(heif(Item(b"unci", b"x", (*GREY, described)), brands=(b"mif1", b"mif1")))
    assert (media.format, media.has_alpha) == ("heif", has_alpha)


def test_alpha_of_jpeg_2000_is_unknown() -> None:
    assert seen(heif(Item(b"j2k1", b"x", GREY))).has_alpha is None


@each_row("primary", [1, 2])
def test_gain_map_is_noted(primary: int) -> None:
    mapped = Item(b"tmap", b"x", GREY)
    data = heif(hevc(), hevc(64, 64, hidden=True), mapped, primary=primary, references=((b"dimg", 3, range(1, 3)),))
    assert (seen(data).notes, seen(data).frames) == (("gain_map",), 1)
    apple = full(b"auxC", 0, 0, b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
    assert seen(heif(hevc(), hevc(64, 64, apple), references=((b"auxl", 2, 1),))).notes == ("gain_map",)


def test_protected_image_is_encrypted() -> None:
    data = heif(hevc())
    assert seen(data).encrypted is False
    at = data.index(b"infe") + 10
    assert seen(data[:at] + b"\0\1" + data[at + 2 :]).encrypted is True


def test_sequence_brand_without_track_is_an_image() -> None:
    media = seen(heif(hevc(), brands=(b"heic", b"mif1", b"msf1")))
    assert (media.width, media.frames, media.notes) == (128, 1, ())


def test_sequence_without_meta_is_rotated_by_its_track() -> None:
    data = bytearray(sequence().replace(b"meta", b"free", 1))
    at = data.index(b"tkhd") + 4
    at += 52 if data[at] else 40
    data[at : at + 36] = pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    media = seen(bytes(data))
    assert (*sizes(media), media.rotation) == (128, 64, 64, 128, 90)


def test_second_track_is_alpha_of_a_sequence() -> None:
    import io

    from PIL import Image

    out = io.BytesIO()
    frames = [Image.new("RGBA", (64, 64), (90, 120, 160, alpha)) for alpha in (20, 220)]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=100, quality=40)
    for data in (out.getvalue(), out.getvalue().replace(b"meta", b"free", 1)):
        media = seen(data)
        assert (media.width, media.frames, media.has_alpha) == (64, 2, True)


@each_row(("flags", "shown"), [(0, (100, 50)), (5, (50, 100))])
def test_minimized_image_box_is_read(flags: int, shown: tuple[int, int]) -> None:
    bits = 1 << 58 | flags << 48 | 99 << 40 | 49 << 33
    media = seen(box(b"ftyp", b"mif3", b"avif") + box(b"mini", bits.to_bytes(8, "big"), bytes(20)))
    assert (media.format, media.width, media.height, media.has_alpha) == ("avif", *shown, True)
    wide = 1 << 47 | 9999 << 32 | 4999 << 17
    media = seen(box(b"ftyp", b"mif3", b"heic") + box(b"mini", wide.to_bytes(8, "big"), bytes(20)))
    assert (media.format, *sizes(media)) == ("heic", 10_000, 5000, 10_000, 5000)


def test_image_truncated_in_its_tables_has_unknown_size() -> None:
    data = heif(hevc())
    media = seen(data[: data.index(b"ipma")])
    assert (media.kind, media.format, media.width, media.notes) == ("image", "heic", None, ("truncated",))
    assert (media.frames, media.has_alpha) == (None, None)
    assert seen(data[:30]).notes == ("truncated",)


@each_row("between", [b"", box(b"free")])
def test_image_without_media_data_is_truncated(between: bytes) -> None:
    whole = heif(hevc())
    end = whole.index(b"mdat") - 4
    for data in (whole[:end] + between, whole[:end] + between + whole[end : end + 4]):
        assert (sizes(seen(data)), seen(data).notes) == ((128, 64, 128, 64), ("truncated",))
    tiles = grid_of_four()
    assert seen(tiles[: tiles.index(b"mdat") - 4]).notes == ("truncated",)


def test_sequence_without_media_data_is_truncated() -> None:
    whole = sequence()
    assert "truncated" in seen(whole[: whole.index(b"mdat") - 4]).notes
    assert "truncated" in seen(whole[: whole.index(b"moov") - 4]).notes


def test_open_ended_media_data_may_be_truncated() -> None:
    whole = heif(hevc())
    at = whole.index(b"mdat") - 4
    endless = whole[:at] + bytes(4) + whole[at + 4 :]
    assert (seen(endless).notes, seen(endless[:-1]).notes) == ((), ("truncated",))


def test_trailing_garbage_is_not_truncation() -> None:
    assert seen(heif(hevc()) + b"\x7f\xff\xff\xff----").notes == ()
    assert seen(heif(hevc(), behind=True) + b"\x7f\xff\xff\xff----").notes == ()


@each_row("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_no_fixture_costs_more_than_4_kib(fixture: object, fixtures: Path) -> None:
    source = LocalSource(fixtures / fixture.name)  # type: ignore[attr-defined]
    probe(source)
    assert source.bytes_read <= 4096


@pytest.mark.parametrize("behind", [False, True])
def test_image_data_is_not_read(tmp_path: Path, behind: bool) -> None:
    path = tmp_path / "x.heic"
    picture = hevc(128, 64, irot(1))
    path.write_bytes(heif(picture._replace(data=picture.data + bytes(1 << 20)), behind=behind))
    source = LocalSource(path)
    assert probe(source).width == 64
    assert source.bytes_read <= 4096


@pytest.mark.parametrize(("padding", "most"), [(3000, 8 << 10), (100_000, 4 << 10), (5_000_000, 4 << 10)])
def test_large_meta_box_is_read_in_part(tmp_path: Path, padding: int, most: int) -> None:
    path = tmp_path / "x.heic"
    path.write_bytes(heif(hevc(128, 64, irot(1)), padding=padding))
    source = LocalSource(path)
    assert sizes(probe(source)) == (128, 64, 64, 128)
    assert source.bytes_read <= most
    path.write_bytes(path.read_bytes()[:-5])
    assert probe(LocalSource(path)).notes == ("truncated",)


def test_image_of_thousands_of_tiles_is_read() -> None:
    whole = Item(b"grid", grid(50, 60, 3200, 3840), (ispe(3200, 3840),), inside=True)
    data = heif(whole, *[hevc(64, 64, hidden=True)] * 3000, references=((b"dimg", 1, range(2, 3002)),), wide=True)
    media = seen(data)
    assert (media.format, media.width, media.frames) == ("heic", 3200, 1)


@each_row(
    "table",
    [
        box(b"iprp", box(b"ipco", *[box(b"ispe")] * 120_000)),
        box(b"iprp", full(b"ipma", 0, 0, b"\xff" * 4, bytes(1_000_000))),
        full(b"iinf", 0, 0, b"\xff\xff", *[full(b"infe", 2, 0, b"\0\1\0\0hvc1")] * 50_000),
        full(b"iref", 0, 0, *[box(b"dimg", pack(">HHH", 1, 1, 1))] * 70_000),
        full(b"iloc", 1, 0, b"\0\0\xff\xff", b"\0\2" * 500_000),
    ],
    ids=["ipco", "ipma", "iinf", "iref", "iloc"],
)
def test_endless_tables_are_bounded(table: bytes) -> None:
    start = box(b"ftyp", b"heic", bytes(4), b"mif1")
    meta = full(b"meta", 0, 0, full(b"pitm", 0, 0, b"\0\1"), table)
    with quick():
        assert seen(start + meta).width is None


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Return every fixture as it is stored, since encoding them takes seconds."""
    return [(Path(__file__).parents[2] / "fixtures" / fixture.name).read_bytes() for fixture in FIXTURES]


@given(data=st.data())
def test_truncated_and_corrupted_files_give_facts(pictures: list[bytes], data: st.DataObject) -> None:
    picked = data.draw(st.sampled_from(pictures))
    broken = bytearray(picked[: data.draw(st.integers(12, len(picked)))])
    for _ in range(data.draw(st.integers(0, 6))):
        broken[data.draw(st.integers(0, min(len(broken), 800) - 1))] = data.draw(st.integers(0, 255))
    assume(sniff(MemorySource(bytes(broken))) == "heif")
    with quick():
        media = seen(bytes(broken))
    assert media.size == len(broken)
