"""Test that a bound of a reader is `read_limit`, and the end of the file `truncated`.

Each file is whole (Pillow, ffmpeg or exiftool open it), and has more of something than a reader looks at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from probing import RemoteSource, facts

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers import _ebml, _mp4, _riff, avi, gif, heif, jpeg, png, tiff, webp
from makers._heif import box as heif_box
from makers._mpeg import frame, id3, text
from makers._ogg import adts, loas, opus

from tests.rows import each_row

MANY = 20_000


def text_chunks(count: int) -> bytes:
    return png.chunk(b"tEXt", b"k\0v") * count


def heic(name: str = "quirks/heic-alpha.heic") -> bytes:
    return next(fixture for fixture in heif.FIXTURES if fixture.name == name).make()


def mp4_with(boxes: bytes) -> bytes:
    return _mp4.ftyp() + boxes + _mp4.moov((_mp4.blank(),)) + _mp4.box(b"mdat", bytes(500))


FREE = _mp4.box(b"free")

LIMITED: dict[str, Callable[[], bytes]] = {
    "png chunks in front": lambda: png.png(text_chunks(MANY)),
    "png chunks behind": lambda: png.png(behind=(text_chunks(MANY),)),
    "gif comments": lambda: gif.gif(gif.comment(9000), gif.frame()),
    "jpeg segments": lambda: jpeg.with_segments(jpeg.segment(0xE5, b"") * MANY),
    "jpeg foreign bytes": lambda: b"\xff\xd8\xff\xe0\0\x10" + bytes(14 + 100_000) + jpeg.picture()[2:],
    "webp chunks in front": lambda: webp.riff(webp.chunk(b"junk", b"") * 200, webp.picture()),
    "webp chunks behind": lambda: webp.extended(webp.EXIF, webp.picture(), *[webp.chunk(b"junk", b"")] * 200),
    "heif boxes of the file": lambda: heic()[:24] + heif_box(b"free") * 200 + heic()[24:],
    "tiff entries": lambda: tiff.tiff(tiff.picture(8, 8, extra=tuple((60_000, 3, [1]) for _ in range(5000)))),
    "tiff pages": lambda: tiff.tiff(*[tiff.picture(8, 8)] * 100),
    "mp4 boxes of the file": lambda: mp4_with(FREE * MANY),
    "mp4 boxes of the movie": lambda: _mp4.movie(_mp4.blank(), extra=FREE * MANY),
    "mp4 boxes of a track": lambda: _mp4.movie(_mp4.blank()._replace(references=FREE * 300)),
    "mp4 tracks": lambda: _mp4.movie(*[_mp4.blank(((1, 1000),))] * 200),
    "mp4 edits": lambda: _mp4.movie(_mp4.blank()._replace(edits=((1, 0),) * 5000), ticks=2000),
    "matroska elements": lambda: _ebml.film(
        _ebml.info(), _ebml.element(0xEC, b"") * 200, _ebml.tracks(_ebml.video()), _ebml.cluster()
    ),
    "matroska tracks": lambda: _ebml.film(
        _ebml.info(), _ebml.tracks(_ebml.video(), _ebml.element(0xEC, b"") * 2000), _ebml.cluster()
    ),
    "avi chunks in front": lambda: avi.film(avi.main(), avi.video(), before=avi.chunk(b"JUNK") * 200),
    "avi chunks of the header": lambda: avi.film(avi.main(), avi.video(), avi.chunk(b"JUNK") * 5000),
    "wav chunks": lambda: _riff.riff(
        _riff.chunk(b"LIST", b"INFO") * 5000, _riff.fmt(), _riff.chunk(b"data", bytes(800))
    ),
}


@each_row("name", LIMITED)
def test_read_limit_is_not_reported_as_truncation(name: str) -> None:
    media = facts(LIMITED[name]())
    assert "read_limit" in media.notes
    assert not {"truncated", "bad_header", "no_moov"} & set(media.notes)


@each_row("name", LIMITED)
def test_read_limit_is_noted_for_urls(name: str) -> None:
    source = RemoteSource(LIMITED[name]())
    media = probe(source)
    assert "read_limit" in media.notes
    assert "truncated" not in media.notes
    assert source.requests < 300


def test_facts_beyond_the_read_limit_are_unknown() -> None:
    media = facts(LIMITED["png chunks in front"]())
    assert (media.width, media.height, media.frames, media.has_alpha, media.orientation) == (48, 32, None, None, None)
    media = facts(png.png(text_chunks(MANY), head=png.header(png.RGBA), picture=png.data(rows=png.pixels(png.RGBA))))
    assert (media.width, media.has_alpha) == (48, True)
    media = facts(LIMITED["mp4 boxes of the movie"]())
    assert (media.kind, media.width, media.audio_codec, media.encrypted) == ("video", 854, None, None)
    media = facts(LIMITED["tiff pages"]())
    assert (media.width, media.frames) == (8, None)
    assert facts(LIMITED["gif comments"]()).has_alpha is None
    assert facts(LIMITED["wav chunks"]()).duration is None


@each_row("count", [4000, 4200, 10_000])
def test_thousands_of_chunks_are_skipped(count: int) -> None:
    """Pillow, ImageMagick and exiftool: 48 × 32."""
    for data in (png.png(text_chunks(count)), png.png(behind=(text_chunks(count),))):
        media = facts(data)
        assert (media.width, media.height, media.frames, media.has_alpha, media.notes) == (48, 32, 1, False, ())
    assert "truncated" in facts(png.png(text_chunks(count))[:-60]).notes


def test_oversized_movie_box_reaches_read_limit() -> None:
    data = _mp4.movie(_mp4.blank(), extra=_mp4.box(b"free", bytes(2_000_000)))
    media = probe(MemorySource(data), Need(max_bytes=1 << 20))
    assert (media.format, media.kind, media.notes) == ("mp4", None, ("read_limit",))


@each_row(
    "data",
    [
        adts(5000),
        loas(5000),
        id3(text(b"TIT2", "title")) + (frame(16) * 3 + frame(40)) * 500,
        b"".join(opus(500) + opus(500, serial=2)),
    ],
    ids=["adts", "loas", "mp3", "ogg"],
)
def test_audio_too_large_to_count_has_no_duration(data: bytes) -> None:
    def seen(most: int) -> Media:
        return probe(MemorySource(data), Need(max_bytes=most))

    assert (seen(len(data) - 1000).duration, seen(len(data) - 1000).notes) == (None, ("read_limit",))
    assert (seen(len(data)).duration or 0) > 1
    unasked = probe(MemorySource(data), Need(frozenset(("format",)), max_bytes=1000))
    assert "read_limit" not in unasked.notes


def test_dozens_of_tags_are_skipped() -> None:
    data = id3(text(b"TIT2", "title"), padding=10) * 20 + frame(16) * 40
    assert (facts(data).duration, facts(data).notes) == (pytest.approx(40 * 576 / 22050), ())


def test_floating_point_picture_is_noted() -> None:
    """exiftool: Sample Format Float; ffprobe does not open it."""
    entries = [entry for entry in tiff.picture(8, 8) if entry[0] not in (258, 279)]
    real = [*entries, (258, 3, [32]), (279, 4, [256]), (339, 3, [3])]
    assert facts(tiff.tiff(sorted(real))).notes == ("uncommon_coding",)
    assert facts(tiff.tiff(tiff.picture(8, 8, extra=((339, 3, [1]),)))).notes == ()


def test_truncated_files_are_still_noted_as_truncated() -> None:
    for whole in (
        png.png(),
        jpeg.picture(),
        webp.riff(webp.picture()),
        _mp4.movie(_mp4.blank()),
        avi.film(avi.main(), avi.video()),
    ):
        media = facts(whole[: len(whole) // 2])
        assert "truncated" in media.notes
        assert "read_limit" not in media.notes
