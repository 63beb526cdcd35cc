"""Test hostile MP4 files: whatever is truncated or changed, facts are returned quickly."""

from __future__ import annotations

import sys
import time
from array import array
from functools import cache
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from preflight.media import Media
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import Track, blank, box, esds, fragment, ftyp, full, moov, movie, mvex, sound, sound_entry
from makers.mp4 import FIXTURES

from tests.rows import each_row

QUIRKS = Path(__file__).parents[2] / "fixtures"


@cache
def whole(name: str) -> bytes:
    return (QUIRKS / name).read_bytes()


def soon(data: bytes) -> Media:
    """Return the facts; fail if they take two seconds of processor time."""
    begin = time.process_time()
    media = probe(MemorySource(data))
    assert time.process_time() - begin < 2
    return media


names = st.sampled_from([fixture.name for fixture in FIXTURES])


@given(names, st.integers(0, 4000))
def test_file_truncated_anywhere_gives_facts(name: str, length: int) -> None:
    media = soon(whole(name)[:length])
    assert media.kind in (None, "video", "audio")


@given(names, st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8))
def test_file_corrupted_anywhere_gives_facts(name: str, turned: list[tuple[int, int]]) -> None:
    data = bytearray(whole(name))
    for at, value in turned:
        data[at % len(data)] = value
    soon(bytes(data))


@given(names, st.integers(0, 4000), st.sampled_from((0, 1, 7, 8, 1 << 31, (1 << 32) - 1)))
def test_any_number_anywhere_gives_facts(name: str, at: int, value: int) -> None:
    data = whole(name)
    at %= len(data)
    soon(data[:at] + pack(">I", value) + data[at + 4 :])


@given(st.binary(max_size=300))
def test_any_moov_body_is_read(body: bytes) -> None:
    soon(ftyp() + box(b"moov", body))


@given(st.binary(max_size=40), st.binary(max_size=60))
def test_any_descriptor_and_any_sample_entry_are_read(descriptor: bytes, entry: bytes) -> None:
    soon(movie(sound(entry=sound_entry(b"mp4a", 1, 1, box(b"esds", descriptor)))))
    soon(movie(sound(entry=box(b"mp4a", entry)), blank(entry=box(b"mp4v", entry))))
    soon(movie(sound(entry=sound_entry(b"mp4a", 1, 1, esds(0x40, entry)))))


@each_row("kind", [b"free", b"mdat", b"moof", b"trak", b"moov"])
def test_million_tiny_boxes_are_bounded(kind: bytes) -> None:
    tiny = box(kind) * 1_000_000
    soon(ftyp() + tiny)
    soon(ftyp() + box(b"moov", tiny))
    soon(ftyp() + moov((blank(),), extra=mvex((blank(),)), fragmented=True) + tiny)


def test_many_tracks_of_many_boxes_are_bounded() -> None:
    inner = b"".join(box(b"free") for _ in range(10_000))
    track = box(b"trak", inner, box(b"mdia", inner, box(b"minf", inner, box(b"stbl", inner))))
    soon(ftyp() + box(b"moov", *(track for _ in range(150))))


def test_tables_of_millions_of_entries_are_bounded() -> None:
    def with_table(runs: int) -> bytes:
        entries = array("I", [1]) * (2 * runs)
        entries[1::2] = array("I", range(runs))
        if sys.byteorder == "little":
            entries.byteswap()
        table = full(b"stts", 0, 0, pack(">I", runs), entries.tobytes())
        data = movie(blank())
        at = data.index(b"stts") - 4
        end = at + int.from_bytes(data[at : at + 4], "big")
        start = data.index(b"moov") + 4
        rest = data[start:at] + table + data[end:]
        for kind in (b"trak", b"mdia", b"minf", b"stbl"):
            spot = rest.index(kind)
            size = int.from_bytes(rest[spot - 4 : spot], "big") + len(table) - (end - at)
            rest = rest[: spot - 4] + pack(">I", size) + rest[spot:]
        return data[: start - 8] + box(b"moov", rest)

    assert soon(with_table(100_000)).frames == 100_000
    assert soon(with_table(1_200_000)).frames is None


def test_impossible_sample_counts_do_not_use_memory() -> None:
    data = movie(blank())
    at = data.index(b"stts") + 12
    media = soon(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    assert (media.frames, media.fps) == (0xFFFFFFFF, 24.0)
    track = blank()
    run = full(b"trun", 0, 0, pack(">I", 0xFFFFFFFF))
    traf = box(b"traf", full(b"tfhd", 0, 0x20008, pack(">II", 1, 1000)), run)
    data = ftyp(b"iso5") + moov((track,), extra=mvex((track,)), fragmented=True) + box(b"moof", traf * 1000)
    assert soon(data).fps == 24.0


@each_row(
    "part",
    [
        box(b"traf"),
        box(b"traf", full(b"tfhd", 0, 0, pack(">I", 1)), full(b"trun", 0, 0, bytes(4)) * 9),
        box(
            b"traf",
            full(b"tfhd", 0, 0, pack(">I", 1)),
            full(b"trun", 0, 0x100, pack(">I", 1000), bytes(range(1, 251)) * 16),
        ),
    ],
)
def test_track_runs_of_fragments_are_bounded(part: bytes) -> None:
    fragments = box(b"moof", part * (300_000 // len(part))) * 100
    soon(ftyp(b"iso5") + moov((blank(),), extra=mvex((blank(),)), fragmented=True) + fragments)


EMPTY_TRACK = box(b"traf")
NINE_RUNS = box(b"traf", full(b"tfhd", 0, 0, pack(">I", 1)), full(b"trun", 0, 0, bytes(4)) * 9)


@each_row(
    ("part", "count", "duration"),
    [(EMPTY_TRACK, 131_070, 2.0), (EMPTY_TRACK, 131_071, None), (NINE_RUNS, 13_107, 2.0), (NINE_RUNS, 13_108, None)],
)
def test_131_072_tracks_and_runs_of_fragments_are_read(part: bytes, count: int, duration: float | None) -> None:
    """The last fragment, which has all the samples, counts as two."""
    start = ftyp(b"iso5") + moov((blank(),), extra=mvex((blank(),)), fragmented=True)
    whole, rest = divmod(count, 9000)
    media = soon(start + box(b"moof", part * 9000) * whole + box(b"moof", part * rest) + fragment((blank(),), 0, 1))
    assert (media.duration, "read_limit" in media.notes) == (duration, duration is None)


def test_more_fragments_than_counted_leave_duration_unknown() -> None:
    track: Track = blank(((5000, 1000),))._replace(samples=(b"x",) * 5000)
    data = b"".join(fragment((track,), part, 5000) for part in range(5000))
    media = soon(ftyp(b"iso5") + moov((track,), extra=mvex((track,)), fragmented=True) + data)
    assert (media.duration, media.fps) == (None, 24.0)
