"""Test tracks, codecs and times of MP4 and QuickTime. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from struct import pack

import pytest
from probing import counted

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.sources.local import LocalSource
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import Track, blank, box, esds, ftyp, full, moov, movie, mvex, picture_entry, sound, sound_entry

from tests.rows import each_row

SIZE = (854, 480)


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


@each_row(
    ("brand", "name"),
    [
        (b"isom", "mp4"),
        (b"mp42", "mp4"),
        (b"dash", "mp4"),
        (b"qt  ", "mov"),
        (None, "mov"),
        (b"M4A ", "m4a"),
        (b"M4B ", "m4a"),
        (b"M4P ", "m4a"),
        (b"M4V ", "m4v"),
        (b"M4VP", "m4v"),
        (b"3gp6", "3gp"),
        (b"3g2a", "3gp"),
    ],
)
def test_major_brand_gives_format(brand: bytes | None, name: str) -> None:
    assert seen(movie(blank(), brand=brand)).format == name


def test_moov_after_hundreds_of_media_boxes_is_found() -> None:
    media = seen(ftyp() + box(b"mdat", bytes(5000)) * 700 + moov((blank(),)))
    assert (media.kind, media.width, media.streamable, media.notes) == ("video", 854, False, ())


def test_tracks_give_kind_regardless_of_brand() -> None:
    assert seen(movie(blank(), sound(), brand=b"M4A ")).kind == "video"
    assert seen(movie(sound(), brand=b"M4V ")).kind == "audio"
    text = Track(b"text", box(b"text", bytes(50)), 1000, ((1, 2000),), (b"x",))
    media = seen(movie(text))
    assert (media.kind, media.video_codec, media.audio_codec, media.duration) == (None, None, None, 2.0)


def test_auxiliary_tracks_are_not_the_video() -> None:
    depth = blank()._replace(references=box(b"tref", box(b"vdep", pack(">I", 2))), size=(64, 36))
    media = seen(movie(depth, blank()))
    assert (media.width, media.notes) == (854, ())
    off = blank(entry=picture_entry(b"avc1", (64, 36)))._replace(enabled=False)
    media = seen(movie(off, blank()))
    assert (media.width, media.notes) == (854, ("multiple_video_tracks",))


def test_single_picture_is_a_cover_only_in_audio_brands() -> None:
    still = blank(((1, 24000),), picture_entry(b"jpeg", SIZE))
    assert seen(movie(still)).kind == "video"
    assert seen(movie(still, sound())).kind == "video"
    assert seen(movie(still, sound(), brand=b"M4A ")).kind == "audio"
    assert seen(movie(still, sound(), brand=b"M4B ")).kind == "audio"
    assert seen(movie(blank(((2, 24000),), picture_entry(b"jpeg", SIZE)), sound())).kind == "video"


@each_row(
    ("matrix", "rotation", "size"),
    [
        ((0, 1, 1, 0), 90, (480, 854)),  # upside down, then turned
        ((-1, 0, 0, 1), 180, (854, 480)),  # upside down, then turned: mirrored
        ((1, 0, 0, -1), 0, (854, 480)),  # upside down
        ((0, 0, 0, 0), 0, (854, 480)),
    ],
)
def test_mirrored_video_has_the_nearest_rotation(matrix: tuple[int, ...], rotation: int, size: tuple[int, int]) -> None:
    a, b, c, d = (value << 16 for value in matrix)
    data = movie(blank())
    upright = pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(upright, data.index(b"tkhd"))
    media = seen(data[:at] + pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :])
    assert (media.rotation, media.width, media.height) == (rotation, *size)
    assert (media.stored_width, media.stored_height) == SIZE


def test_movie_and_track_rotation_add_up() -> None:
    data = movie(blank()._replace(turn=90))
    at = data.index(pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30), data.index(b"mvhd"))
    turned = data[at + 0 :].index(pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)) + at
    media = seen(data[:at] + data[turned : turned + 36] + data[at + 36 :])
    assert (media.rotation, media.width) == (180, 854)


@each_row(
    ("runs", "variable", "fps"),
    [
        (((48, 1000),), False, 24.0),
        (((20, 1000), (1, 1001), (27, 1000)), False, 48 * 24000 / 48001),
        (((47, 1000), (1, 9000)), False, 48 * 24000 / 56000),  # how long the last frame stays is no step
        (((1, 9000), (7, 1000)), False, 12.0),  # a seam
        (((24, 800), (24, 1200)), True, 24.0),
        (((1, 0),), False, None),
        ((), None, None),
    ],
)
def test_frame_rate_is_frames_by_duration(
    runs: tuple[tuple[int, int], ...], variable: bool | None, fps: float | None
) -> None:
    media = seen(movie(blank(runs), ticks=2000))
    assert (media.variable_fps, media.fps) == (variable, fps)
    assert media.frames == (sum(count for count, _ in runs) or None)


def test_movie_header_then_tracks_give_duration() -> None:
    assert seen(movie(blank(), ticks=2250)).duration == 2.25
    assert seen(movie(blank(), sound(130), ticks=0)).duration == pytest.approx(130 * 1024 / 44100)
    assert seen(movie(blank()._replace(edits=((1500, 0),)), ticks=0)).duration == 1.5


@each_row(
    ("edits", "notes"),
    [
        (((2000, 0),), ()),
        (((1952, 1152),), ()),  # the delay of a coder
        (((0, 0),), ()),
        (((1500, 0),), ("edit_list",)),
        (((50, -1), (2000, 0)), ()),
        (((1000, 0), (1000, 0)), ("edit_list",)),
    ],
)
def test_only_noticeable_edits_are_noted(edits: tuple[tuple[int, int], ...], notes: tuple[str]) -> None:
    assert seen(movie(blank()._replace(edits=edits))).notes == notes


def test_edit_with_a_rate_is_noted() -> None:
    data = movie(blank()._replace(edits=((2000, 0),)))
    at = data.index(b"elst") + 20
    assert seen(data[: at - 4] + pack(">I", 1 << 8) + data[at:]).notes == ()
    assert seen(data[:at] + pack(">I", 1 << 15) + data[at + 4 :]).notes == ("edit_list",)


def test_missing_or_truncated_media_data_is_noted() -> None:
    whole = movie(blank())
    assert seen(whole).notes == ()
    assert seen(whole[:-1]).notes == ("truncated",)
    assert seen(whole[: whole.index(b"mdat") - 4]).notes == ("no_media_data",)
    empty = whole[: whole.index(b"mdat") - 4] + box(b"mdat")
    assert seen(empty).notes == ("no_media_data",)
    assert seen(whole[: whole.index(b"mdat")]).notes == ("truncated",)
    media = seen(ftyp() + box(b"free", bytes(9)))
    assert (media.kind, media.format, media.notes) == (None, "mp4", ("no_moov",))


def test_media_data_after_padding_is_found() -> None:
    whole = movie(blank())
    at = whole.index(b"mdat") - 4
    padded = whole[:at] + box(b"free", bytes(5000)) + box(b"uuid", bytes(3000)) + whole[at:]
    assert (seen(padded).notes, seen(padded[:-1]).notes) == ((), ("truncated",))
    assert seen(padded[: padded.index(b"mdat") - 4]).notes == ("no_media_data",)
    _, source = counted(padded)
    assert source.bytes_read < 5000


@each_row(
    "packed",
    [
        box(b"cmov", box(b"dcom", b"rle "), box(b"cmvd", pack(">I", 9), b"12345")),
        box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", pack(">I", 9), b"12345")),
        box(b"cmov"),
    ],
)
def test_unreadable_compressed_moov_gives_no_facts(packed: bytes) -> None:
    assert_no_facts(packed)


def test_compressed_moov_of_64_mib_gives_no_facts() -> None:
    assert_no_facts(box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", pack(">I", 9), zlib.compress(bytes(64 << 20)))))


def assert_no_facts(packed: bytes) -> None:
    media = seen(ftyp(b"qt  ") + box(b"moov", packed))
    assert (media.kind, media.video_codec, media.duration) == (None, None, None)


def test_compressed_moov_is_not_unpacked_twice() -> None:
    inner = moov((blank(),))
    for _ in range(2):
        inner = box(
            b"moov",
            box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", pack(">I", len(inner)), zlib.compress(inner))),
        )
    assert seen(ftyp(b"qt  ") + inner).kind is None


def test_bit_rate_is_that_of_the_whole_file() -> None:
    data = movie(blank())
    assert seen(data).bit_rate == len(data) * 8 // 2


def test_quicktime_metadata_without_version_is_read() -> None:
    handler = full(b"hdlr", 0, 0, bytes(4), b"mdirappl", bytes(9))
    cover = box(b"ilst", box(b"covr", box(b"data", bytes(8), b"\xff\xd8")))
    assert seen(movie(sound(), extra=box(b"udta", box(b"meta", handler, cover)))).notes == ("cover_art",)
    assert seen(movie(sound(), extra=box(b"meta", handler, cover))).notes == ("cover_art",)


@pytest.mark.parametrize("front", [True, False])
def test_only_moov_and_4_kib_are_read(front: bool, tmp_path: Path) -> None:
    tracks = (blank(tuple((1, 1000 + number % 2) for number in range(5000))), sound(3000))
    tracks = tuple(track._replace(samples=tuple(bytes(99) for _ in track.samples)) for track in tracks)
    data = movie(*tracks, front=front)
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    index = len(moov(tracks))
    for source in (LocalSource(path), MemorySource(data)):
        assert probe(source).frames == 5000
        assert source.bytes_read <= index + 4096
        source.close()


def test_moov_above_the_read_limit_is_not_read() -> None:
    media = probe(MemorySource(movie(blank())), Need(max_bytes=300))
    assert (media.kind, media.format, media.streamable, media.notes) == (None, "mp4", True, ("read_limit",))


def test_fragments_are_read_only_for_timing_facts() -> None:
    data = ftyp(b"iso5") + moov((blank(),), extra=mvex((blank(),)), fragmented=True) + bytes(4000)
    media = probe(MemorySource(data), Need(facts=frozenset(("width", "height", "video_codec"))))
    assert (media.width, media.video_codec, media.duration) == (854, "h264", None)


@each_row(
    ("rate", "played", "notes"),
    [
        (8000, 3072, ()),  # of 3.2 s of media: 1024 samples in front are left out
        (48_000, 3072, ("edit_list",)),
        (8000, 2600, ("edit_list",)),
    ],
)
def test_audio_encoder_delay_is_not_noted_as_edit_list(rate: int, played: int, notes: tuple[str, ...]) -> None:
    frames = round(3.2 * rate / 1024)
    track = sound(frames, sound_entry(b"mp4a", rate, 1, esds(0x40)))._replace(scale=rate, edits=((played, 1024),))
    assert seen(movie(track, brand=b"M4A ")).notes == notes
