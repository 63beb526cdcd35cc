"""Test fragmented files: totals of fragments, what indexes state, and how much is read."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest

from preflight.media import Media
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import Track, blank, box, fragment, fragmented, ftyp, full, mfra, moov, movie, mvex, sidx, sound

from tests.rows import each_row

FRAME = 20_000
"""Bytes of a frame, of which no two fit into one request."""


class Remote(MemorySource):
    """Bytes that are read like those of a URL: a request brings 32 KiB at the start and 16 KiB elsewhere."""

    remote = True

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.requests = 0  # type: ignore[misc]
        self._here: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        if not any(first <= offset and end <= last for first, last in self._here):
            self.requests += 1  # type: ignore[misc]
            self._here.append((offset, max(end, offset + (16 << 10 if offset else 32 << 10))))
        return super().read_at(offset, length)


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


def heavy(count: int) -> Track:
    """Return a file with one frame a fragment, each of them far from the next."""
    return blank(((count, 1000),))._replace(samples=(bytes(FRAME),) * count)


@each_row("index", ["", "mehd", "sidx", "mfra"])
def test_all_fragments_of_a_local_file_are_counted(index: str) -> None:
    media = seen(fragmented(heavy(40), parts=40, index=index))
    assert (media.frames, media.fps, media.duration) == (40, 24.0, 40 / 24)


def test_long_local_file_is_counted_completely() -> None:
    media = seen(fragmented(heavy(600), parts=600))
    assert (media.kind, media.frames, media.duration, media.notes) == ("video", 600, 25.0, ("fragmented",))


@each_row("index", ["mehd", "sidx", "mfra"])
def test_index_gives_duration_in_three_requests(index: str) -> None:
    source = Remote(fragmented(heavy(40), parts=40, index=index))
    media = probe(source)
    assert media.duration == pytest.approx(40 / 24, abs=0.001)
    assert (media.frames, media.fps, media.variable_fps) == (None, 24.0, False)
    assert source.requests <= 3


def test_16_remote_fragments_are_read_without_index() -> None:
    source = Remote(fragmented(heavy(15), parts=15))
    assert probe(source).duration == 15 / 24
    assert source.requests <= 1 + 15 + 1
    source = Remote(fragmented(heavy(40), parts=40))
    media = probe(source)
    assert (media.duration, media.frames, media.fps) == (None, None, 24.0)
    assert source.requests <= 1 + 16 + 1


def test_partly_read_variable_rate_is_unknown() -> None:
    track = blank(((1, 500), (39, 1000)))._replace(samples=(bytes(FRAME),) * 40)
    parts = [
        fragment((track._replace(runs=((40, 500 + 500 * (part % 2)),)),), part, 40, timed=False) for part in range(40)
    ]
    media = probe(Remote(ftyp(b"iso5") + moov((track,), extra=mvex((track,)), fragmented=True) + b"".join(parts)))
    assert (media.duration, media.fps, media.variable_fps) == (None, None, None)


def test_moov_at_the_end_costs_two_requests() -> None:
    source = Remote(movie(heavy(40), front=False))
    assert probe(source).frames == 40
    assert source.requests == 2


def test_read_fragments_override_stated_duration() -> None:
    track = blank()
    whole = ftyp(b"iso5") + moov((track,), extra=mvex((track,), 60_000), fragmented=True)
    for source in (MemorySource, Remote):
        media = probe(source(whole + fragment((track,), 0, 2)))
        assert (media.duration, media.frames) == (1.0, 24)


def test_movie_header_gives_duration_if_fragments_are_unread() -> None:
    track = heavy(40)
    parts = [fragment((track,), part, 40) for part in range(40)]
    data = ftyp(b"iso5") + moov((track,), ticks=1667, extra=mvex((track,)), fragmented=True) + b"".join(parts)
    assert probe(Remote(data)).duration == 1.667


@each_row("index", ["mehd", "mfra"])
def test_moov_with_samples_costs_no_more_requests(index: str) -> None:
    track = heavy(40)
    first = track._replace(runs=((20, 1000),), samples=track.samples[:20])
    data = ftyp(b"iso5") + moov((first,), extra=mvex((first,), 1667 if index == "mehd" else None))
    data += box(b"mdat", b"".join(first.samples))
    places = []
    for part in range(20, 40):
        places.append((part * 1000, len(data)))
        data += fragment((track,), part, 40)
    source = Remote(data + (mfra(places) if index == "mfra" else b""))
    media = probe(source)
    assert media.duration == pytest.approx(40 / 24, abs=0.001)
    assert (media.frames, media.fps, media.notes) == (None, 24.0, ("fragmented",))
    assert source.requests <= 3


def test_index_of_one_segment_does_not_cover_the_next() -> None:
    track = heavy(40)
    parts = [fragment((track,), part, 40) for part in range(40)]
    first = sidx(24000, [(len(parts[0]), 1000)])
    data = ftyp(b"iso5") + moov((track,), extra=mvex((track,)), fragmented=True) + first + b"".join(parts)
    assert probe(Remote(data)).duration is None
    assert seen(data).duration == 40 / 24


def test_span_covers_video_and_audio() -> None:
    long = sound(96)
    media = seen(fragmented(blank(), long, parts=2))
    assert media.duration == 96 * 1024 / 44100
    assert (media.kind, media.frames, media.audio_codec) == ("video", 48, "aac")


def test_sample_durations_are_added_up() -> None:
    track = blank()
    lengths = [500, 1500] * 24
    run = full(b"trun", 0, 0x301, pack(">Ii", 48, 0), *(pack(">II", length, 5) for length in lengths))
    traf = box(b"traf", full(b"tfhd", 0, 0x20000, pack(">I", 1)), run)
    media = seen(
        ftyp(b"iso5") + moov((track,), extra=mvex((track,)), fragmented=True) + box(b"moof", traf) + box(b"mdat", b"x")
    )
    assert (media.frames, media.duration, media.variable_fps) == (48, 2.0, True)


def test_default_sample_duration_may_be_in_moov() -> None:
    track = blank()
    extends = box(b"mvex", full(b"trex", 0, 0, pack(">IIIII", 1, 1, 2000, 0, 0)))
    traf = box(b"traf", full(b"tfhd", 0, 0x20000, pack(">I", 1)), full(b"trun", 0, 0, pack(">I", 12)))
    media = seen(
        ftyp(b"iso5") + moov((track,), extra=extends, fragmented=True) + box(b"moof", traf) + box(b"mdat", b"x")
    )
    assert (media.frames, media.fps, media.duration) == (12, 12.0, 1.0)


@each_row(("ident", "rate"), [(1, 100 * 12 * 8), (9, None)])
def test_sizes_of_samples_that_no_header_states_are_unknown(ident: int, rate: int | None) -> None:
    track = blank()
    extends = box(b"mvex", full(b"trex", 0, 0, pack(">IIIII", ident, 1, 2000, 100, 0)))
    run = full(b"trun", 0, 0x100, pack(">I", 12), pack(">I", 2000) * 12)
    traf = box(b"traf", full(b"tfhd", 0, 0x20000, pack(">I", 1)), run)
    media = seen(
        ftyp(b"iso5") + moov((track,), extra=extends, fragmented=True) + box(b"moof", traf) + box(b"mdat", b"x")
    )
    assert (media.duration, media.video_bit_rate) == (1.0, rate)


def test_late_start_is_noted_and_not_counted() -> None:
    media = seen(fragmented(blank(), start=3600))
    assert (media.duration, media.notes) == (2.0, ("fragmented", "late_start"))


@each_row(
    "tail",
    [
        mfra([])[:-4] + pack(">I", 1 << 31),
        mfra([(0, 1 << 30)]),
        mfra([(0, 0)]),
        box(b"mfra", full(b"mfro", 0, 0, pack(">I", 24))),
        box(b"mfra", full(b"tfra", 0, 0, pack(">III", 1, 0, 1 << 31)), full(b"mfro", 0, 0, pack(">I", 48))),
    ],
)
def test_invalid_mfra_is_ignored(tail: bytes) -> None:
    media = probe(Remote(fragmented(heavy(40), parts=40) + tail))
    assert (media.kind, media.fps) == ("video", 24.0)


def test_stated_duration_without_fragments_is_ignored() -> None:
    track = blank()
    start = ftyp(b"iso5") + moov((track,), extra=mvex((track,), 8000), fragmented=True)
    for data in (start, start + sidx(24000, [(5000, 48000)])):
        media = seen(data)
        assert (media.duration, media.notes) == (None, ("no_media_data",))


def test_truncated_fragment_is_noted() -> None:
    data = fragmented(blank())
    assert seen(data[:-1]).notes == ("fragmented", "truncated")
    media = seen(data[: data.rindex(b"moof") + 20])
    assert (media.notes, media.frames) == (("fragmented", "truncated"), 36)


def test_fragment_without_media_data_is_truncated() -> None:
    data = fragmented(blank())
    end = data.rindex(b"mdat") - 4
    assert seen(data[:end]).notes == seen(data[: end + 6]).notes == ("fragmented", "truncated")
