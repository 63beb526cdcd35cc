"""MP4: every field of movie headers, fragments and their indexes, in both versions of each box."""

from __future__ import annotations

import sys
from array import array
from itertools import product
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import RemoteSource, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import Track, blank, box, fragment, ftyp, full, moov, movie, mvex, picture_entry, sound

from preflight.media import Media
from preflight.probes import probe
from preflight.probes.mp4 import timing
from tests.rows import each_row


def patched(data: bytes, kind: bytes, skip: int, value: int, width: int = 4) -> bytes:
    """The number `skip` bytes behind the type of the first `kind` box becomes `value`."""
    at = data.index(kind) + 4 + skip
    return data[:at] + value.to_bytes(width, "big") + data[at + width :]


class TestHeaders:
    @each_row(
        ("version", "scale", "ticks"),
        [(0, 0x01020304, 0x03040506), (1, 0x01020304, 0x0102030405), (0, 1, 2), (1, 1, 2)],
    )
    def test_movie_header_states_the_duration(self, version: int, scale: int, ticks: int) -> None:
        track = blank(((1, 0),))
        media = facts(movie(track._replace(unknown_length=True), scale=scale, ticks=ticks, version=version))
        assert media.duration == ticks / scale

    @each_row("version", [0, 1])
    def test_a_duration_of_ones_is_not_known(self, version: int) -> None:
        ones = (1 << (64 if version else 32)) - 1
        assert facts(movie(blank(((1, 0),)), ticks=ones, version=version)).duration is None
        assert facts(movie(blank(((48, 1000),)), ticks=ones, version=version)).duration == 2.0

    @each_row(("version", "length"), [(0, 0x01020304), (1, 0x0102030405060708)])
    def test_samples_without_lengths_last_as_the_media_header_states(self, version: int, length: int) -> None:
        data = movie(blank()._replace(scale=0x00010203), ticks=0, version=version)
        data = patched(data, b"stts", 4, 0)  # no runs
        data = patched(data, b"mdhd", 24 if version else 16, length, 8 if version else 4)
        assert facts(data).duration == pytest.approx(length / 0x00010203)

    @each_row("version", [0, 1])
    @each_row(
        ("matrix", "rotation"),
        [
            ((1, 0), 0),
            ((0, 1), 90),
            ((-1, 0), 180),
            ((0, -1), 270),
            ((3, 2), 0),
            ((2, 3), 90),
            ((-2, 3), 90),
            ((2, -3), 270),
            ((-3, 2), 180),
            ((2, 2), 0),
        ],
    )
    def test_rotation_is_that_of_the_matrix_to_the_next_quarter(
        self, version: int, matrix: tuple[int, int], rotation: int
    ) -> None:
        data = movie(blank(), version=version)
        for place, value in enumerate(matrix):
            data = patched(data, b"tkhd", (52 if version else 40) + 4 * place, value % (1 << 32))
        assert facts(data).rotation == rotation

    def test_rotation_of_the_movie_adds_to_that_of_the_track(self) -> None:
        for version in (0, 1):
            data = movie(blank()._replace(turn=90), version=version)
            for place, value in enumerate((0, 1 << 16)):
                data = patched(data, b"mvhd", (48 if version else 36) + 4 * place, value)
            assert facts(data).rotation == 180

    @each_row("flags", range(8))
    def test_the_first_enabled_track_plays(self, flags: int) -> None:
        first, second = blank()._replace(size=(100, 60)), blank(((24, 1000),))
        data = patched(movie(first, second), b"tkhd", 3, flags, 1)
        assert facts(data).frames == (48 if flags & 1 else 24)

    def test_the_track_header_states_the_size_where_the_sample_entry_does_not(self) -> None:
        for entry, size in ((picture_entry(b"avc1", (0, 0)), (0x0102, 0x0506)), (None, (854, 480))):
            data = patched(patched(movie(blank(entry=entry)), b"tkhd", 76, 0x01020304), b"tkhd", 80, 0x05060708)
            assert (facts(data).width, facts(data).height) == size

    def test_sample_counts_are_numbers_of_32_bits(self) -> None:
        data = movie(sound(), blank(((1, 1000),)))
        assert facts(data).frames == 1
        many = patched(patched(movie(blank(((2, 1),)), ticks=0), b"stsz", 8, 0x01020304), b"stts", 8, 0x01020304)
        assert facts(many).frames == 0x01020304

    @each_row(("tail", "notes"), [(b"\0\0\0\5fre", ("no_moov",)), (b"\0\0\0\5free", ("bad_header",))])
    def test_a_header_of_eight_bytes_with_an_impossible_size_is_bad(self, tail: bytes, notes: tuple[str, ...]) -> None:
        assert facts(ftyp(b"isom") + box(b"mdat", b"x") + tail).notes == notes

    def test_a_chapter_track_is_not_a_film(self) -> None:
        pictures = blank(((3, 8000),), None)
        for ids in ((2,), (7, 2), (2, 7), (0x01000002, 2)):
            listed = box(b"tref", box(b"chap", *(pack(">I", ident) for ident in ids)))
            media = facts(movie(sound(), pictures, sound()._replace(references=listed)))
            assert (media.kind, media.notes) == ("audio", ("cover_art",))
        other = box(b"tref", box(b"chap", pack(">I", 0x0200)))
        assert facts(movie(sound(), pictures, sound()._replace(references=other))).kind == "video"

    @each_row("kind", [b"thmb", b"auxl", b"vdep", b"vplx"])
    def test_a_track_that_helps_another_is_not_a_film(self, kind: bytes) -> None:
        helper = blank(((3, 8000),))._replace(references=box(b"tref", box(kind, pack(">I", 2))))
        assert facts(movie(helper, blank())).frames == 48
        plain = helper._replace(references=box(b"tref", box(b"hint", pack(">I", 2))))
        assert facts(movie(plain, blank())).frames == 3


