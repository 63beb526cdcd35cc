"""Matroska: sizes and numbers of every length, each field of tracks, and times of blocks."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import CountingSource, facts

from preflight.facts import MEDIA_FACTS
from preflight.media import Media, Need
from preflight.probes import probe
from preflight.probes.matroska import StreamTotals, measure_stream
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ebml import UNKNOWN, audio, cluster, ebml, element, film, info, number, real, segment, text, tracks, video

from tests.rows import each_row

WIDE = 0x010203
"""A number of three bytes, each of which is another."""


def sized(identifier: int, body: bytes, width: int) -> bytes:
    """An element whose size has so many bytes (RFC 8794 4)."""
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (1 << 7 * width | len(body)).to_bytes(width, "big") + body


def shown(*parts: bytes, **options: Any) -> Media:
    """The facts of a film with these elements in its Video element."""
    return facts(film(info(), tracks(video(*parts, **options))))


class TestNumbers:
    @each_row("width", range(1, 9))
    def test_sizes_of_one_to_eight_bytes(self, width: int) -> None:
        body = video()
        assert (
            facts(film(info(), sized(0x1654AE6B, body, width) if len(body) < 127 or width > 1 else tracks(body))).width
            == 320
        )
        assert facts(film(sized(0x1549A966, real(0x4489, 2000.0), width), tracks(video()))).duration == 2.0

    @each_row("width", range(1, 8))
    def test_all_ones_are_an_unknown_size(self, width: int) -> None:
        ones = ((1 << 7 * width + 1) - 1).to_bytes(width, "big")
        data = ebml() + b"\x18\x53\x80\x67" + ones + info() + tracks(video()) + cluster()
        assert (facts(data).duration, facts(data).notes) == (2.0, ())

    @each_row("value", [0, 1, 0xFF, 0x100, WIDE, 0x01020304, 0x0102030405, 0x01020304050607])
    def test_numbers_of_any_length(self, value: int) -> None:
        media = shown(number(0x54CC, 0), size=(320, value)) if value else shown(size=(320, 240))
        assert media.stored_height == (value or 240)

    def test_numbers_are_read_up_to_eight_bytes(self) -> None:
        assert shown(element(0x54CC, bytes(7) + b"\x05")).width == 315
        assert shown(element(0x54CC, bytes(6) + b"\x05\x07" + b"\x09")).width == 320  # what would be left is too much
        assert shown(element(0x54CC, b"")).width == 320

    @each_row(
        ("body", "duration"),
        [
            (pack(">d", 2500.0), 2.5),
            (pack(">f", 2500.0), 2.5),
            (b"", None),
            (pack(">d", 2500.0)[:7], None),
            (pack(">f", 2500.0) + b"\0", None),
        ],
    )
    def test_real_numbers_have_four_or_eight_bytes(self, body: bytes, duration: float | None) -> None:
        assert facts(film(element(0x1549A966, element(0x4489, body)), tracks(video()))).duration == duration

    def test_identifiers_have_up_to_four_bytes(self) -> None:
        other = b"\x08\x11\x22\x33\x44" + b"\x81x"
        assert facts(film(info(), other, tracks(video()))).kind is None

    @each_row("scale", [1, 1000, 1_000_000, WIDE])
    def test_durations_count_in_units_of_the_scale(self, scale: int) -> None:
        media = facts(film(info(4_000_000.0, scale), tracks(video())))
        assert media.duration == pytest.approx(4_000_000 * scale / 1e9)

    def test_a_duration_below_a_nanosecond_is_none(self) -> None:
        assert facts(film(info(1.0, 1), tracks(video()))).duration == 1e-9
        assert facts(film(info(0.9, 1), tracks(video()))).duration is None


class TestPictures:
    @each_row("size", [(1, 1), (WIDE, 1), (1, WIDE), (0x0A0B0C, WIDE)])
    def test_stored_size(self, size: tuple[int, int]) -> None:
        media = shown(size=size)
        assert (media.stored_width, media.stored_height, media.width, media.height) == (*size, *size)

    @each_row("size", [(0, 9), (9, 0)])
    def test_a_size_of_zero_is_unknown(self, size: tuple[int, int]) -> None:
        media = shown(size=size)
        assert (media.stored_width, media.width, media.rotation) == (None, None, None)

    def test_each_side_is_cropped(self) -> None:
        sides = number(0x54AA, 1) + number(0x54BB, 2) + number(0x54CC, 4) + number(0x54DD, 8)
        media = shown(sides)
        assert (media.width, media.height, media.stored_width, media.stored_height) == (308, 237, 320, 240)

    @each_row(("count", "limited"), [(1024, False), (1025, True)])
    def test_an_element_has_1024_parts(self, count: int, limited: bool) -> None:
        media = facts(film(info(), tracks(video(element(0xEC) * (count - 2)), audio())))
        assert (media.width, "read_limit" in media.notes) == (None if limited else 320, limited)

    @each_row(("left", "width"), [(318, 2), (319, 1), (320, 320), (321, 320)])
    def test_a_crop_that_leaves_nothing_is_not_applied(self, left: int, width: int) -> None:
        media = shown(number(0x54CC, left))
        assert (media.width, media.height) == (width, 240)
        tall = facts(film(info(), tracks(video(number(0x54BB, left), size=(240, 320)))))
        assert (tall.width, tall.height) == (240, width)

    @each_row(
        ("width", "height", "unit", "ratio"),
        [
            (None, None, None, 1.0),
            (640, None, None, 2.0),
            (None, 480, None, 0.5),
            (16, 9, 0, 16 * 240 / (9 * 320)),
            (16, 9, 3, 16 * 240 / (9 * 320)),
            (16, 9, 4, None),
            (0, 9, None, None),
            (16, 0, None, None),
        ],
    )
    def test_display_size_gives_the_pixel_ratio(
        self, width: int | None, height: int | None, unit: int | None, ratio: float | None
    ) -> None:
        fields = ((0x54B0, width), (0x54BA, height), (0x54B2, unit))
        media = shown(*(number(name, value) for name, value in fields if value is not None))
        assert media.pixel_aspect_ratio == ratio

    @each_row(("mode", "alpha"), [(0, False), (1, True), (2, False)])
    def test_transparency_is_mode_1(self, mode: int, alpha: bool) -> None:
        assert shown(number(0x53C0, mode)).has_alpha is alpha

    @each_row(
        ("angles", "rotation"),
        [
            ({0x7675: 90.0}, 270),
            ({0x7675: -90.0}, 90),
            ({0x7675: 180.0}, 180),
            ({0x7675: 90.5}, 0),
            ({0x7675: 90.0, 0x7673: 1.0}, 0),
            ({0x7675: 90.0, 0x7674: 1.0}, 0),
            ({0x7675: 90.0, 0x7673: 0.0, 0x7674: 0.0}, 270),
        ],
    )
    def test_only_a_roll_by_quarters_turns_the_picture(self, angles: dict[int, float], rotation: int) -> None:
        media = shown(element(0x7670, *(real(name, value) for name, value in angles.items())))
        assert (media.rotation, media.width) == (rotation, 240 if rotation % 180 else 320)

    def test_the_first_of_two_fields_counts(self) -> None:
        assert shown(number(0x54CC, 5), number(0x54CC, 7)).width == 315

    @each_row(
        ("frame_ns", "fps"),
        [
            (42_123_456, 1e9 / 42_123_456),
            (40_000_000, 25.0),
            (1_000_000_000, 1.0),
            (3_000_000_001, 1e9 / 3_000_000_001),
        ],
    )
    def test_frame_rate_is_that_of_the_default_duration(self, frame_ns: int, fps: float) -> None:
        assert shown(frame_ns=frame_ns).fps == pytest.approx(fps, rel=1e-12)


class TestSound:
    @each_row(("rate", "channels"), [(44100.0, 2), (192_000.4, 0x0102), (1.0, 1)])
    def test_rate_and_channels(self, rate: float, channels: int) -> None:
        media = facts(film(info(), tracks(audio(rate=rate, channels=channels))))
        assert (media.kind, media.sample_rate, media.channels) == ("audio", round(rate), channels)

    def heard(self, *fields: bytes, codec: str = "A_AAC") -> tuple[int | None, int | None]:
        entry = element(0xAE, number(0x83, 2), text(0x86, codec), element(0xE1, *fields))
        media = facts(film(info(), tracks(entry)))
        return media.sample_rate, media.channels

    def test_what_is_not_stated_has_a_default(self) -> None:
        assert self.heard() == (8000, 1)
        assert self.heard(number(0x9F, 0), real(0xB5, 0.0)) == (None, None)
        assert self.heard(real(0xB5, -1.0)) == (None, 1)

    def test_the_output_rate_counts_where_it_is_stated(self) -> None:
        assert self.heard(real(0xB5, 22050.0), real(0x78B5, 44100.0)) == (44100, 1)
        assert self.heard(real(0x78B5, 44100.0)) == (8000, 1)

    def test_opus_plays_at_48_khz(self) -> None:
        assert self.heard(real(0xB5, 22050.0), codec="A_OPUS") == (48000, 1)


class TestTracks:
    @each_row(("default", "played"), [(0, "opus"), (1, "aac"), (2, "opus"), (None, "aac")])
    def test_the_first_default_track_plays(self, default: int | None, played: str) -> None:
        flag = b"" if default is None else number(0x88, default)
        first, second = audio(flag), audio(codec="A_OPUS")
        assert facts(film(info(), tracks(first, second))).audio_codec == played
        assert (
            facts(film(info(), tracks(audio(number(0x88, 0)), audio(number(0x88, 0), codec="A_OPUS")))).audio_codec
            == "aac"
        )

    def test_several_films_are_noted(self) -> None:
        assert facts(film(info(), tracks(video(), video()))).notes == ("multiple_video_tracks",)
        assert facts(film(info(), tracks(video(), audio(), audio()))).notes == ()

    @each_row(("kind", "encrypted"), [(0, False), (1, True), (2, False), (None, False)])
    def test_encryption_is_an_encoding_of_type_1(self, kind: int | None, encrypted: bool) -> None:
        encoding = element(0x6240, number(0x5031, 0), number(0x5033, kind) if kind is not None else b"")
        data = film(info(), tracks(audio(element(0x6D80, encoding))))
        assert facts(data).encrypted is encrypted
        two = element(0x6D80, element(0x6240, number(0x5033, 0)), encoding)
        assert facts(film(info(), tracks(video(), audio(two)))).encrypted is encrypted

    def test_without_tracks_nothing_is_known_of_encryption(self) -> None:
        assert facts(film(info(), cluster())).encrypted is None

    @each_row(("count", "seen"), [(127, True), (128, False)])
    def test_128_tracks_are_looked_at(self, count: int, seen: bool) -> None:
        subtitles = element(0xAE, number(0x83, 17), text(0x86, "S"))
        assert (facts(film(info(), tracks(subtitles * count, video()))).kind == "video") is seen

    def test_codecs_of_windows_and_quicktime_are_named_by_their_structures(self) -> None:
        bitmap = pack("<IiiHH4sIiiII", 40, 320, 240, 1, 24, b"XVID", 0, 0, 0, 0, 0)

        def film_of(name: str, private: bytes) -> str | None:
            entry = element(0xAE, number(0x83, 1), text(0x86, name), element(0x63A2, private))
            return facts(film(info(), tracks(entry))).video_codec

        assert film_of("V_MS/VFW/FOURCC", bitmap) == "mpeg4"
        assert film_of("V_MS/VFW/FOURCC", bitmap[:20]) == "mpeg4"
        assert film_of("V_MS/VFW/FOURCC", bitmap[:19]) is None
        assert film_of("V_QUICKTIME", b"\0\0\0\x56SVQ3") == "svq3"
        assert film_of("V_QUICKTIME", b"\0\0\0\x56vp08") == "vp8"
        assert film_of("V_QUICKTIME", b"\0\0\0\x56SVQ") is None

        def song_of(name: str, private: bytes) -> str | None:
            return facts(film(info(), tracks(audio(element(0x63A2, private), codec=name)))).audio_codec

        wave = pack("<HHIIHH", 0x55, 2, 44100, 16000, 1, 0)
        assert song_of("A_MS/ACM", wave) == "mp3"
        assert song_of("A_MS/ACM", wave[:14]) == "mp3"
        assert song_of("A_MS/ACM", wave[:13]) is None
        assert song_of("A_QUICKTIME", b"\0\0\0\x56QDM2") == "qdm2"


class TestSegments:
    def test_bit_rate_is_that_of_the_whole_file(self) -> None:
        data = film(info(), tracks(video()), cluster() * 30)
        assert facts(data).bit_rate == round(len(data) * 8 / 2)

    def test_a_file_that_ends_before_its_segment_is_cut(self) -> None:
        data = film(info(), tracks(video()), cluster() * 30)
        for missing, notes in ((0, ()), (1, ("truncated",))):
            media = facts(data[: len(data) - missing])
            assert (media.notes, media.bit_rate is None) == (notes, bool(notes))

    @each_row("cut", [1, 30])
    def test_cut_tracks_are_read_as_far_as_they_go(self, cut: int) -> None:
        data = film(info(), tracks(video(), audio()))
        media = facts(data[:-cut])
        assert (media.width, media.notes) == (320, ("truncated",))

    @each_row(("steps", "found"), [(46, True), (48, False)])
    def test_48_elements_are_looked_at(self, steps: int, found: bool) -> None:
        voids = element(0xEC, b"x") * (steps - 1)
        media = facts(film(info(), voids, tracks(video())))
        assert (media.kind == "video") is found
        assert ("read_limit" in media.notes) is not found

    @each_row(("size", "limited"), [((1 << 18) - 200, False), ((1 << 18) + 200, True)])
    def test_256_kib_of_tracks_are_read(self, size: int, limited: bool) -> None:
        media = facts(film(info(), tracks(video(), audio(element(0x63A2, bytes(size))))))
        assert (media.notes == ("read_limit",)) is limited

    @each_row(("size", "found"), [((1 << 14) - 40, True), ((1 << 14) + 10, False)])
    def test_16_kib_of_info_are_read(self, size: int, found: bool) -> None:
        data = film(element(0x1549A966, element(0xEC, bytes(size)), real(0x4489, 2000.0)), tracks(video()))
        assert (facts(data).duration == 2.0) is found

    def test_the_head_is_all_that_is_read_of_a_plain_file(self) -> None:
        source = CountingSource(film(info(), tracks(video()), cluster() * 500))
        probe(source, Need(frozenset(MEDIA_FACTS) - {"audio_bit_rate", "keyframe_interval", "video_bit_rate"}))
        assert source.distant == []


def simple(time: int, track: int = 1, length: int = 40) -> bytes:
    return element(0xA3, bytes([0x80 | track]), time.to_bytes(2, "big", signed=True), b"\x80", bytes(length))


def group(time: int, track: int = 1, duration: int | None = None) -> bytes:
    block = element(0xA1, bytes([0x80 | track]), time.to_bytes(2, "big", signed=True), b"\0", bytes(9))
    return element(0xA0, block, number(0x9B, duration) if duration is not None else b"")


def measured(
    *clusters: bytes, entries: bytes = b"", scale: int | None = None, size: int | None = UNKNOWN
) -> dict[str, Any]:
    """What reading all blocks gives, without what is not found."""
    entries = entries or tracks(video(frame_ns=None), audio())
    found = measure_stream(MemorySource(ebml() + segment(info(None, scale), entries, *clusters, size=size)))
    return {name: value for name, value in found._asdict().items() if value is not None}


def at(base: int, *blocks: bytes, size: int | None = None) -> bytes:
    return element(0x1F43B675, number(0xE7, base), *blocks, size=size)


class TestMeasuredStreams:
    """Files that were streamed while they were recorded: their blocks tell how long they play."""

    def test_the_last_block_lasts_as_long_as_the_others(self) -> None:
        times = (simple(time) for time in range(0, 1000, 40))
        assert measured(at(0, *times)) == {"duration": 1.0, "frames": 25, "fps": 25.0}
        times = (simple(time) for time in range(0, 2000, 40))
        assert measured(at(0, *times)) == {"duration": 2.0, "frames": 50, "fps": 25.0}

    def test_the_last_block_lasts_as_its_group_states(self) -> None:
        found = measured(at(0, group(0, duration=10), group(500, duration=WIDE)))
        assert found["duration"] == pytest.approx((500 + WIDE) / 1000)
        assert found["frames"] == 2

    def test_a_duration_of_another_block_is_not_that_of_the_last(self) -> None:
        assert measured(at(0, group(0), group(500, duration=20), group(1000)))["duration"] == 1.5
        assert measured(at(0, group(0), group(1000, duration=20), group(500)))["duration"] == pytest.approx(1.02)
        assert measured(at(0, group(0), group(500, duration=20), group(500)))["duration"] == 0.75

    def test_the_last_block_lasts_as_the_track_states(self) -> None:
        entries = tracks(video(frame_ns=20_000_000))
        assert measured(at(0, simple(0), simple(500)), entries=entries)["duration"] == pytest.approx(0.52)

    def test_the_longest_of_all_tracks_counts(self) -> None:
        found = measured(at(0, simple(100, 1), simple(50, 2), simple(600, 1), simple(2000, 2)))
        assert found["duration"] == pytest.approx((2000 + 1950 - 50) / 1000)
        assert (found["frames"], found["fps"]) == (2, 2.0)

    def test_times_count_from_their_cluster(self) -> None:
        found = measured(at(WIDE, simple(-100)), at(WIDE + 5000, simple(100)))
        assert (found["frames"], found["duration"]) == (2, pytest.approx(2 * 5.2))

    def test_times_count_in_units_of_the_scale(self) -> None:
        assert measured(at(0, simple(0), simple(500)), scale=100_000)["duration"] == pytest.approx(0.1)

    def test_a_cluster_without_a_time_begins_the_stream(self) -> None:
        found = measured(element(0x1F43B675, simple(0)), at(1000, simple(0)))
        assert (found["frames"], found["duration"]) == (2, 2.0)

    def test_other_elements_of_a_cluster_say_nothing_of_blocks(self) -> None:
        others = number(0xAB, 7), number(0xA7, 9), element(0xA3, b"\0" * 4), group(50, track=3, duration=90)
        assert measured(at(0, *others, simple(0), simple(500), *others))["duration"] == 1.0

    def test_clusters_may_be_of_unknown_size(self) -> None:
        found = measured(at(0, simple(0), size=UNKNOWN), at(1000, simple(0), size=UNKNOWN))
        assert (found["frames"], found["duration"]) == (2, 2.0)

    def test_tracks_that_are_not_known_do_not_count(self) -> None:
        found = measured(at(0, simple(0), simple(500), simple(9000, 3)))
        assert found["duration"] == 1.0

    def test_one_block_has_no_rate(self) -> None:
        assert measured(at(0, simple(5))) == {"frames": 1}
        entries = tracks(video(frame_ns=20_000_000))
        assert measured(at(0, simple(5)), entries=entries) == {"duration": 0.02, "frames": 1}

    def test_another_document_ends_the_stream(self) -> None:
        found = measured(at(0, simple(0), simple(500)), ebml(), at(9000, simple(0)))
        assert (found["frames"], found["duration"]) == (2, 1.0)

    def test_an_element_of_unknown_size_ends_the_stream(self) -> None:
        found = measured(at(0, simple(0), simple(500)), b"\xec\xff", at(9000, simple(0)))
        assert (found["frames"], found["duration"]) == (2, 1.0)

    def test_without_blocks_nothing_is_found(self) -> None:
        assert measured() == {}
        assert measured(at(0)) == {}
        assert measured(at(0, simple(0), simple(5)), scale=0) == {}
        assert measure_stream(MemorySource(b"\x1aE\xdf\xa3")) == StreamTotals()

    def test_sound_alone_has_a_duration(self) -> None:
        assert measured(at(0, simple(0, 2), simple(500, 2)), entries=tracks(audio())) == {"duration": 1.0}

    @given(st.lists(st.integers(0, 3000), min_size=2, max_size=30))
    def test_blocks_may_be_coded_in_another_order(self, times: list[int]) -> None:
        found = measured(at(0, *map(simple, times)), entries=tracks(video(frame_ns=20_000_000)))
        assert found["duration"] == pytest.approx((max(times) - min(times) + 20) / 1000)
        assert found["frames"] == len(times)


class TestRatesFromBlocks:
    """A rate that no header states follows from the times of the first blocks."""

    def rate(self, times: list[int], every: int = 30, scale: int | None = None) -> Media:
        clusters = [
            at(times[first], *(simple(time - times[first]) for time in times[first : first + every]))
            for first in range(0, len(times), every)
        ]
        return facts(film(info(scale=scale), tracks(video(frame_ns=None)), *clusters))

    @each_row(("odd", "variable"), [(0, False), (1, False), (2, True)])
    def test_two_odd_steps_of_40_vary(self, odd: int, variable: bool) -> None:
        times = [0]
        for step in range(40):
            times.append(times[-1] + (100 if step < 2 * odd and step % 2 else 40))
        media = self.rate(times)
        assert (media.frames, media.variable_fps) == (41, variable)

    @each_row(("steps", "variable"), [(50, True), (51, False)])
    def test_two_odd_steps_of_more_than_50_do_not_vary(self, steps: int, variable: bool) -> None:
        times = [0]
        for step in range(steps):
            times.append(times[-1] + (100 if step in (3, 7) else 40))
        assert self.rate(times).variable_fps is variable

    @each_row(("step", "variable"), [(41, False), (42, False), (43, True)])
    def test_a_step_is_odd_beyond_a_twentieth(self, step: int, variable: bool) -> None:
        times = [0]
        for place in range(40):
            times.append(times[-1] + (step if place % 5 == 0 else 40))
        assert self.rate(times).variable_fps is variable

    def test_rounding_to_milliseconds_is_not_odd(self) -> None:
        assert self.rate([round(place / 0.06) for place in range(60)]).variable_fps is False
        fine = [1000 * round(place / 0.06) for place in range(60)]
        assert self.rate(fine, every=1, scale=1000).variable_fps is False

    @each_row(("count", "frames"), [(128, 128), (129, 129), (130, None), (400, None)])
    def test_short_films_are_counted(self, count: int, frames: int | None) -> None:
        media = self.rate([40 * place for place in range(count)])
        assert (media.frames, media.fps) == (frames, 25.0)

    def test_a_rate_needs_times_that_are_long_against_their_unit(self) -> None:
        assert self.rate([0, 40, 80, 120, 160, 200, 240, 280, 320, 360]).fps is None
        assert self.rate([0, 40, 80, 120, 160, 200, 240, 280, 320, 360, 400]).fps == 25.0

    def test_an_unusual_rate_is_taken_as_it_is(self) -> None:
        assert self.rate([37 * place for place in range(100)]).fps == pytest.approx(1000 / 37)
        assert self.rate([1500 * place for place in range(30)], every=20).fps == pytest.approx(2 / 3)
