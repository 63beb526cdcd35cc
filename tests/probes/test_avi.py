"""Test AVI header lists. `test_fixtures.py` compares the facts of the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from probing import RemoteSource, counted, damaged, ends_in_facts, facts, quick

from preflight.probes import probe

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers.avi import FIXTURES, audio, bitmap, chunk, film, listing, main, stream, video

from tests.rows import each_row


@each_row(
    ("code", "codec"),
    [
        (b"H264", "h264"),
        (b"h264", "h264"),
        (b"MJPG", "mjpeg"),
        (b"DX50", "mpeg4"),
        (b"DIV3", "msmpeg4v3"),
        (b"MP42", "msmpeg4v2"),
        (b"YV12", "rawvideo"),
        (b"\1\0\0\0", "msrle"),
        (b"\xff\xfe\0\1", None),
    ],
)
def test_compression_code_gives_video_codec(code: bytes, codec: str | None) -> None:
    assert facts(film(main(), video(code=code))).video_codec == codec


def test_handler_gives_codec_if_compression_is_unknown() -> None:
    data = film(main(), stream(b"vids", b"xvid", 1, 25, 50, bitmap(b"\x10\0\0\0")))
    assert facts(data).video_codec == "mpeg4"


def test_frame_rate_is_rate_divided_by_scale() -> None:
    media = facts(film(main(300), stream(b"vids", b"XVID", 1001, 30000, 300, bitmap()), frames=300))
    assert media.fps == 30000 / 1001
    assert media.duration == pytest.approx(10.01)


def test_main_header_gives_frame_rate_if_stream_does_not() -> None:
    media = facts(film(main(), stream(b"vids", b"XVID", 0, 0, 50, bitmap())))
    assert (media.fps, media.duration) == (25.0, 2.0)


def test_impossible_frame_count_is_ignored() -> None:
    made_up = film(main(0), stream(b"vids", b"XVID", 1, 25, 1 << 30, bitmap()))
    streamed = b"RIFF\xff\xff\xff\xff" + made_up[8:]
    media = facts(streamed)
    assert (media.fps, media.frames, media.duration, media.notes) == (25.0, None, None, ())
    unsized = b"RIFF\xff\xff\xff\xff" + film(main(5), stream(b"vids", b"XVID", 1, 25, 5, bitmap()), frames=5)[8:]
    assert facts(unsized).duration == 0.2


@each_row("length", [10, 500, 1_000_000, 0xFFFFFFFF])
def test_index_decides_between_contradicting_frame_counts(length: int) -> None:
    """A full decode and libmediainfo count 50 frames; ffprobe repeats the stream's own length."""
    for main_frames, own in ((50, length), (length, 50), (max(length, 200), max(length, 200))):
        media = facts(film(main(main_frames), video(own)))
        assert (media.frames, media.duration) == (50, 2.0)
        assert media.notes == ("bad_header",)


def test_contradicting_frame_counts_without_index_are_unknown() -> None:
    padded = chunk(b"JUNK", bytes(9000))
    media = facts(film(main(50), video(500), padded, frames=0))
    assert (media.frames, media.duration, media.notes) == (None, None, ("bad_header",))
    media = facts(film(main(50), video(1 << 30), padded, frames=0))
    assert (media.frames, media.duration, media.notes) == (50, 2.0, ("bad_header",))


def test_index_is_ignored_in_file_of_several_riffs() -> None:
    data = film(main(60), video(60)) + b"RIFF" + pack("<I", 4) + b"AVIX"
    assert (facts(data).frames, facts(data).notes) == (60, ())


def test_agreeing_headers_cost_no_request_for_the_index() -> None:
    source = RemoteSource(film(main(500), video(500), chunk(b"JUNK", bytes(200_000))))
    assert (probe(source).frames, source.requests) == (500, 1)
    source = RemoteSource(film(main(50), video(500), chunk(b"JUNK", bytes(200_000))))
    assert (probe(source).frames, source.requests) == (50, 2)


def test_chunks_too_short_for_their_fields_are_ignored() -> None:
    data = film(chunk(b"avih", bytes(4)), listing(b"strl", chunk(b"strh", b"vids"), chunk(b"strf", bytes(10))))
    media = facts(data)
    assert (media.format, media.kind, media.width, media.fps) == ("avi", None, None, None)


def test_audio_of_unknown_format_is_not_absent() -> None:
    media = facts(film(main(), video(), stream(b"auds", bytes(4), 1, 8000, 9, b"\x01\0")))
    assert (media.kind, media.audio_codec) == ("video", None)


def test_second_video_stream_is_noted() -> None:
    assert facts(film(main(), video(), video())).notes == ("multiple_video_tracks",)


@each_row("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_unknown_riff_size_is_not_truncation(size: int) -> None:
    data = film(main(), video())
    assert facts(data[:4] + pack("<I", size) + data[8:]).notes == ()


def test_file_without_header_list_has_no_kind() -> None:
    media = facts(b"RIFF\x10\0\0\0AVI LIST\0\0\0\0")
    assert (media.format, media.kind, media.notes) == ("avi", None, ("truncated",))


def test_index_before_header_chunks_is_skipped_within_first_read() -> None:
    media, source = counted(film(main(), video(), audio()) + bytes(100_000))
    assert media.width == 320
    assert source.distant == []
    super_index = chunk(b"indx", bytes(60_000))
    media, source = counted(film(main(), video(50, super_index), audio()) + bytes(100_000))
    assert media.audio_codec == "mp3"
    assert source.bytes_read <= 5120


def test_endless_chunks_are_bounded() -> None:
    with quick():
        for row in (chunk(b"JUNK") * 100_000, video() * 10_000, listing(b"strl") * 100_000):
            assert facts(film(main(), row)).format == "avi"
            assert facts(film(before=row)).format == "avi"


@given(damaged(FIXTURES))
def test_truncated_and_corrupted_files_give_facts(data: bytes) -> None:
    ends_in_facts(data, "avi")
