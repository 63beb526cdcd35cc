"""Metadata of pictures: what stays, what is removed, and that bytes of pixels do not change for it."""

from __future__ import annotations

import re
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

import preflight
from preflight.fixer.picture.metadata import minimal_exif, strip_exif_location, update_exif, update_xmp
from preflight.fixer.picture.rewriting import strip_location, strip_metadata
from tests.fixer.pictures import answered, applied, furthest, photograph, recipe_of, saved, written
from tests.fixer.pictures import written as applied_bytes
from tests.rows import each_row

QUIRKS = Path("fixtures/quirks")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" dc:title="Cat"'
    b' exif:GPSLatitude="52,31.2N" exif:GPSLongitude="13,24.6E"/><exif:GPSAltitude>34/1</exif:GPSAltitude>'
    b"</rdf:RDF></x:xmpmeta>"
)
LOCATED = [
    "heic-gps.heic", "jpeg-position-behind-maker-notes.jpg", "jpeg-position-in-xmp.jpg", "jpeg-position.jpg",
    "png-position-in-xmp.png", "png-position.png", "tiff-position.tif", "webp-position.webp",
]  # fmt: skip
FORMATS = {"jpg": "jpeg", "tif": "tiff"}


def exif_of(orientation: int = 6, *, thumbnail: bool = False) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Acme"
    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.ExifImageWidth: 320, ExifTags.Base.ExifImageHeight: 240})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (52.0, 31.0, 12.0)}
    )
    return exif.tobytes()


def read(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


@each_row("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_metadata_stays_and_says_what_is_true(kind: str) -> None:
    options: dict[str, Any] = {"exif": exif_of(), "xmp": XMP}
    if kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    name = kind.lower()
    result = applied(saved(photograph(), kind, **options), recipe_of(name, "jpeg", size=(120, 160)))
    exif = result.getexif()
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert exif[ExifTags.Base.Make] == "Acme"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] == 120
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (52.0, 31.0, 12.0)
    if kind != "TIFF":
        assert b'tiff:Orientation="1"' in result.info["xmp"]
        assert b"Cat" in result.info["xmp"]


@each_row("written", ["jpeg", "png", "webp", "tiff", "avif", "heic"])
def test_location_is_removed_and_the_rest_stays(written: str) -> None:
    data = saved(photograph(48, 32), "JPEG", exif=exif_of(1), xmp=XMP)
    result = applied(data, recipe_of("jpeg", written, strip_location=True))
    exif = result.getexif()
    assert exif[ExifTags.Base.Make] == "Acme"
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    packet = result.info.get("xmp") or b""
    assert b"GPS" not in packet
    assert b"Cat" in packet


@each_row("written", ["jpeg", "png", "webp", "tiff", "avif", "heic", "bmp", "gif"])
def test_all_metadata_is_removed_but_the_profile(written: str) -> None:
    with Image.open(QUIRKS / "jpeg-display-p3.jpg") as image:
        profile = image.info["icc_profile"]
    data = saved(photograph(48, 32), "JPEG", exif=exif_of(6), xmp=XMP, icc_profile=profile, comment=b"Mine")
    result = applied(data, recipe_of("jpeg", written, strip_metadata=True))
    assert result.size == (32, 48)
    exif = result.getexif()
    assert ExifTags.Base.Make not in exif
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert not result.info.get("xmp")
    assert result.info.get("comment") in (None, b"")
    assert result.info.get("icc_profile") == (profile if written not in ("bmp", "gif") else None)


def test_upright_picture_says_so_where_a_limit_asks() -> None:
    data = saved(photograph(48, 32), "JPEG")
    assert 0x0112 not in applied(data, recipe_of("jpeg", "jpeg")).getexif()
    for strips in (False, True):
        recipe = recipe_of("jpeg", "jpeg", states_orientation=True, strip_metadata=strips)
        assert applied(data, recipe).getexif()[0x0112] == 1


def test_thumbnail_of_a_cropped_picture_is_dropped() -> None:
    data = (QUIRKS / "jpeg-thumbnail-in-exif.jpg").read_bytes()
    with Image.open(BytesIO(data)) as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)
    whole = applied(data, recipe_of("jpeg", "jpeg"))
    assert whole.getexif().get_ifd(ExifTags.IFD.IFD1)
    part = applied(data, recipe_of("jpeg", "jpeg", crop=(0, 0, 20, 20)))
    assert not part.getexif().get_ifd(ExifTags.IFD.IFD1)


def test_gain_map_that_is_not_written_is_not_described() -> None:
    for name in ("jpeg-gain-map.jpg", "jpeg-gain-map-iso.jpg"):
        data = (QUIRKS / name).read_bytes()
        result = written(data, recipe_of("jpeg", "jpeg", first_picture=True, size=(20, 14)))
        assert preflight.probe(result).hdr == "none"


@each_row("written", ["jpeg", "png", "gif"])
def test_ratio_of_pixels_is_written(written: str) -> None:
    data = saved(photograph(48, 32), dpi=(144, 144))
    for strips in (False, True):
        ratios = {}
        for aspect in (0.5, 4 / 3, 2.0):
            result = applied_bytes(data, recipe_of("png", written, pixel_aspect=aspect, strip_metadata=strips))
            ratios[aspect] = preflight.probe(result).pixel_aspect_ratio
        assert ratios == pytest.approx({aspect: aspect for aspect in ratios}, abs=0.02)
    square = preflight.probe(applied_bytes(data, recipe_of("png", written, pixel_aspect=1.0)))
    assert square.pixel_aspect_ratio == (None if written == "gif" else 1.0)