class TestSampleLengths:
    @given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 0x01020304)), min_size=1, max_size=6))
    def test_runs_are_added_up(self, runs: list[tuple[int, int]]) -> None:
        track = blank(((1, 1),))._replace(scale=90_000)
        table = full(b"stts", 0, 0, pack(">I", len(runs)), *(pack(">II", *run) for run in runs))
        data = movie(track, ticks=0)
        start = data.index(b"stts") - 4
        old = full(b"stts", 0, 0, pack(">III", 1, 1, 1))
        frames, ticks = sum(count for count, _ in runs), sum(count * length for count, length in runs)
        grown = _resized(data, start, old, table)
        media = facts(patched(grown, b"stsz", 8, frames))
        if frames:
            assert media.frames == frames
            assert media.duration == pytest.approx(ticks / 90_000)

    @each_row(
        ("runs", "variable"),
        [
            (((48, 1000),), False),
            (((24, 1000), (24, 1050)), False),
            (((24, 1000), (24, 1051)), True),
            (((24, 1000), (24, 949)), True),
            (((46, 1000), (1, 3000), (1, 1000)), False),  # a single odd step is a seam
            (((46, 1000), (2, 3000), (1, 1000)), True),
            (((47, 1000), (2, 3000), (1, 1000)), True),
            (((48, 1000), (2, 3000), (1, 1000)), True),
            (((49, 1000), (2, 3000), (1, 1000)), False),  # two of 51
            (((48, 1000), (1, 9000)), False),  # the last frame has no step behind it
            (((1, 500), (48, 1000)), False),
        ],
    )
    def test_a_rate_varies_where_one_step_in_25_is_odd(self, runs: tuple[tuple[int, int], ...], variable: bool) -> None:
        assert facts(movie(blank(runs))).variable_fps is variable

    def test_a_negative_length_makes_none_usable(self) -> None:
        for length in (0x80000000, 0xFFFFFFFF):
            media = facts(patched(movie(blank()), b"stts", 12, length))
            assert media.duration == 2.0
        assert facts(patched(movie(blank(((1, 1000),)), ticks=0), b"stts", 12, 0x7FFFFFFF)).duration == (
            pytest.approx(0x7FFFFFFF / 24000)
        )

    @each_row(("version", "shift", "shown"), [(0, 12_000, 2.0), (1, 12_000, 2.0), (1, -12_000, 1.5), (0, 0, 1.5)])
    def test_the_first_frame_may_be_shown_after_it_is_decoded(self, version: int, shift: int, shown: float) -> None:
        """An edit list that skips that time cuts nothing (ISO/IEC 14496-12 8.6.1.3)."""
        data = movie(blank()._replace(edits=((3000, 12_000),)), ticks=0)
        table = full(b"ctts", version, 0, pack(">II", 1, 48), pack(">i", shift))
        start = data.index(b"stsc") - 4
        old = data[start : start + int.from_bytes(data[start : start + 4], "big")]
        assert facts(_resized(data, start, old, table + old)).duration == shown

    def test_shifts_stand_in_their_own_table(self) -> None:
        """The first number of the box after an empty table is not a shift."""
        data = movie(blank()._replace(edits=((3000, 12_000),)), ticks=0)
        start = data.index(b"stsc") - 4
        old = data[start : start + int.from_bytes(data[start : start + 4], "big")]
        behind = box(b"free", pack(">I", 12_000) * 4)
        assert facts(_resized(data, start, old, full(b"ctts", 0, 0, pack(">I", 0)) + behind + old)).duration == 1.5

    def test_the_last_length_of_a_run_does_not_count(self) -> None:
        """Writers guess it, also where each sample states its own."""
        usual = [1000] * 46
        for lengths, varies in (([3000, *usual, 3000], False), ([3000, 3000, *usual], True), ([3000, *usual], False)):
            found = timing.Timing()
            found.add_each(array("I", lengths))
            assert found.is_variable is varies

    @each_row(("present", "stray", "read"), [(4, 0, True), (4, 4, True), (5, 0, False), (3, 4, True)])
    def test_runs_are_read_up_to_a_bound(
        self, monkeypatch: pytest.MonkeyPatch, present: int, stray: int, read: bool
    ) -> None:
        """A part of a run at the end of the table is not one."""
        monkeypatch.setattr(timing, "_MAX_ENTRIES", 4)
        for stated in (present, present + 1, 1 << 31):
            table = full(b"stts", 0, 0, pack(">I", stated), pack(">II", 2, 1000) * present, bytes(stray))[8:]
            found = timing.read_stts(table, 0, len(table))
            assert (found is not None) is read
            assert found is None or found.frames == 2 * present


