"""Test colors, coding and location of pictures against other tools, and that they cost no request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from probing import RemoteSource, counted

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._exif import LATITUDE, camera
from makers._ifd import SHORT, ifds, image
from makers.jpeg import with_exif
from makers.webp import ICC, chunk, extended, picture

from preflight.formats import PRIMARIES_BY_CODE, TRANSFER_BY_CODE
from preflight.media import Media
from preflight.probes import probe
from preflight.sources.local import LocalSource
from tests.probes.exiftool import needs_exiftool
from tests.rows import each_row

EXIFTOOL_CODINGS = {
    "Baseline DCT, Huffman coding": "baseline",
    "Extended sequential DCT, Huffman coding": "extended",
    "Extended sequential DCT, arithmetic coding": "arithmetic",
    "Lossless, Huffman coding": "lossless",
    "Progressive DCT, Huffman coding": "progressive",
    "Sequential DCT, differential Huffman coding": "hierarchical",
}
FFMPEG_CODINGS = {
    "Baseline": "baseline",
    "JPEG LS": "lossless",
    "Lossless": "lossless",
    "Progressive": "progressive",
    "Sequential": "extended",
}


def media_of(path: Path) -> Media:
    source = LocalSource(path)
    try:
        return probe(source)
    finally:
        source.close()


def exiftool(paths: list[Path], *tags: str) -> list[dict[str, str | int]]:
    words = ["exiftool", "-json", *tags, *map(str, paths)]
    said: list[dict[str, str | int]] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    assert [entry["SourceFile"] for entry in said] == [str(path) for path in paths]
    return said


@needs_exiftool
def test_coding_of_jpeg_is_that_of_exiftool(fixtures: Path) -> None:
    paths = sorted((fixtures / "quirks").glob("jpeg-*.jpg"))
    codings = {
        path: said.get("EncodingProcess") for path, said in zip(paths, exiftool(paths, "-EncodingProcess"), strict=True)
    }
    known = {path: EXIFTOOL_CODINGS[str(coding)] for path, coding in codings.items() if coding is not None}
    assert {path: media_of(path).coding for path in known} == known
    assert set(known.values()) == set(EXIFTOOL_CODINGS.values())


@each_row("name", ["display-p3", "extended", "lossless", "ls", "progressive"])
def test_coding_of_jpeg_is_that_of_ffmpeg(fixtures: Path, name: str) -> None:
    av = pytest.importorskip("av")
    path = fixtures / "quirks" / f"jpeg-{name}.jpg"
    with av.open(str(path)) as container:
        assert media_of(path).coding == FFMPEG_CODINGS[container.streams.video[0].codec_context.profile]


@each_row(
    ("name", "sample_format"),
    [
        ("lossy", "yuv420p"),
        ("alpha", "yuva420p"),
        ("lossless", "argb"),
        ("lossless-alpha", "argb"),
        ("display-p3", "argb"),
    ],
)
def test_coding_of_webp_is_that_of_ffmpeg(fixtures: Path, name: str, sample_format: str) -> None:
    av = pytest.importorskip("av")
    path = fixtures / "quirks" / f"webp-{name}.webp"
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).format.name == sample_format
    media = media_of(path)
    is_lossy = sample_format.startswith("yuv")
    assert (media.coding, media.color_model) == (("lossy", "ycbcr") if is_lossy else ("lossless", "rgb"))
    assert media.chroma == ("4:2:0" if is_lossy else None)


@needs_exiftool
def test_further_pictures_of_a_jpeg_are_those_of_exiftool_and_pillow(fixtures: Path) -> None:
    paths = [
        fixtures / "quirks" / f"jpeg-{name}.jpg" for name in ("multi-picture", "gain-map", "display-p3", "gain-map-iso")
    ]
    several = [media_of(path).multi_picture for path in paths]
    assert several == [True, True, False, False]
    assert several == [said.get("NumberOfImages", 1) != 1 for said in exiftool(paths, "-MPF:NumberOfImages")]
    with Image.open(paths[0]) as first, Image.open(paths[2]) as third:
        assert [image.format for image in (first, third)] == ["MPO", "JPEG"]


@each_row("name", ["pq", "srgb", "chromaticities", "chromaticities-of-a-monitor"])
def test_colors_of_png_are_those_of_ffmpeg(fixtures: Path, name: str) -> None:
    av = pytest.importorskip("av")
    path = fixtures / "quirks" / f"png-{name}.png"
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    media = media_of(path)
    assert media.primaries == PRIMARIES_BY_CODE.get(frame.color_primaries, "other")
    assert media.transfer == TRANSFER_BY_CODE.get(frame.color_trc, "other")


@needs_exiftool
def test_location_is_that_of_exiftool(fixtures: Path) -> None:
    paths = sorted(path for path in (fixtures / "quirks").iterdir() if "position" in path.name or "gps" in path.name)
    assert len(paths) > 8
    known = ["GPSLatitude" in said for said in exiftool(paths, "-GPSLatitude")]
    assert [media_of(path).location for path in paths] == known


def test_distant_location_of_jpeg_costs_a_small_read_and_no_request() -> None:
    near, far = with_exif(camera(gps=(LATITUDE,), gap=20_000)), with_exif(camera(gps=(LATITUDE,), gap=40_000))
    media, source = counted(near)
    assert media.location is True
    assert source.distant[0] == (20_056, 18)
    remote = RemoteSource(near)
    assert (probe(remote).location, remote.requests) == (True, 1)
    plain = RemoteSource(with_exif(camera(gap=40_000)))
    probe(plain)
    remote = RemoteSource(far)
    assert (probe(remote).location, remote.requests) == (None, plain.requests)
    assert counted(far)[0].location is True


@each_row(("profile_bytes", "coding"), [(20_000, "lossless"), (40_000, None)])
def test_image_data_of_webp_behind_a_profile_costs_no_request(profile_bytes: int, coding: str | None) -> None:
    data = extended(ICC, chunk(b"ICCP", bytes(profile_bytes)), picture(lossless=True))
    remote = RemoteSource(data)
    assert (probe(remote).coding, remote.requests) == (coding, 1)
    assert counted(data)[0].coding == "lossless"


def test_bits_of_tiff_far_from_the_directory_cost_no_request() -> None:
    page = [entry for entry in image(8, 6, 2) if entry[0] != 258]
    near = ifds([*page, (258, SHORT, [16, 16, 16])])
    assert probe(RemoteSource(near)).bit_depth == 16
    moved = bytearray(near + bytes(50_000) + near[-64 - 6 : -64])
    at = near.index(b"\x02\x01\x03\0\x03\0\0\0") + 8
    moved[at : at + 4] = (len(moved) - 6).to_bytes(4, "little")
    remote = RemoteSource(bytes(moved))
    assert (probe(remote).bit_depth, remote.requests) == (None, 1)
    assert counted(bytes(moved))[0].bit_depth == 16
