"""Test what tracks of MP4 and QuickTime state about coding, color, samples, key frames and edits."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from probing import RemoteSource, counted

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.probes.mp4.movie import Track as ReadTrack
from preflight.probes.mp4.samples import KeyFrames, total_bytes
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import (
    Track,
    blank,
    box,
    coded,
    esds,
    film,
    fragment,
    fragmented,
    ftyp,
    full,
    moov,
    movie,
    mvex,
    nclx,
    picture_entry,
    sound,
    sound_entry,
)
from makers.mp4 import chapter_pictures, key_of_quicktime, located, picture_track

from tests.rows import each_row

SIZE = (854, 480)
ICC = box(b"colr", b"prof", bytes(128))


def seen(data: bytes) -> Media:
    return probe(MemorySource(data))


def pictured(kind: bytes, *inner: bytes, depth: int = 24) -> Media:
    entry = bytearray(picture_entry(kind, SIZE, *inner))
    entry[8 + 74 : 8 + 76] = pack(">H", depth)
    return seen(movie(blank(entry=bytes(entry)), brand=b"qt  "))


def heard(entry: bytes) -> Media:
    return seen(movie(sound(entry=entry), brand=b"qt  "))


@each_row(
    "kind, expected",
    [
        (b"apco", ("proxy", 10, "4:2:2", "ycbcr")),
        (b"ap4h", ("4444", 12, "4:4:4", "ycbcr")),
        (b"dvc ", (None, 8, "4:1:1", "ycbcr")),
        (b"dvcp", (None, 8, "4:2:0", "ycbcr")),
        (b"xdvc", ("main", 8, "4:2:0", "ycbcr")),
        (b"xd5b", ("4:2:2", 8, "4:2:2", "ycbcr")),
        (b"ai55", ("high 10 intra", 10, "4:2:0", "ycbcr")),
        (b"v210", (None, 10, "4:2:2", "ycbcr")),
        (b"s263", (None, 8, "4:2:0", "ycbcr")),
        (b"r210", (None, 10, None, "rgb")),
        (b"raw ", (None, 8, None, "rgb")),
        (b"XYZ1", (None, None, None, None)),
    ],
)
def test_type_of_the_entry_gives_the_sample_format(kind: bytes, expected: tuple[object, ...]) -> None:
    media = pictured(kind)
    assert (media.video_profile, media.bit_depth, media.chroma, media.color_model) == expected


def test_pixel_depth_of_uncompressed_rgb_counts() -> None:
    depths = {24: 8, 32: 8, 48: 16, 64: 16, 16: None, 40: None}
    assert {depth: pictured(b"raw ", depth=depth).bit_depth for depth in depths} == depths


@each_row("space, model", [(16, "rgb"), (17, "gray"), (18, "ycbcr"), (99, None)])
def test_header_of_jpeg_2000_gives_the_sample_format(space: int, model: str | None) -> None:
    header = box(b"ihdr", pack(">IIH4B", 480, 854, 3, 9, 7, 0, 0)) + box(b"colr", pack(">3BI", 1, 0, 0, space))
    media = pictured(b"mjp2", box(b"jp2h", header))
    assert (media.bit_depth, media.color_model) == (10, model)
    assert pictured(b"mjp2", box(b"jp2h", header, box(b"free") * 100)).bit_depth == 10


@each_row("stated, depth", [(7, 8), (0x8B, 12), (0xFF, None)])
def test_components_of_jpeg_2000_have_the_same_bits_or_none(stated: int, depth: int | None) -> None:
    header = box(b"ihdr", pack(">IIH4B", 480, 854, 3, stated, 7, 0, 0))
    assert pictured(b"mjp2", box(b"jp2h", header)).bit_depth == depth
    assert pictured(b"mjp2", box(b"jp2h", box(b"ihdr", header[8:21]))).bit_depth is None


def test_unknown_configuration_leaves_hdr_unknown() -> None:
    assert (pictured(b"avc3", box(b"avcC", b"\1\x64\0\x1f\xff\xe0\0")).hdr, pictured(b"XYZ1").hdr) == (None, None)


@each_row("colors", [(nclx(9, 18, 9),), (ICC, nclx(9, 18, 9)), (nclx(9, 18, 9), nclx(1, 1, 1))])
def test_first_color_with_code_points_counts(colors: tuple[bytes, ...]) -> None:
    media = seen(movie(film(inner=b"".join(colors))))
    assert (media.primaries, media.transfer, media.hdr) == ("bt2020", "arib-std-b67", "hlg")


def test_color_that_the_container_leaves_open_is_the_coded_one() -> None:
    record = bytes.fromhex("0164000dffe1001b6764000dacd94141fb016a020202800000030080000018078a14cb")
    media = pictured(b"avc1", box(b"avcC", record), nclx(2, 2, 2))
    assert (media.primaries, media.transfer, media.hdr) == ("bt709", "bt709", "none")


@each_row("fields, scan", [(1, "progressive"), (2, "interlaced")])
def test_number_of_fields_gives_the_scan(fields: int, scan: str) -> None:
    assert pictured(b"apch", box(b"fiel", bytes((fields, 0)))).scan == scan


@each_row("kind", [b"dvcC", b"dvvC", b"dvwC"])
def test_configuration_of_dolby_vision_is_hdr(kind: bytes) -> None:
    assert seen(movie(film(inner=box(kind, bytes(24))))).hdr == "dolby_vision"


@each_row(
    "entry, bits",
    [
        (sound_entry(b"sowt", 48000, 2), 16),
        (sound_entry(b"in24", 48000, 2), 24),
        (sound_entry(b"fl64", 48000, 2), 64),
        (sound_entry(b"ulaw", 8000, 1), 8),
        (sound_entry(b"ipcm", 48000, 2, full(b"pcmC", 0, 0, b"\1\x18")), 24),
        (sound_entry(b"alac", 48000, 2, full(b"alac", 0, 0, pack(">IBB", 4096, 0, 20), bytes(18))), 20),
        (sound_entry(b"fLaC", 48000, 2, full(b"dfLa", 0, 0, bytes(14), b"\x0b\xb8\x03\x70", bytes(20))), 24),
        (sound_entry(b"mp4a", 48000, 2), None),
    ],
)
def test_bits_of_a_sample_are_read(entry: bytes, bits: int | None) -> None:
    assert heard(entry).sample_bits == bits


def test_description_of_version_2_states_the_bits() -> None:
    new = pack(">IdIIIIII", 72, 96000.0, 2, 0x7F000000, 20, 12, 6, 1)
    entry = box(b"lpcm", pack(">6xHHHIHHhHI", 1, 2, 0, 0, 3, 16, -2, 0, 1 << 16), new)
    assert heard(entry).sample_bits == 20


@each_row(
    "object_type, config, profile",
    [
        (0x40, "1210", "lc"),
        (0x40, "2b8a0800", "he"),
        (0x40, "eb8a0800", "he_v2"),
        (0x40, "138856e5a0", "he"),
        (0x40, "138856e5a54880", "he_v2"),
        (0x40, "0a10", "main"),
        (0x40, "b990", "ld"),
        (0x67, "", "lc"),
        (0x40, "", None),
        (0x6B, "", None),
    ],
)
def test_profile_of_aac_is_read(object_type: int, config: str, profile: str | None) -> None:
    entry = sound_entry(b"mp4a", 44100, 1, esds(object_type, bytes.fromhex(config)))
    assert seen(movie(sound(entry=entry))).audio_profile == profile


def test_covers_are_not_counted_as_video_tracks() -> None:
    media = seen(movie(film(), film(), picture_track(1), sound()))
    assert (media.video_tracks, media.audio_tracks) == (2, 1)


def test_pictures_of_chapters_are_counted_as_a_video_track() -> None:
    assert seen(chapter_pictures()).video_tracks == 1


class TestBitRates:
    """The bits/s of a track are those of its samples by its own clock."""

    def test_sizes_are_added_up(self) -> None:
        track = blank()._replace(samples=tuple(bytes(100 + number) for number in range(48)))
        assert seen(movie(track)).video_bit_rate == (48 * 100 + 47 * 24) * 8 / 2

    def test_equal_sizes_are_multiplied(self) -> None:
        assert seen(movie(blank()._replace(samples=(bytes(100),) * 48))).video_bit_rate == 100 * 24 * 8

    @pytest.mark.parametrize("bits", [4, 8, 16])
    def test_compact_sizes_are_read(self, bits: int) -> None:
        sizes = {4: b"\x12\x30", 8: b"\1\2\3", 16: b"\0\1\0\2\0\3"}[bits]
        data = movie(blank(((3, 8000),)))
        at = data.index(b"stsz") - 4
        table = full(b"stz2", 0, 0, bytes((0, 0, 0, bits)), pack(">I", 3), sizes)
        changed = data[:at] + table + data[at + 20 :]
        for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
            start = changed.index(kind) - 4
            length = int.from_bytes(changed[start : start + 4]) + len(table) - 20
            changed = changed[:start] + pack(">I", length) + changed[start + 4 :]
        assert seen(changed).video_bit_rate == 6 * 8

    @each_row("length", [1, 100, 0x01020304])
    def test_the_table_may_state_one_size_for_all(self, length: int) -> None:
        data = movie(blank(((48, 1000),)))
        at = data.index(b"stsz") + 8
        assert seen(data[:at] + pack(">I", length) + data[at + 4 :]).video_bit_rate == length * 24 * 8

    @each_row(("bits", "count"), [(4, 48), (4, 47), (8, 48), (16, 48)])
    def test_a_cut_table_of_compact_sizes_says_nothing(self, bits: int, count: int) -> None:
        needed = (count * bits + 7) // 8
        for there in (needed, needed - 1):
            table = full(b"stz2", 0, 0, bytes((0, 0, 0, bits)), pack(">I", count), b"\x11" * there)[8:]
            track = ReadTrack()
            track.sizes, track.compact, track.samples = (0, len(table)), True, count
            assert total_bytes(table, track) == (count * {4: 1, 8: 0x11, 16: 0x1111}[bits] if there == needed else None)

    def test_pcm_has_the_rate_of_its_format(self) -> None:
        assert heard(sound_entry(b"sowt", 48000, 2)).audio_bit_rate == 48000 * 2 * 16

    def test_sizes_of_1_are_those_of_no_packet(self) -> None:
        track = sound(entry=sound_entry(b"ima4", 44100, 1))
        assert seen(movie(track._replace(samples=(b"x",) * 86), brand=b"qt  ")).audio_bit_rate is None
        assert seen(movie(track, brand=b"qt  ")).audio_bit_rate == round(6 * 8 * 44100 / 1024)

    def test_sizes_in_fragments_are_added_up(self) -> None:
        track = blank()._replace(samples=(bytes(50),) * 24 + (bytes(150),) * 24)
        assert seen(fragmented(track)).video_bit_rate == 100 * 24 * 8

    def test_half_in_fragments_is_added(self) -> None:
        whole = blank()
        first = whole._replace(runs=((24, 1000),), samples=whole.samples[:24])
        data = ftyp(b"iso5") + moov((first,), extra=mvex((first,))) + fragment((whole,), 1, 2)
        assert seen(data).video_bit_rate == seen(movie(whole)).video_bit_rate

    def test_initialization_segment_has_none(self) -> None:
        media = seen(ftyp(b"iso5") + moov((blank(),), extra=mvex((blank(),)), fragmented=True))
        assert (media.video_bit_rate, media.keyframe_interval, media.fragmented) == (None, None, False)


class TestKeyFrames:
    """The interval is the longest between two key frames."""

    @each_row(
        "keys, runs, seconds",
        [
            ((1, 13, 37), ((48, 1000),), 1.0),
            ((1, 13, 37), ((12, 1000), (12, 3000), (24, 1000)), 2.0),
            ((1,), ((48, 1000),), 2.0),
            (None, ((48, 1000),), 1 / 24),
            (None, ((47, 1000), (1, 9000)), 1 / 24),
            ((), ((48, 1000),), None),
        ],
    )
    def test_table_of_key_frames_is_read(
        self, keys: tuple[int, ...] | None, runs: tuple[tuple[int, int], ...], seconds: float | None
    ) -> None:
        assert seen(movie(blank(runs)._replace(keys=keys))).keyframe_interval == seconds

    @each_row(
        ("keys", "runs", "interval"),
        [
            ((1, 13, 37), ((48, 1000),), 36_000),
            ((1, 13), ((12, 1000), (36, 2000)), 60_000),
            ((1, 2), ((48, 1000),), 71_000),
            (None, ((48, 1000),), 25_000),
        ],
    )
    def test_last_key_frame_of_the_movie_box_is_followed_by_that_of_a_fragment(
        self, keys: tuple[int, ...] | None, runs: tuple[tuple[int, int], ...], interval: int
    ) -> None:
        """Here the fragment begins at 72,000 ticks."""
        data, track, found = b"", ReadTrack(), KeyFrames()
        data += full(b"stts", 0, 0, pack(">I", len(runs)), *(pack(">II", *run) for run in runs))[8:]
        track.stts = (0, len(data))
        if keys is not None:
            track.sync = (len(data), len(data) + 8 + 4 * len(keys))
            data += full(b"stss", 0, 0, pack(f">{1 + len(keys)}I", len(keys), *keys))[8:]
        found.add_track(data, track)
        found.add(72_000)
        assert found.longest == interval

    def test_partial_key_frames_count(self) -> None:
        data = movie(blank()._replace(keys=(1, 25)))
        partial = full(b"stps", 0, 0, pack(">4I", 3, 13, 37, 43))
        table = data.replace(
            full(b"stss", 0, 0, pack(">3I", 2, 1, 25)), full(b"stss", 0, 0, pack(">3I", 2, 1, 25)) + partial
        )
        for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
            start = table.index(kind) - 4
            length = int.from_bytes(table[start : start + 4]) + len(partial)
            table = table[:start] + pack(">I", length) + table[start + 4 :]
        assert seen(table).keyframe_interval == 0.5

    @each_row(
        "first, flags, default, seconds",
        [
            (None, None, 0, 1 / 24),
            (0, None, 0x10000, 0.5),
            (None, None, 0x10000, None),
            (None, (0, *(0x10000,) * 5) * 2, 0, 0.25),
            (0x10000, (0, *(0x10000,) * 5) * 2, 0, 0.5),
        ],
    )
    def test_flags_in_fragments_are_read(
        self, first: int | None, flags: tuple[int, ...] | None, default: int, seconds: float | None
    ) -> None:
        parts = []
        for number in range(4):
            header = 0x200 | (0x4 if first is not None else 0) | (0x400 if flags else 0)
            sizes = [pack(">I", 10) + (pack(">I", flags[index]) if flags else b"") for index in range(12)]
            run = pack(">I", 12) + (pack(">I", first) if first is not None else b"") + b"".join(sizes)
            tfhd = full(b"tfhd", 0, 0x28, pack(">III", 1, 1000, default))
            time = full(b"tfdt", 1, 0, pack(">Q", number * 12000))
            moof = box(b"moof", full(b"mfhd", 0, 0, bytes(4)), box(b"traf", tfhd, time, full(b"trun", 0, header, run)))
            parts.append(moof + box(b"mdat", bytes(120)))
        begin = ftyp(b"iso5") + moov((blank(),), extra=mvex((blank(),)), fragmented=True)
        assert seen(begin + b"".join(parts)).keyframe_interval == seconds


class TestEdits:
    """An edit list counts if it does more than compensate the delay of a codec."""

    @each_row(
        "edits, shifts, edited",
        [
            ((), (), False),
            (((2000, 0),), (), False),
            (((2000, 2000),), ((48, 2000),), False),
            (((2000, 1000),), ((1, 3000), (1, 5000), (1, 0), (45, 1000)), False),
            (((1900, 2000),), (), True),
            (((1000, 0),), (), True),
            (((4000, 0),), (), True),
            (((40, -1), (2000, 0)), (), False),
            (((500, -1), (2000, 0)), (), False),
            (((1000, 0), (1000, 24000)), (), True),
            (((0, 0),), (), False),
        ],
    )
    def test_edits_of_video(
        self, edits: tuple[tuple[int, int], ...], shifts: tuple[tuple[int, int], ...], edited: bool
    ) -> None:
        assert seen(movie(blank()._replace(edits=edits, shifts=shifts))).edit_list is edited

    @each_row(
        "start, config, edited",
        [(2112, "1208", False), (4097, "1208", True), (5186, "2b8a0800", False), (44100, "2b8a0800", True)],
    )
    def test_priming_of_audio(self, start: int, config: str, edited: bool) -> None:
        entry = sound_entry(b"mp4a", 44100, 1, esds(0x40, bytes.fromhex(config)))
        track = sound(860, entry)._replace(edits=((round((860 * 1024 - start) / 44.1), start),))
        assert seen(movie(track)).edit_list is edited

    def test_edit_at_another_speed_counts(self) -> None:
        data = movie(blank()._replace(edits=((2000, 0),)))
        at = data.index(b"elst") + 20
        assert seen(data[:at] + pack(">I", 0x8000) + data[at + 4 :]).edit_list is True

    def test_edits_of_other_tracks_do_not_count(self) -> None:
        text = Track(b"text", box(b"text", bytes(8)), 1000, ((1, 2000),), (b"x",), edits=((1000, 500),))
        assert seen(movie(blank(), text)).edit_list is False


@each_row(
    "metadata, located_there",
    [
        (box(b"udta", box(b"loci", bytes(20))), True),
        (box(b"udta", key_of_quicktime(b"com.apple.quicktime.location.ISO6709", b"+1+2/")), True),
        (key_of_quicktime(b"com.apple.quicktime.make", b"location.ISO6709"), False),
        (box(b"udta", box(b"\xa9nam", bytes(8))), False),
        (box(b"udta", full(b"meta", 0, 0, box(b"ilst", box(b"\xa9xyz", bytes(20))))), True),
    ],
)
def test_metadata_of_the_movie_states_a_location(metadata: bytes, located_there: bool) -> None:
    assert seen(located(metadata)).location is located_there


@each_row("brand, name", [(b"isom", "isom"), (b"qt  ", "qt"), (None, "none"), (b"\0\0\0\1", None)])
def test_brand_is_a_word(brand: bytes | None, name: str | None) -> None:
    assert seen(movie(blank(), brand=brand)).brand == name


def test_lone_segment_is_fragmented() -> None:
    assert seen(ftyp(b"msdh", b"styp") + fragment((blank(),), 0, 1)).fragmented is True


def test_unneeded_facts_are_not_read() -> None:
    media = probe(MemorySource(movie(film(), sound())), Need(frozenset(("width",))))
    assert (media.bit_depth, media.video_bit_rate, media.audio_bit_rate, media.keyframe_interval) == (None,) * 4


def _jpeg_film(padding: int) -> bytes:
    """Return a film of JPEGs behind `padding` bytes."""
    picture = picture_track(2)
    return movie(picture._replace(samples=(picture.samples[0], picture.samples[1])), extra=box(b"free", bytes(padding)))


def test_first_frame_of_jpegs_states_the_sample_format() -> None:
    media, source = counted(_jpeg_film(4000))
    assert (media.bit_depth, media.chroma, media.color_model) == (8, "4:0:0", "gray")
    assert source.distant[-1][1] == 1024


@each_row("padding, depth", [(4000, 8), (40_000, None)])
def test_first_frame_costs_no_request(padding: int, depth: int | None) -> None:
    source = RemoteSource(_jpeg_film(padding))
    assert probe(source).bit_depth == depth


def test_first_frame_outside_the_file_is_not_read() -> None:
    data = _jpeg_film(0)
    at = data.index(b"stco") + 12
    assert seen(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]).bit_depth is None


def test_coded_record_is_that_of_the_film() -> None:
    media = seen(movie(film()))
    assert coded(*SIZE, 48)[0][1] == 100
    assert (media.video_profile, media.bit_depth, media.chroma, media.scan) == ("high", 8, "4:2:0", "progressive")