def test_density_stays_where_it_is_square() -> None:
    data = saved(photograph(48, 32), "JPEG", dpi=(300, 300))
    assert applied(data, recipe_of("jpeg", "jpeg", size=(24, 16))).info["dpi"] == (300, 300)


class TestInPlace:
    @each_row("name", LOCATED)
    def test_location_is_overwritten_and_no_pixel_changes(self, name: str) -> None:
        data = (QUIRKS / name).read_bytes()
        kind = FORMATS.get(name.rpartition(".")[2], name.rpartition(".")[2])
        assert preflight.probe(data).location is True
        media = preflight.probe(data)
        recipe = recipe_of(kind, kind, whole=(media.width, media.height), strip_location=True, keeps_pixels=True)
        result = written(data, recipe)
        assert preflight.probe(result).location is False
        assert (len(result) == len(data)) is (name != "png-position-in-xmp.png")
        with Image.open(BytesIO(data)) as before, Image.open(BytesIO(result)) as after:
            assert furthest(before.convert("RGBA"), after.convert("RGBA")) == 0

    def test_other_tags_stay_in_place(self) -> None:
        block = exif_of(6)
        changed = strip_exif_location(block.removeprefix(b"Exif\0\0"))
        exif = read(changed)
        assert (exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation]) == ("Acme", 6)
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] == 320
        assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert struct.pack("<II", 52, 1) in block
        assert struct.pack("<II", 52, 1) not in changed

    def test_pictures_behind_the_first_lose_their_location_too(self) -> None:
        one = saved(photograph(48, 32), "JPEG", exif=exif_of(1))
        changed = strip_location(one + one, "jpeg")
        assert changed is not None
        assert len(changed) == 2 * len(one)
        assert changed[: len(one)] == changed[len(one) :]
        assert preflight.probe(changed[len(one) :]).location is False

    @each_row("orientation", [1, 6])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_metadata_is_left_out_and_orientation_stays(self, kind: str, orientation: int) -> None:
        options: dict[str, Any] = {"exif": exif_of(orientation), "xmp": XMP}
        with Image.open(QUIRKS / "jpeg-display-p3.jpg") as image:
            options["icc_profile"] = image.info["icc_profile"]
        if kind == "JPEG":
            options |= {"comment": b"Mine", "progressive": True}
        data = saved(photograph(), kind, **options)
        recipe = recipe_of(kind.lower(), kind.lower(), whole=(320, 240), strip_metadata=True, keeps_pixels=True)
        result = written(data, recipe)
        assert b"Acme" not in result
        assert b"Cat" not in result
        assert b"Mine" not in result
        with Image.open(BytesIO(data)) as before, Image.open(BytesIO(result)) as after:
            assert after.getexif().get(0x0112, 1) == orientation
            assert after.info["icc_profile"] == options["icc_profile"]
            assert furthest(before, after) == 0

    def test_text_chunks_are_left_out(self) -> None:
        changed = strip_metadata((QUIRKS / "png-raw-profile.png").read_bytes(), "png", 6)
        assert changed is not None
        assert not re.search(rb"[tiz]EXt|zTXt|tIME", changed)
        assert changed.count(b"eXIf") == 1

    def test_further_pictures_are_not_cut_off_silently(self) -> None:
        data = (QUIRKS / "jpeg-multi-picture.jpg").read_bytes()
        recipe = recipe_of("jpeg", "jpeg", whole=(48, 32), strip_metadata=True, keeps_pixels=True)
        answer = answered(data, recipe)
        assert answer["parameter"] == "first_picture"
        assert answer["refused"] == "is one of 2 in the file, of which only the first would be kept"
        assert preflight.probe(written(data, recipe._replace(first_picture=True))).multi_picture is False

    @each_row("kind", ["jpeg", "png", "webp", "tiff", "heic", "gif"])
    def test_damaged_files_are_not_rewritten(self, kind: str) -> None:
        for data in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\xff\xffIDAT", b"RIFF\xff\0\0\0WEBPVP8 \xff\xff\0\0"):
            assert strip_location(data, kind) is None
            assert strip_metadata(data, kind, 1) is None


def test_orientation_in_xmp_becomes_upright() -> None:
    assert b'tiff:Orientation="1"' in update_xmp(XMP, strip_location=False)
    element = b"<tiff:Orientation>8</tiff:Orientation>"
    assert update_xmp(element, strip_location=False) == b"<tiff:Orientation>1</tiff:Orientation>"


def test_unreadable_position_in_xmp_removes_the_packet() -> None:
    assert update_xmp(b"<x exif:GPSLatitude=52/>", strip_location=True) == b""


@each_row("orientation", range(1, 9))
def test_minimal_block_states_the_orientation(orientation: int) -> None:
    assert dict(read(minimal_exif(orientation))) == {0x0112: orientation}


@given(st.data())
def test_damaged_exif_never_raises(data: st.DataObject) -> None:
    block = bytearray(exif_of().removeprefix(b"Exif\0\0"))
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(4, len(block) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(block[: data.draw(st.integers(0, len(block)))])
    located = strip_exif_location(cut)
    assert len(located) in (0, len(cut))
    assert isinstance(update_exif(cut, size=(5, 5), is_cropped=True, strip_location=True), bytes)
