"""Test the elements of Matroska and WebM. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from probing import damaged, ends_in_facts, facts, quick

from preflight.probes import probe
from preflight.sources.local import LocalSource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ebml import audio, cluster, ebml, element, film, index, info, number, segment, text, tracks, video
from makers.matroska import FIXTURES, plain, projection

from tests.rows import each_row

INFO, TRACKS, SEEK_HEAD = 0x1549A966, 0x1654AE6B, 0x114D9B74


def rate(frame_ns: int) -> float | None:
    return facts(film(info(), tracks(video(frame_ns=frame_ns)))).fps


def codec(name: str) -> str | None:
    return facts(film(info(), tracks(audio(codec=name)))).audio_codec


def test_document_type_distinguishes_webm_from_matroska() -> None:
    assert facts(film(info(), tracks(video()), doc_type="webm")).format == "webm"
    assert facts(film(info(), tracks(video()), doc_type="matroska\0\0")).format == "mkv"
    assert facts(ebml(None) + segment(info(), tracks(video()))).format == "mkv"


def test_other_document_type_is_not_a_video() -> None:
    media = facts(film(info(), tracks(video()), doc_type="mediainfo"))
    assert (media.kind, media.format) == (None, None)


@each_row(
    ("frame_ns", "fps"),
    [
        (16_666_666, 60.0),
        (16_666_667, 60.0),
        (33_333_333, 30.0),
        (33_366_666, 30_000 / 1001),
        (33_366_667, 30_000 / 1001),
        (41_708_333, 24_000 / 1001),
        (42_000_000, 1e9 / 42_000_000),
        (80_000_000, 12.5),
        (133_333_333, 1e9 / 133_333_333),
        (1_000, 1_000_000.0),
        (0, None),
    ],
)
def test_truncated_frame_duration_gives_nominal_rate(frame_ns: int, fps: float | None) -> None:
    assert rate(frame_ns) == (None if fps is None else pytest.approx(fps, rel=1e-12))
    assert rate(frame_ns) is None or rate(frame_ns) <= 60 or frame_ns == 1_000  # type: ignore[operator]


@each_row(
    ("name", "expected"),
    [
        ("A_AAC/MPEG4/LC/SBR", "aac"),
        ("A_PCM/INT/LIT", "pcm"),
        ("A_DTS/EXPRESS", "dts"),
        ("A_MPEG/L3", "mp3"),
        ("A_MPEG/L2", "mp2"),
        ("A_NEVER/HEARD", None),
    ],
)
def test_codec_id_may_end_with_a_profile(name: str, expected: str | None) -> None:
    assert codec(name) == expected


@each_row(("roll", "rotation"), [(0.0, 0), (90.0, 270), (-90.0, 90), (180.0, 180), (12.5, 0)])
def test_roll_rotates_counter_clockwise(roll: float, rotation: int) -> None:
    media = facts(plain(projection(roll)))
    assert media.rotation == rotation
    assert (media.width, media.height) == ((240, 320) if rotation in (90, 270) else (320, 240))


def test_excessive_cropping_is_ignored() -> None:
    media = facts(plain(number(0x54CC, 200), number(0x54DD, 200)))
    assert (media.width, media.height) == (320, 240)


def test_display_size_of_unknown_unit_is_ignored() -> None:
    assert facts(plain(number(0x54B0, 999), number(0x54B2, 4))).pixel_aspect_ratio is None


def test_invalid_duration_is_unknown() -> None:
    for duration in (float("nan"), float("inf"), -1.0, 0.0, 5e-310, 1.7e308):
        assert facts(film(info(duration), tracks(video()))).duration is None
    assert facts(film(info(5.0, 0), tracks(video()))).duration is None


def test_file_without_tracks_has_no_kind_and_no_absent_codec() -> None:
    media = facts(film(info(), cluster()))
    assert (media.kind, media.format, media.video_codec, media.audio_codec) == (None, "mkv", None, None)
    assert media.notes == ()


def test_file_of_subtitles_has_no_kind_and_no_video() -> None:
    subtitles = element(0xAE, number(0x83, 17), text(0x86, "S_TEXT/UTF8"))
    media = facts(film(info(), tracks(subtitles)))
    assert (media.kind, media.video_codec) == (None, "none")


def test_second_index_is_followed() -> None:
    first_length = len(index((SEEK_HEAD, 0)))
    clusters = cluster() * 3
    second_at = first_length + len(clusters)
    info_at = second_at + len(index((INFO, 0), (TRACKS, 0)))
    second = index((INFO, info_at), (TRACKS, info_at + len(info())))
    data = film(index((SEEK_HEAD, second_at)), clusters, second, info(), tracks(video()))
    assert facts(data).duration == 2.0


def test_wrong_index_is_followed_once() -> None:
    data = film(index((INFO, 0), (TRACKS, 0), (SEEK_HEAD, 0)), cluster())
    assert facts(data).kind is None


def test_clusters_are_skipped_without_index() -> None:
    assert facts(film(info(), cluster() * 10, tracks(video()))).kind == "video"


def test_second_segment_is_ignored() -> None:
    assert facts(film(info()) + segment(tracks(video()))).kind is None


def test_tracks_after_all_clusters_cost_few_small_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    start = len(index((INFO, 0), (TRACKS, 0)))
    far = 250 << 20
    head = film(index((INFO, far), (TRACKS, far + len(info()))), size=far + 500)
    with path.open("wb") as file:
        file.write(ebml() + head[len(ebml()) :] + element(0x1F43B675, size=far - start - 8))
        file.seek(len(ebml()) + 8 + far)
        file.write(info() + tracks(video()))
    source = LocalSource(path)
    assert probe(source).width == 320
    assert source.bytes_read <= 8192


def test_large_codec_private_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    path.write_bytes(film(info(), tracks(video(), audio(element(0x63A2, bytes(3_000_000)))), cluster()))
    source = LocalSource(path)
    media = probe(source)
    assert (media.width, media.audio_codec) == (320, None)
    assert source.bytes_read < 300_000


@each_row(
    "parts",
    [
        cluster() * 100_000,
        tracks(*[video()] * 20_000),
        element(TRACKS, *[b"\xec\x80"] * 100_000),
        index(*[(TRACKS, 0)] * 5_000),
        element(TRACKS, element(0xAE, *[element(0xE0)] * 40_000)),
    ],
    ids=["clusters", "tracks", "voids", "index", "fields"],
)
def test_endless_chunks_are_bounded(parts: bytes) -> None:
    with quick():
        facts(film(parts))


@given(damaged(FIXTURES))
def test_truncated_and_corrupted_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "mkv")
