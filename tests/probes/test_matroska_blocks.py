"""Test the frame rate by the timestamps of blocks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from probing import CountingSource, facts

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ebml import UNKNOWN, audio, ebml, element, film, info, number, segment, tracks, video

from tests.rows import each_row

CLUSTER = 0x1F43B675


def block(time: int, track: int = 1, length: int = 40) -> bytes:
    return element(0xA3, bytes([0x80 | track]), time.to_bytes(2, "big", signed=True), b"\x80", bytes(length))


def group(time: int) -> bytes:
    return element(0xA0, element(0xA1, b"\x81", time.to_bytes(2, "big", signed=True), bytes(9)), number(0x9B, 20))


def recorded(times: Iterable[int], *, scale: int | None = None, every: int = 30, size: int | None = None) -> bytes:
    """Return a video that states no rate; `times` in units, in coding order, `every` so many in a cluster."""
    rows = list(times)
    clusters = []
    for at in range(0, len(rows), every):
        piece = rows[at : at + every]
        base = min(piece)
        sound = block(0, 2)
        pictures = (block(time - base) for time in piece)
        clusters.append(element(CLUSTER, number(0xE7, base), sound, *pictures, size=size))
    return film(info(scale=scale), tracks(video(frame_ns=None), audio()), *clusters)


def even(fps: float, count: int, unit: float = 0.001) -> list[int]:
    return [round(number / fps / unit) for number in range(count)]


@each_row("fps", [5, 12.5, 24, 24000 / 1001, 25, 30000 / 1001, 30, 50, 60, 60000 / 1001, 120])
def test_frame_rate_follows_from_timestamps(fps: float) -> None:
    media = facts(recorded(even(fps, 400)))
    assert media.fps == pytest.approx(fps)


def test_measured_rate_does_not_exceed_nominal_rate() -> None:
    for fps in (24, 25, 30, 50, 60):
        for count in range(fps, 4 * fps, 7):
            assert facts(recorded(even(fps, count))).fps == fps


def test_only_short_videos_are_counted() -> None:
    short, long = facts(recorded(even(30, 60))), facts(recorded(even(30, 600)))
    assert (short.frames, short.variable_fps, short.fps) == (60, False, 30)
    assert (long.frames, long.variable_fps, long.fps) == (None, None, 30)


def test_reordered_frames_give_the_same_rate() -> None:
    shown = even(25, 300)
    coded = [time for at in range(0, 300, 4) for time in (shown[at], *reversed(shown[at + 1 : at + 4]))]
    assert facts(recorded(coded)).fps == 25


def test_clusters_of_unknown_size_and_block_groups_are_read() -> None:
    assert facts(recorded(even(30, 200), size=UNKNOWN)).fps == 30
    groups = element(CLUSTER, number(0xE7, 700), *[group(40 * at) for at in range(100)])
    live = ebml("webm") + segment(info(None), tracks(video(frame_ns=None)), groups, size=UNKNOWN)
    assert facts(live).fps == 25


def test_timestamp_scale_is_applied() -> None:
    assert facts(recorded(even(30, 200, 0.0001), scale=100_000)).fps == 30


def test_timestamps_rounded_to_ms_are_not_variable() -> None:
    times = [10 * time for time in even(60, 300)]
    assert facts(recorded(times, scale=100_000)).fps == 60


def test_one_odd_interval_does_not_make_a_rate_variable() -> None:
    for late, variable in ((20, False), (19, True)):
        times = [40 * at + 30 * (at >= late) + 30 * (at >= 20) for at in range(24)]
        assert facts(recorded(times[:21])).variable_fps is variable


def test_two_frames_may_have_the_same_time() -> None:
    media = facts(recorded([0, *even(25, 60)]))
    assert (media.frames, media.variable_fps, media.fps) == (61, False, pytest.approx(60 / 2.36))


def test_variable_rate_is_the_average_or_unknown() -> None:
    uneven = [33 * at + (40 if at % 3 else 0) for at in range(400)]
    whole: Media = facts(recorded(uneven[:60]))
    assert whole.variable_fps is True
    assert whole.fps == pytest.approx(59_000 / (uneven[59] - uneven[0]), rel=1e-12)
    long = facts(recorded(uneven))
    assert (long.fps, long.variable_fps) == (None, True)


def test_timestamp_scale_of_zero_gives_no_rate() -> None:
    assert facts(recorded(even(30, 60), scale=0)).fps is None


def test_too_few_frames_give_no_rate() -> None:
    for times in ([], [0], [0, 0], [0, 33], [0, 33, 66]):
        assert facts(recorded(times)).fps is None
    assert facts(recorded([0])).frames == 1


def test_stated_rate_costs_no_reads() -> None:
    data = film(
        info(), tracks(video()), *[element(CLUSTER, number(0xE7, 0), *[block(7 * at, length=5000) for at in range(99)])]
    )
    source = CountingSource(data)
    media = probe(source, Need(frozenset(("fps",))))
    assert (media.fps, source.bytes_read) == (25, 2048)


def test_rate_is_measured_only_if_needed() -> None:
    data = film(
        info(), tracks(video(frame_ns=None)), element(CLUSTER, *[block(33 * at, length=9000) for at in range(90)])
    )
    source = MemorySource(data)
    probe(source, Need(frozenset(("width", "duration"))))
    assert source.bytes_read <= 4096


def test_rate_costs_no_further_request_over_http() -> None:
    data = film(
        info(), tracks(video(frame_ns=None)), element(CLUSTER, *[block(33 * at, length=9000) for at in range(90)])
    )
    source = MemorySource(data)
    source.requests, source.remote = 1, True
    assert probe(source).fps is None
    assert source.bytes_read < 32 << 10


def test_recording_without_tracks_has_its_document_type() -> None:
    media = facts(ebml("webm") + bytes(70))
    assert (media.kind, media.format, media.notes) == (None, "webm", ("truncated",))