def _resized(data: bytes, at: int, old: bytes, new: bytes) -> bytes:
    """`new` in place of `old`, which stands at `at` inside of `moov`: the boxes around it grow."""
    assert data[at : at + len(old)] == old
    grown = bytearray(data[:at] + new + data[at + len(old) :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = data.rindex(kind, 0, at) - 4
        size = int.from_bytes(data[place : place + 4], "big") + len(new) - len(old)
        grown[place : place + 4] = size.to_bytes(4, "big")
    return bytes(grown)


TRACK = blank(((1, 1000),))


def in_fragments(*moofs: bytes, extra: bytes = b"", tracks: tuple[Track, ...] = (TRACK,)) -> bytes:
    start = ftyp(b"iso5") + moov(tracks, extra=extra or mvex(tracks), fragmented=True)
    return start + b"".join(moof + box(b"mdat", b"x") for moof in moofs)


def traf(tfhd: bytes, *parts: bytes) -> bytes:
    return box(b"moof", full(b"mfhd", 0, 0, pack(">I", 1)), box(b"traf", tfhd, *parts))


class TestFragmentHeaders:
    @each_row("flags", list(product((0, 1), (0, 2), (0, 0x10), (0, 0x20))))
    def test_the_default_length_stands_behind_optional_fields(self, flags: tuple[int, ...]) -> None:
        base, description, size, other = flags
        fields = (b"\7" * 8 if base else b"") + (b"\7" * 4 if description else b"") + pack(">I", 0x01020304)
        fields += (b"\7" * 4 if size else b"") + (b"\7" * 4 if other else b"")
        header = full(b"tfhd", 0, 8 | sum(flags), pack(">I", 1), fields)
        media = facts(in_fragments(traf(header, full(b"trun", 0, 0, pack(">I", 3)))))
        assert (media.frames, media.duration) == (3, pytest.approx(3 * 0x01020304 / 24000))

    @each_row("flags", list(product((0, 1), (0, 2), (0, 8), (0, 0x20))))
    def test_default_size_and_flags_stand_behind_optional_fields(self, flags: tuple[int, ...]) -> None:
        base, description, length, other = flags
        fields = (b"\7" * 8 if base else b"") + (b"\7" * 4 if description else b"")
        fields += (pack(">I", 1000) if length else b"") + pack(">I", 0x00010203)
        fields += pack(">I", 0x10000) if other else b""  # no key frame
        header = full(b"tfhd", 0, 0x10 | sum(flags), pack(">I", 1), fields, b"\7" * 4)
        extends = box(b"mvex", full(b"trex", 0, 0, pack(">IIIII", 1, 1, 1000, 7, 0)))
        time = full(b"tfdt", 0, 0, pack(">I", 0))
        media = facts(in_fragments(traf(header, time, full(b"trun", 0, 0, pack(">I", 3))), extra=extends))
        assert media.video_bit_rate == 0x00010203 * 8 * 24
        assert media.keyframe_interval == (None if other else 1 / 24)

    def test_the_default_of_the_movie_box_counts_where_the_fragment_has_none(self) -> None:
        extends = box(b"mvex", full(b"trex", 0, 0, pack(">IIIII", 1, 0x07070707, 0x01020304, 0x07070707, 7)))
        header = full(b"tfhd", 0, 2, pack(">II", 1, 7))
        media = facts(in_fragments(traf(header, full(b"trun", 0, 0, pack(">I", 3))), extra=extends))
        assert media.duration == pytest.approx(3 * 0x01020304 / 24000)
        header = full(b"tfhd", 0, 1, pack(">IQ", 1, 7))
        media = facts(in_fragments(traf(header, full(b"trun", 0, 0, pack(">I", 3))), extra=extends))
        assert media.duration == pytest.approx(3 * 0x01020304 / 24000)
        other = box(b"mvex", full(b"trex", 0, 0, pack(">IIIII", 0x01000001, 1, 1000, 0, 0)))
        media = facts(in_fragments(traf(header, full(b"trun", 0, 0, pack(">I", 3))), extra=other))
        assert media.duration is None

    @each_row("flags", list(product((0, 1), (0, 4), (0, 0x200), (0, 0x400), (0, 0x800))))
    def test_lengths_of_single_samples_stand_among_optional_fields(self, flags: tuple[int, ...]) -> None:
        offset, first, size, other, shift = flags
        lengths = [0x0101, 0x010203, 5, 1000]
        head = (b"\7" * 4 if offset else b"") + (b"\7" * 4 if first else b"")
        behind = b"\7" * 4 * sum(map(bool, (size, other, shift)))
        run = full(
            b"trun", 0, 0x100 | sum(flags), pack(">I", 4), head, *(pack(">I", length) + behind for length in lengths)
        )
        media = facts(in_fragments(traf(full(b"tfhd", 0, 8, pack(">II", 1, 9)), run)))
        assert (media.frames, media.duration) == (4, pytest.approx(sum(lengths) / 24000))

    def test_a_cut_run_has_the_samples_that_are_there(self) -> None:
        run = full(b"trun", 0, 0x100, pack(">I", 100), pack(">III", 1000, 2000, 3000), b"\7")
        media = facts(in_fragments(traf(full(b"tfhd", 0, 0, pack(">I", 1)), run)))
        assert (media.frames, media.duration) == (3, 0.25)

    @each_row(("count", "frames"), [(4095, 4095), (4096, None)])
    def test_fewer_than_4096_fragments_of_a_local_file_are_counted(self, count: int, frames: int | None) -> None:
        one = traf(full(b"tfhd", 0, 8, pack(">II", 1, 1000)), full(b"trun", 0, 0, pack(">I", 1)))
        assert facts(in_fragments(*[one] * count)).frames == frames

    @each_row(("size", "read"), [(16 << 20, True), ((16 << 20) + 1, False)])
    def test_headers_of_fragments_are_read_up_to_16_mib(self, size: int, read: bool) -> None:
        one = traf(full(b"tfhd", 0, 8, pack(">II", 1, 1000)), full(b"trun", 0, 0, pack(">I", 24)))
        padding = box(b"free", bytes(size - len(one)))
        long = box(b"moof", one[8:], padding)
        assert facts(in_fragments(long)).frames == (24 if read else None)

    def test_runs_of_one_fragment_follow_one_another(self) -> None:
        runs = [full(b"trun", 0, 0, pack(">I", count)) for count in (3, 0x0100, 5)]
        media = facts(in_fragments(traf(full(b"tfhd", 0, 8, pack(">II", 1, 100)), *runs)))
        assert (media.frames, media.duration) == (264, pytest.approx(1.1))

    @each_row(("version", "begin"), [(0, 0x00FFFFFF), (0, 0x01020304), (1, 0x0102030405060708), (1, -1000), (0, 0)])
    def test_fragments_state_when_they_begin(self, version: int, begin: int) -> None:
        header = full(b"tfhd", 0, 8, pack(">II", 1, 1000))

        def part(time: int) -> bytes:
            stated = full(b"tfdt", version, 0, pack(">q" if version else ">I", time))
            return traf(header, stated, full(b"trun", 0, 0, pack(">I", 12)))

        media = facts(in_fragments(part(begin), part(begin + 36_000)))
        assert (media.frames, media.duration) == (24, pytest.approx(2.0))
        assert ("late_start" in media.notes) is (begin > 24_000)

    @each_row(("start", "late"), [(24_000, False), (24_001, True)])
    def test_a_start_of_more_than_a_second_is_late(self, start: int, late: bool) -> None:
        stated = full(b"tfdt", 0, 0, pack(">I", start))
        one = traf(full(b"tfhd", 0, 8, pack(">II", 1, 1000)), stated, full(b"trun", 0, 0, pack(">I", 12)))
        assert ("late_start" in facts(in_fragments(one)).notes) is late

    def test_fragments_of_unknown_tracks_do_not_count(self) -> None:
        run = full(b"trun", 0, 0, pack(">I", 12))
        for ident in (2, 0x0100, 0x01000001):
            unknown = traf(full(b"tfhd", 0, 8, pack(">II", ident, 1000)), run)
            known = traf(full(b"tfhd", 0, 8, pack(">II", 1, 1000)), run)
            assert facts(in_fragments(unknown, known)).frames == 12

    def test_longest_track_gives_duration(self) -> None:
        tracks = (TRACK, sound(1))
        run = full(b"trun", 0, 0, pack(">I", 24))
        parts = box(b"traf", full(b"tfhd", 0, 8, pack(">II", 1, 1000)), run)
        parts += box(b"traf", full(b"tfhd", 0, 8, pack(">II", 2, 44100)), full(b"trun", 0, 0, pack(">I", 5)))
        media = facts(in_fragments(box(b"moof", parts), tracks=tracks))
        assert (media.frames, media.duration) == (24, 5.0)

    @each_row(("version", "ticks"), [(0, 0x01020304), (1, 0x0102030405)])
    def test_the_movie_may_promise_the_length_of_all_fragments(self, version: int, ticks: int) -> None:
        promise = full(b"mehd", version, 0, pack(">Q" if version else ">I", ticks))
        extends = box(b"mvex", promise, full(b"trex", 0, 0, pack(">IIIII", 1, 1, 0, 0, 0)))
        heavy = TRACK._replace(runs=((40, 1000),), samples=(bytes(20_000),) * 40)
        parts = b"".join(fragment((heavy,), part, 40) for part in range(40))
        data = ftyp(b"iso5") + moov((heavy,), extra=extends, fragmented=True, scale=1000) + parts
        assert probe(RemoteSource(data)).duration == pytest.approx(ticks / 1000)
        assert facts(data).duration == 40 / 24


HEAVY = TRACK._replace(runs=((40, 1000),), samples=(bytes(20_000),) * 40)
PARTS = [fragment((HEAVY,), part, 40) for part in range(40)]
BEGIN = ftyp(b"iso5") + moov((HEAVY,), extra=mvex((HEAVY,)), fragmented=True)


def fetched(data: bytes) -> Media:
    """The facts of a file behind a URL: what its index says, as its fragments are too far apart."""
    return probe(RemoteSource(data))


class TestSegmentIndexes:
    """ISO/IEC 14496-12 8.16.3."""

    @staticmethod
    def index(
        version: int = 0,
        scale: int = 0x01020304,
        first: int = 0,
        sizes: list[int] | None = None,
        ticks: tuple[int, ...] = (0x01020304, 0x02030405, 7),
    ) -> bytes:
        total = sum(map(len, PARTS))
        sizes = [total - 300, 200, 100] if sizes is None else sizes
        entries = b"".join(pack(">III", size, length, 0x97070707) for size, length in zip(sizes, ticks, strict=False))
        times = pack(">QQ" if version else ">II", 0x07070707, first)
        return full(b"sidx", version, 0, pack(">II", 9, scale), times, pack(">HH", 0x0707, len(sizes)), entries)

    @each_row("version", [0, 1])
    def test_lengths_of_segments_are_added_up(self, version: int) -> None:
        media = fetched(BEGIN + self.index(version) + b"".join(PARTS))
        assert media.duration == pytest.approx((0x01020304 + 0x02030405 + 7) / 0x01020304)

    @each_row("version", [0, 1])
    def test_the_first_segment_may_stand_further_on(self, version: int) -> None:
        total = sum(map(len, PARTS))
        index = self.index(version, first=0x0A0B, sizes=[total - 0x0A0B - 300, 200, 100])
        assert fetched(BEGIN + index + b"".join(PARTS)).duration is not None
        short = self.index(version, first=0x0A0B, sizes=[total - 0x0A0B - 400 - len(PARTS[-1]), 200, 200])
        assert fetched(BEGIN + short + b"".join(PARTS)).duration is None

    def test_a_reference_to_another_index_has_its_highest_bit_set(self) -> None:
        total = sum(map(len, PARTS))
        index = self.index(sizes=[0x80000000 | total - 300, 200, 100])
        assert fetched(BEGIN + index + b"".join(PARTS)).duration is not None

    @each_row(
        ("behind", "believed"),
        [
            (b"", True),
            (box(b"free", bytes(100)), True),
            (box(b"free", bytes((64 << 10) - 8)), True),
            (box(b"free", bytes((64 << 10) - 7)), False),
            (box(b"mdat", bytes(9)), False),
            (box(b"styp", bytes(9)), False),
            (box(b"emsg", bytes(9)), False),
            (box(b"prft", bytes(9)), False),
            (box(b"ssix", bytes(9)), False),
        ],
    )
    def test_an_index_that_does_not_reach_the_end_is_not_believed(self, behind: bytes, believed: bool) -> None:
        media = fetched(BEGIN + self.index() + b"".join(PARTS) + behind)
        assert (media.duration is not None) is believed

    @each_row("fields", [{"scale": 0}, {"sizes": []}])
    def test_an_index_without_scale_or_segments_says_nothing(self, fields: dict[str, int]) -> None:
        assert fetched(BEGIN + self.index(**fields) + b"".join(PARTS)).duration is None

    def test_a_cut_index_says_nothing(self) -> None:
        whole = self.index()
        cut = pack(">I", len(whole) - 4) + whole[4:-4]
        assert fetched(BEGIN + cut + b"".join(PARTS)).duration is None

    @each_row(("size", "read"), [(1 << 20, True), ((1 << 20) + 1, False)])
    def test_an_index_of_more_than_1_mib_is_not_read(self, size: int, read: bool) -> None:
        whole = self.index()
        padded = pack(">I", 8 + size) + whole[4:].ljust(4 + size, b"\0")
        assert (fetched(BEGIN + padded + b"".join(PARTS)).duration is not None) is read

    def test_the_longest_of_several_indexes_counts(self) -> None:
        second = self.index(ticks=(0x05020304, 1, 1))
        total = sum(map(len, PARTS))
        first = self.index(first=len(second), sizes=[total - 300, 200, 100])
        media = fetched(BEGIN + first + second + b"".join(PARTS))
        assert media.duration == pytest.approx(0x05020306 / 0x01020304)


class TestFragmentIndexes:
    """ISO/IEC 14496-12 8.8.9 to 8.8.11: the last fragments of each track, at the end of the file."""

    @staticmethod
    def table(entries: list[tuple[int, int]], version: int = 0, widths: int = 0, track: int = 1) -> bytes:
        form = ">QQ" if version else ">II"
        rest = b"\7" * (3 + (widths >> 4 & 3) + (widths >> 2 & 3) + (widths & 3))
        body = b"".join(pack(form, ticks, offset) + rest for ticks, offset in entries)
        return full(b"tfra", version, 0, pack(">III", track, 0xFFFFFFC0 | widths, len(entries)), body)

    @staticmethod
    def index(*tables: bytes) -> bytes:
        whole = b"".join(tables)
        return box(b"mfra", whole, full(b"mfro", 0, 0, pack(">I", 8 + len(whole) + 16)))

    @staticmethod
    def untimed() -> tuple[list[int], bytes]:
        """Fragments that do not say when they begin: only the index does."""
        parts = [fragment((HEAVY,), part, 40, timed=False) for part in range(40)]
        offsets = [len(BEGIN) + sum(map(len, parts[:part])) for part in range(40)]
        return offsets, BEGIN + b"".join(parts)

    @each_row("version", [0, 1])
    @each_row("widths", [0, 1, 2, 3, 4, 8, 12, 16, 32, 48, 63, 27])
    def test_the_last_entry_tells_when_the_last_fragment_begins(self, version: int, widths: int) -> None:
        offsets, data = self.untimed()
        entries = [(0, offsets[0]), (5000, offsets[5]), (0x01020304, offsets[39])]
        media = fetched(data + self.index(self.table(entries, version, widths)))
        assert media.duration == pytest.approx((0x01020304 + 1000) / 24000)

    def test_the_entry_that_stands_last_in_the_file_counts(self) -> None:
        offsets, data = self.untimed()
        entries = [(0x01020304, offsets[39]), (0, offsets[0])]
        assert fetched(data + self.index(self.table(entries))).duration == pytest.approx((0x01020304 + 1000) / 24000)

    def test_the_number_of_entries_has_32_bits(self) -> None:
        offsets, data = self.untimed()
        table = self.table([(0, offsets[0]), (0x01020304, offsets[39])])
        for stated in (2, 0x01000001, 0xFFFFFFFF):
            media = fetched(data + self.index(patched(table, b"tfra", 12, stated)))
            assert media.duration == pytest.approx((0x01020304 + 1000) / 24000)

    def test_a_table_of_another_track_gives_no_time(self) -> None:
        offsets, data = self.untimed()
        entries = [(0x01020304, offsets[39])]
        for track in (2, 0x0101, 0x01000001):
            assert fetched(data + self.index(self.table(entries, track=track))).duration is None

    def test_the_walk_goes_on_where_no_track_lacks_its_last_fragment(self) -> None:
        offsets, data = self.untimed()
        tables = [self.table([(0x02030405, offsets[38])]), self.table([(1, offsets[39])], track=2)]
        assert fetched(data + self.index(*tables)).duration == pytest.approx((0x02030405 + 2000) / 24000)

    @each_row("length", [4080, 4096, 5000])
    def test_a_long_index_is_read_as_a_whole(self, length: int) -> None:
        offsets, data = self.untimed()
        entries = [(0x01020304, offsets[39])]
        padding = box(b"free", bytes(length))
        assert fetched(data + self.index(padding, self.table(entries))).duration == (
            pytest.approx((0x01020304 + 1000) / 24000)
        )

    def test_another_box_at_the_end_is_not_an_index(self) -> None:
        offsets, data = self.untimed()
        index = self.index(self.table([(0x01020304, offsets[39])]))
        assert fetched(data + index.replace(b"mfro", b"mfrx")).duration is None
        assert fetched(data + index.replace(b"mfra", b"mfrx")).duration is None
        assert fetched(data + index[:-4] + pack(">I", 23)).duration is None
