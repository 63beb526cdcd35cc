"""Frames of MPEG audio, ADTS and LOAS, the headers that encoders add, and tags: every field of each."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import counted, facts

from preflight.media import EVERYTHING, Need
from preflight.probes import probe
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import ape, id3, id3v1, lyrics3, picture, syncsafe

from tests.rows import each_row

KBPS = {
    (1, 1): [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    (1, 2): [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    (1, 3): [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    (2, 1): [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    (2, 2): [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    (2, 3): [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
}
"""ISO/IEC 11172-3 2.4.2.3 and 13818-3 2.4.2.3: kbit/s by (version, layer); MPEG-2.5 has those of MPEG-2."""
RATES = {1: [44100, 48000, 32000], 2: [22050, 24000, 16000], 2.5: [11025, 12000, 8000]}
VERSIONS = {1: 3, 2: 2, 2.5: 0}
SAMPLES = {(1, 1): 384, (1, 2): 1152, (1, 3): 1152, (2, 1): 384, (2, 2): 1152, (2, 3): 576}


def length_of(version: float, layer: int, kbps: int, rate: int, padding: int) -> int:
    """Bytes of a frame: whole slots, of four bytes in layer I, of one in the others."""
    slot = 4 if layer == 1 else 1
    samples = SAMPLES[min(int(version), 2), layer]
    return (samples // 8 // slot * kbps * 1000 // rate + padding) * slot


def frame(version: float, layer: int, kbps: int, rate: int, padding: int = 0, mode: int = 3, crc: int = 1) -> bytes:
    index = KBPS[min(int(version), 2), layer].index(kbps) + 1
    second = 0xE0 | VERSIONS[version] << 3 | 4 - layer << 1 | crc
    third = index << 4 | RATES[version].index(rate) << 2 | padding << 1
    return bytes((0xFF, second, third, mode << 6)).ljust(length_of(version, layer, kbps, rate, padding), b"\0")


class TestMpegAudio:
    @each_row(("version", "layer"), list(product((1, 2, 2.5), (1, 2, 3))))
    def test_every_bit_rate_and_sample_rate_is_read(self, version: float, layer: int) -> None:
        key = min(int(version), 2), layer
        for kbps, rate, padding in product(KBPS[key], RATES[version], (0, 1)):
            media = facts(frame(version, layer, kbps, rate, padding) * 6)
            assert (media.format, media.sample_rate, media.channels) == (f"mp{layer}", rate, 1)
            assert media.duration == pytest.approx(6 * SAMPLES[key] / rate)
            assert media.notes == ()

    @each_row("mode", [0, 1, 2, 3])
    @each_row("crc", [0, 1])
    def test_only_single_channel_is_mono(self, mode: int, crc: int) -> None:
        assert facts(frame(1, 3, 128, 44100, mode=mode, crc=crc) * 6).channels == (1 if mode == 3 else 2)

    def test_a_constant_bit_rate_is_the_nominal_one(self) -> None:
        assert facts((frame(1, 3, 128, 44100) * 3 + frame(1, 3, 128, 44100, 1)) * 3).bit_rate == 128_000
        assert facts(frame(1, 3, 128, 44100) * 3 + frame(1, 3, 160, 44100) * 3).bit_rate not in (128_000, 160_000)

    @each_row("third", [0xF0, 0x9C, 0x00])
    def test_reserved_values_are_not_frames(self, third: int) -> None:
        data = bytes((0xFF, 0xFB, third, 0xC0)).ljust(417, b"\0")
        assert facts(data * 3).format != "mp3"

    @each_row("second", [0xEB, 0xF9, 0xF1, 0xDB])
    def test_reserved_versions_and_layers_are_not_frames(self, second: int) -> None:
        assert facts(bytes((0xFF, second, 0x90, 0xC0)).ljust(417, b"\0") * 6).format not in ("mp1", "mp2", "mp3")

    @each_row(("layer", "slot"), [(1, 4), (2, 1), (3, 1)])
    @each_row("padded", [False, True])
    def test_free_format_is_measured_from_header_to_header(self, layer: int, slot: int, padded: bool) -> None:
        second = 0xE0 | 3 << 3 | 4 - layer << 1 | 1
        plain = bytes((0xFF, second, 0, 0xC0)).ljust(400, b"\0")
        long = bytes((0xFF, second, 2, 0xC0)).ljust(400 + slot, b"\0")
        data = (long + plain if padded else plain + long) * 5
        media = facts(data)
        assert media.duration == pytest.approx(10 * SAMPLES[1, layer] / 44100)
        assert (media.format, media.bit_rate) == (f"mp{layer}", round(len(data) * 8 / media.duration))

    def test_frames_of_free_format_differ_in_the_private_and_the_padding_bit(self) -> None:
        """ISO/IEC 11172-3 2.4.2.3: the private bit is for private use."""
        for *bits, content in product((0, 1, 2, 3), (0, 1, 2, 3), (b"\0", b"\xaa")):
            frames = [bytes((0xFF, 0xFB, bit, 0xC0)).ljust(400 + (bit >> 1), content) for bit in bits]
            assert facts(b"".join(frames) * 5).duration == pytest.approx(10 * 1152 / 44100)

    def test_frames_are_counted_only_in_what_may_be_read(self) -> None:
        data = frame(1, 3, 128, 44100) * 4 + frame(1, 3, 160, 44100) * 4
        for most, notes in ((len(data), ()), (len(data) - 1, ("read_limit",))):
            media = probe(MemorySource(data), Need(max_bytes=most))
            assert (media.duration is None, media.notes) == (bool(notes), notes)

    @each_row(("size", "sampled"), [(32_768, False), (32_769 + 417, True)])
    def test_more_than_32_kib_of_audio_are_sampled(self, size: int, sampled: bool) -> None:
        sound = frame(1, 3, 128, 44100) * (size // 417)
        media = facts(sound)
        assert (media.notes == ("estimated_duration",)) is sampled
        assert media.duration == pytest.approx(size // 417 * 1152 / 44100, rel=0.01)

    def test_32_kib_of_audio_are_counted(self) -> None:
        constant = frame(1, 3, 32, 44100, 1) * 216 + frame(1, 3, 32, 44100) * 97
        assert len(constant) == 32_768
        assert facts(constant).notes == ()
        assert facts(constant + frame(1, 3, 32, 44100)).notes == ("estimated_duration",)

    def test_a_header_behind_what_is_read_at_a_time_counts_as_its_part_of_a_frame(self) -> None:
        whole = frame(1, 1, 256, 48000) * 8192 + frame(1, 1, 128, 48000) * 16_384
        assert len(whole) == 4 << 20
        seconds = 24_576 * 384 / 48000
        assert facts(whole).duration == pytest.approx(seconds, abs=1e-6)
        assert facts(whole + frame(1, 1, 128, 48000)[:4]).duration == pytest.approx(seconds + 12 / 48000, abs=1e-6)

    @each_row("count", [1, 2, 3, 6])
    @each_row("mode", [0, 3])
    def test_frames_longer_than_what_is_read_at_first(self, count: int, mode: int) -> None:
        media = facts(frame(2.5, 2, 160, 8000, mode=mode) * count)
        assert (media.format, media.duration) == ("mp2", count * 1152 / 8000)

    def test_a_header_at_the_end_of_a_sample_belongs_to_it(self) -> None:
        constant = frame(1, 3, 32, 44100, 1) * 76 + frame(1, 3, 32, 44100) * 2
        assert len(constant) == 8192 - 4
        for kbps, noted in ((32, True), (40, False)):
            media = facts(constant + frame(1, 3, kbps, 44100) + constant * 5)
            assert (media.notes == ("estimated_duration",)) is noted

    def test_a_header_at_the_start_of_a_sample_belongs_to_it(self) -> None:
        begin = (frame(1, 3, 32, 44100, 1) * 76 + frame(1, 3, 32, 44100) * 2) * 3
        for kbps, noted in ((32, True), (40, False)):
            middle = frame(1, 3, kbps, 44100)
            padded = (len(begin) - len(middle)) % 104
            plain = (len(begin) - len(middle)) // 104 - padded
            data = begin + middle + frame(1, 3, 32, 44100, 1) * padded + frame(1, 3, 32, 44100) * plain
            assert len(data) == 2 * len(begin)
            assert (facts(data).notes == ("estimated_duration",)) is noted

    def test_samples_have_8_kib(self) -> None:
        _, source = counted(frame(1, 3, 128, 44100) * 600)
        size = 600 * 417
        assert source.distant[-2:] == [(size // 2, 8192), (size - 8192, 8192)]

    def test_a_header_of_another_mode_or_rate_is_not_the_next_one(self) -> None:
        """In free format only a header like the first one tells where the next frame begins."""
        begin = b"\xff\xfb\x00\xc0"
        for other in (b"\xff\xfb\x04\xc0", b"\xff\xfb\x00\x00"):
            plain = (begin + b"\1" * 100 + other + b"\1" * 100).ljust(400, b"\1")
            assert facts(plain * 6).duration == pytest.approx(6 * 1152 / 44100)


class TestEncoderHeaders:
    """Xing, Info and VBRI in the place of the first frame."""

    @staticmethod
    def tagged(version: float, mode: int, word: bytes, fields: bytes, crc: int = 1) -> bytes:
        rate = RATES[version][0]
        side = {(1, 3): 17, (1, 0): 32}.get((int(version), mode)) or (9 if mode == 3 else 17)
        head = frame(version, 3, 128, rate, mode=mode, crc=crc)
        at = 4 + side + (0 if crc else 2)
        return head[:at] + word + fields + head[at + len(word + fields) :]

    @each_row("version", [1, 2, 2.5])
    @each_row("mode", [0, 3])
    @each_row("crc", [0, 1])
    @each_row("word", [b"Xing", b"Info"])
    def test_frames_are_stated_behind_the_side_information(
        self, version: float, mode: int, crc: int, word: bytes
    ) -> None:
        rate = RATES[version][0]
        sound = frame(version, 3, 128, rate, mode=mode) * 20
        head = self.tagged(version, mode, word, pack(">III", 3, 20, 21 * len(sound) // 20), crc)
        media = facts(head + sound)
        assert media.duration == 20 * SAMPLES[min(int(version), 2), 3] / rate
        assert media.bit_rate == (128_000 if word == b"Info" else round(21 * len(sound) // 20 * 8 / media.duration))
        assert media.notes == ()

    def test_a_length_without_frames_is_not_enough(self) -> None:
        sound = frame(1, 3, 128, 44100) * 10 + frame(1, 3, 160, 44100) * 10
        head = self.tagged(1, 3, b"Xing", pack(">II", 2, 0x01020304))
        assert facts(head + sound).duration == pytest.approx(20 * 1152 / 44100)

    def test_frames_without_a_length_are_followed_by_the_table_of_contents(self) -> None:
        sound = frame(1, 3, 128, 44100) * 10 + frame(1, 3, 160, 44100) * 10
        media = facts(self.tagged(1, 3, b"Xing", pack(">II", 5, 20) + b"\1" * 100) + sound)
        assert (media.duration, media.bit_rate) == (20 * 1152 / 44100, None)

    def test_frames_may_all_have_the_largest_length(self) -> None:
        sound = frame(1, 3, 320, 44100, 1) * 20
        head = frame(1, 3, 320, 44100, 1)
        head = head[:21] + b"Xing" + pack(">III", 3, 20, len(head) + len(sound)) + head[37:]
        assert facts(head + sound).duration == 20 * 1152 / 44100
        assert facts(head + sound).notes == ()

    def test_a_tag_of_128_bytes_after_the_stated_length_costs_no_read(self) -> None:
        sound = frame(2, 3, 8, 22050) * 100
        head = self.tagged(2, 3, b"Xing", pack(">III", 3, 100, length_of(2, 3, 128, 22050, 0) + len(sound)))
        media, source = counted(head + sound + id3v1())
        assert (media.notes, source.distant) == ((), [])

    @each_row(("length", "believed"), [(0, True), (1, True), (720, True), (721, False)])
    def test_a_length_may_differ_by_a_frame_and_a_half(self, length: int, believed: bool) -> None:
        sound = frame(1, 3, 128, 44100) * 8 + frame(1, 3, 160, 44100) * 8
        stated = len(sound) + 417 - length
        head = self.tagged(1, 3, b"Xing", pack(">III", 3, 15, stated))
        assert (facts(head + sound).duration == 15 * 1152 / 44100) is believed

    @each_row("frames", [0x0100, 0x010203])
    def test_vbri_states_frames_and_bytes_behind_32_bytes(self, frames: int) -> None:
        head = frame(1, 3, 128, 44100)[:36] + b"VBRI" + pack(">HHH", 1, 0, 75) + pack(">II", frames * 417, frames)
        head = head.ljust(417, b"\0")
        sound = frame(1, 3, 128, 44100) * frames
        if frames == 0x0100:
            assert facts(head + sound).duration == frames * 1152 / 44100
        else:
            assert "truncated" in facts(head + sound[: 1 << 20]).notes

    def test_a_tag_before_the_audio_is_not_counted_as_audio(self) -> None:
        tag = id3(padding=20_000)
        sound = frame(1, 3, 128, 44100) * 20
        without_length = self.tagged(1, 3, b"Xing", pack(">II", 1, 25))
        assert facts(tag + without_length + sound).duration == 25 * 1152 / 44100
        length = 21 * 417
        head = self.tagged(1, 3, b"Xing", pack(">III", 3, 20, length))
        for behind in (b"", id3v1(), ape(("Title", "x" * 900)), ape(("Title", "x" * 900)) + id3v1()):
            media = facts(tag + head + sound + behind)
            assert (media.duration, media.bit_rate, media.notes) == (
                20 * 1152 / 44100,
                round(length * 8 / media.duration),
                (),
            )

    def test_a_cut_file_has_fewer_bytes_than_stated(self) -> None:
        sound = frame(1, 3, 128, 44100) * 100
        head = self.tagged(1, 3, b"Xing", pack(">III", 3, 400, 401 * 417))
        media = facts(head + sound)
        assert media.duration == pytest.approx(100 * 1152 / 44100, abs=0.03)
        assert "truncated" in media.notes

    def test_a_count_fits_where_the_mean_frame_is_possible(self) -> None:
        sound = frame(1, 3, 128, 44100) * 20
        for count, fits in ((20, True), (84, True), (85, False), (8, True), (7, False), (2000, False)):
            media = facts(self.tagged(1, 3, b"Xing", pack(">II", 1, count)) + sound)
            assert (media.duration == count * 1152 / 44100) is fits


ADTS_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350]


def adts(
    rate: int = 4, layout: int = 2, length: int = 100, blocks: int = 1, second: int = 0xF1, profile: int = 1
) -> bytes:
    """ISO/IEC 14496-3 1.A.2.2: fixed and variable header."""
    head = bytes((0xFF, second, profile << 6 | rate << 2 | layout >> 2, (layout & 3) << 6 | length >> 11))
    head += bytes((length >> 3 & 255, (length & 7) << 5 | 0x1F, 0xFC | blocks - 1))
    return head.ljust(length, b"\0")


class TestAdts:
    @each_row(("index", "rate"), list(enumerate(ADTS_RATES)))
    def test_rates_by_index(self, index: int, rate: int) -> None:
        media = facts(adts(index) * 5)
        assert media.duration == pytest.approx(5 * 1024 / rate)
        assert media.sample_rate == (rate if rate > 24000 else None)  # the decoder may double lower ones

    @each_row("index", [13, 14, 15])
    def test_reserved_rates_are_not_frames(self, index: int) -> None:
        assert facts(adts(index) * 5).format != "aac"

    @each_row(("layout", "channels"), [(0, None), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 8)])
    def test_channels_by_layout(self, layout: int, channels: int | None) -> None:
        assert facts(adts(layout=layout) * 5).channels == channels
        low = facts(adts(6, layout) * 5).channels
        assert low == (None if layout == 1 else channels)  # parametric stereo makes two of one

    @each_row("length", [7, 8, 255, 256, 2047, 2048, 4096, 8191])
    @each_row("second", [0xF0, 0xF1, 0xF8, 0xF9])
    def test_lengths_of_13_bits(self, length: int, second: int) -> None:
        media = facts(adts(length=length, second=second) * 4)
        assert (media.format, media.duration) == ("aac", pytest.approx(4 * 1024 / 44100))
        assert media.bit_rate == round(4 * length * 8 / (4 * 1024 / 44100))

    @each_row("length", [2041, 2042, 2048, 2055, 2056, 8190, 8191])
    def test_two_frames_in_place_are_enough(self, length: int) -> None:
        assert facts(adts(length=length) * 2 + b"?" * 9).duration == pytest.approx(2 * 1024 / 44100)

    @each_row("blocks", [1, 2, 3, 4])
    def test_a_frame_may_have_several_blocks(self, blocks: int) -> None:
        assert facts(adts(blocks=blocks) * 4).duration == pytest.approx(4 * blocks * 1024 / 44100)

    def test_frames_of_another_kind_end_the_row(self) -> None:
        for other in (adts(3), adts(blocks=2), adts(profile=2), adts(second=0xF9)):
            assert facts(adts() * 5 + other).duration == pytest.approx(5 * 1024 / 44100)
        protected = adts() * 5 + adts(second=0xF0)
        assert facts(protected).duration == pytest.approx(6 * 1024 / 44100)

    def test_a_length_below_that_of_the_header_is_not_a_frame(self) -> None:
        assert facts((adts(length=7)[:4] + b"\0\xdf\xfc") * 30).format != "aac"

    def test_foreign_bytes_between_frames_are_skipped(self) -> None:
        for count, length in ((4, 100), (400, 8000)):
            data = adts(length=length) * count + b"\xff?\xff" * 50 + adts(length=length) * 4
            assert facts(data).duration == pytest.approx((count + 4) * 1024 / 44100)

    @each_row("before", [0, 1, 6, 9, 10_000, 19_999])
    @each_row("foreign", [b"?" * 20_000, id3(padding=19_990)])
    def test_foreign_bytes_may_lie_across_two_reads(self, before: int, foreign: bytes) -> None:
        count, rest = divmod((4 << 20) - before, 8000)
        media = facts(adts(length=8000) * count + adts(length=rest) + foreign + adts() * 4)
        assert media.duration == pytest.approx((count + 5) * 1024 / 44100)

    @each_row(("lengths", "counted"), [((1 << 20) - 1, True), (1 << 20, False), (600_000, False)])
    def test_up_to_1_mib_between_frames_is_searched(self, lengths: int, counted: bool) -> None:
        foreign = b"?" * lengths + adts() * 3
        media = facts(id3(padding=90) + adts() * 3 + foreign * (2 if lengths == 600_000 else 1))
        assert (media.duration is not None, media.notes == ("read_limit",)) == (counted, not counted)

    @each_row(("count", "counted"), [(256, True), (257, False)])
    def test_up_to_256_interruptions_are_skipped(self, count: int, counted: bool) -> None:
        media = facts((adts(length=9) * 3 + b"?") * count + adts(length=9) * 3)
        assert (media.duration is not None, media.notes == ("read_limit",)) == (counted, not counted)

    @each_row(("count", "frames"), [((1 << 16) - 1, 6), (1 << 16, 3)])
    def test_65536_bytes_that_may_begin_a_frame_are_tried(self, count: int, frames: int) -> None:
        media = facts(adts() * 3 + b"\xff" * count + adts() * 3)
        assert media.duration == pytest.approx(frames * 1024 / 44100)

    def test_the_tags_of_joined_files_are_not_searched(self) -> None:
        one = id3(padding=2 << 20) + adts() * 4
        assert facts(one * 2).duration == pytest.approx(8 * 1024 / 44100)

    @each_row(("lead", "found"), [(b"\2" * 5000, True), (b"\2" * 65_536, True), (b"\2" * 80_000, False)])
    def test_frames_are_sought_behind_foreign_bytes(self, lead: bytes, found: bool) -> None:
        media = facts(lead + adts() * 5)
        assert (media.format == "aac") is found
        if found:
            assert (media.notes, media.duration) == (("leading_garbage",), pytest.approx(5 * 1024 / 44100))

    def test_bytes_behind_the_last_frame_are_noted(self) -> None:
        assert facts(adts() * 5 + b"?" * 300).notes == ("trailing_data",)
        assert facts(adts() * 5 + id3v1()).notes == ()

    def test_a_file_larger_than_may_be_read_has_no_duration(self) -> None:
        data = adts() * 50
        media = probe(MemorySource(data), Need(max_bytes=len(data) - 1))
        assert (media.duration, media.notes) == (None, ("read_limit",))
        assert probe(MemorySource(data), Need(max_bytes=len(data))).duration is not None

    def test_what_nobody_asks_for_is_not_counted(self) -> None:
        media = probe(MemorySource(adts() * 50), EVERYTHING._replace(facts=frozenset(("channels",))))
        assert (media.duration, media.bit_rate, media.notes, media.channels) == (None, None, (), 2)


def loas(*fields: tuple[int, int], frames: int = 6, repeat: bool = True) -> bytes:
    """Frames whose first has these bits behind `useSameStreamMux` = 0 (ISO/IEC 14496-3 1.7.3)."""
    text = "0" + "".join(f"{value:0{width}b}" for value, width in fields if width)
    body = int(text.ljust(-(-len(text) // 8) * 8 + 80, "0"), 2).to_bytes(-(-len(text) // 8) + 10, "big")
    same = b"\x80".ljust(len(body), b"\0")
    head = bytes((0x56, 0xE0 | len(body) >> 8, len(body) & 255))
    return head + body + (head + (body if repeat else same)) * (frames - 1)


def mux(
    rate: int = 3, layout: int = 2, profile: int = 2, parts: int = 1, programs: int = 0, layers: int = 0, short: int = 0
) -> list[tuple[int, int]]:
    """StreamMuxConfig of version 0."""
    return [
        (0, 1),
        (1, 1),
        (parts - 1, 6),
        (programs, 4),
        (layers, 3),
        (profile, 5),
        (rate, 4),
        (layout, 4),
        (short, 1),
        (0, 2),
    ]


class TestLoas:
    @each_row(("index", "rate"), list(enumerate(ADTS_RATES)))
    def test_rates_by_index(self, index: int, rate: int) -> None:
        media = facts(loas(*mux(index)))
        assert media.duration == pytest.approx(6 * 1024 / rate)
        assert (media.sample_rate, media.channels) == (rate if rate > 24000 else None, 2)

    @each_row("parts", [1, 2, 17, 64])
    def test_a_frame_may_hold_several_of_aac(self, parts: int) -> None:
        assert facts(loas(*mux(parts=parts))).duration == pytest.approx(6 * parts * 1024 / 48000)

    def test_frames_may_have_960_samples(self) -> None:
        assert facts(loas(*mux(short=1))).duration == pytest.approx(6 * 960 / 48000)

    @each_row("other", [{"programs": 1}, {"layers": 1}])
    def test_several_programs_or_layers_are_not_read(self, other: dict[str, int]) -> None:
        media = facts(loas(*mux(**other)))
        assert (media.audio_codec, media.sample_rate, media.duration) == ("aac_latm", None, None)

    @each_row("profile", [1, 3, 4, 6, 7])
    def test_other_profiles_of_general_audio_have_frames_of_1024(self, profile: int) -> None:
        assert facts(loas(*mux(profile=profile))).duration == pytest.approx(6 * 1024 / 48000)
        assert facts(loas(*mux(profile=8))).duration is None

    def test_openly_stated_band_replication_plays_at_its_own_rate(self) -> None:
        fields = [(0, 1), (1, 1), (0, 6), (0, 4), (0, 3), (5, 5), (6, 4), (2, 4), (3, 4), (2, 5), (0, 3)]
        media = facts(loas(*fields))
        assert (media.sample_rate, media.channels, media.duration) == (48000, 2, pytest.approx(6 * 1024 / 24000))
        short = [*fields[:-1], (1, 1), (0, 2)]
        assert facts(loas(*short)).duration == pytest.approx(6 * 960 / 24000)

    def test_one_channel_with_band_replication_may_be_two(self) -> None:
        fields = [(0, 1), (1, 1), (0, 6), (0, 4), (0, 3), (5, 5), (6, 4), (1, 4), (3, 4), (2, 5), (0, 3)]
        assert facts(loas(*fields)).channels is None
        assert facts(loas(*mux(3, 1))).channels == 1
        assert facts(loas(*mux(6, 1))).channels is None

    @each_row("size", [1, 2, 3, 4])
    def test_version_1_has_numbers_of_one_to_four_bytes(self, size: int) -> None:
        number = [(size - 1, 2), *((0xA5, 8) for _ in range(size))]
        fields = [(1, 1), (0, 1), *number, (1, 1), (2, 6), (0, 4), (0, 3), *number, (2, 5), (3, 4), (2, 4), (0, 3)]
        media = facts(loas(*fields))
        assert (media.sample_rate, media.channels, media.duration) == (48000, 2, pytest.approx(18 * 1024 / 48000))

    def test_a_version_that_no_standard_describes_is_not_read(self) -> None:
        assert facts(loas((1, 1), (1, 1), *mux()[1:])).sample_rate is None

    def test_a_frame_may_refer_to_the_configuration_before_it(self) -> None:
        assert facts(loas(*mux(), repeat=False)).duration == pytest.approx(6 * 1024 / 48000)

    @each_row(("before", "found"), [(127, True), (128, False)])
    def test_the_configuration_is_in_the_first_128_frames(self, before: int, found: bool) -> None:
        data = loas(*mux(), repeat=False)
        first = loas(*mux(), frames=1)
        media = facts(data[len(first) : 2 * len(first)] * before + data)
        assert (media.sample_rate == 48000) is found

    @each_row("length", [11, 255, 256, 0x1FFF])
    def test_lengths_of_13_bits(self, length: int) -> None:
        one = loas(*mux(), frames=1)
        frame = bytes((0x56, 0xE0 | length >> 8, length & 255)) + one[3:].ljust(length, b"\0")[:length]
        assert facts(frame * 4).duration == pytest.approx(4 * 1024 / 48000)

    def test_three_frames_in_a_row_are_needed(self) -> None:
        assert facts(loas(*mux(), frames=3)).format == "loas"
        assert facts(loas(*mux(), frames=2)).format != "loas"

    def test_a_lone_sync_between_frames_is_not_one(self) -> None:
        data = loas(*mux()) + b"?" * 10 + b"\x56\xe0\x05" + b"?" * 20 + loas(*mux())
        assert facts(data).duration == pytest.approx(12 * 1024 / 48000)

    def test_bit_rate_is_that_of_the_frames(self) -> None:
        data = loas(*mux(), frames=48)
        assert facts(data).bit_rate == round(len(data) * 8 / 1.024)
        assert facts(id3(padding=1000) + data).bit_rate == round(len(data) * 8 / 1.024)


SOUND = frame(1, 3, 128, 44100) * 6
SECONDS = pytest.approx(6 * 1152 / 44100)


class TestTags:
    @each_row("size", [0x7F, 0x80, 0x3FFF, 0x4000, 0x010203])
    @each_row("footer", [False, True])
    def test_sizes_of_id3_have_seven_bits_a_byte(self, size: int, footer: bool) -> None:
        data = id3(padding=size, version=4, flags=0x10 if footer else 0)
        assert data[6:10] == syncsafe(size)
        media = facts(data + SOUND)
        assert (media.duration, media.notes) == (SECONDS, ())

    def test_the_highest_byte_of_a_size_counts(self) -> None:
        media = facts(id3(padding=1 << 21) + SOUND)
        assert (media.duration, media.notes) == (SECONDS, ())

    @each_row(("version", "frame_id"), [(2, b"PIC\0"), (3, b"APIC\0"), (4, b"APIC\0"), (9, b"APIC\0")])
    def test_an_attached_picture_is_noted(self, version: int, frame_id: bytes) -> None:
        for ident in (b"PIC\0", b"APIC\0"):
            media = facts(id3(b"????" + ident + bytes(300), version=version) + SOUND)
            assert (media.notes == ("cover_art",)) is (frame_id in b"?" + ident)

    @each_row(("before", "noted"), [(2000, True), (2100, False)])
    def test_a_picture_is_seen_in_the_first_2_kib_of_a_tag(self, before: int, noted: bool) -> None:
        media = facts(id3(bytes(before), picture(bytes(3000))) + SOUND)
        assert ("cover_art" in media.notes) is noted

    def test_several_tags_are_skipped(self) -> None:
        media = facts(id3(padding=30) + ape(("Title", "x" * 300)) + id3(picture(bytes(20))) + SOUND)
        assert (media.duration, media.notes) == (SECONDS, ("cover_art",))
        assert facts(id3(padding=3) * 32 + SOUND).notes == ()

    @each_row("bit", range(8))
    def test_only_a_flag_makes_a_leading_tag_of_ape(self, bit: int) -> None:
        tag = b"APETAGEX" + pack("<III", 2000, 40, 0) + bytes((0, 0, 0, 1 << bit)) + bytes(8 + 40)
        assert (facts(tag + SOUND).notes == ()) is (bit == 5)

    @each_row(
        "tag",
        [
            id3v1(),
            b"TAG+" + bytes(223) + id3v1(),
            ape(("Title", "x" * 1000)),
            ape(("Title", "x" * 1000), header=False),
            ape(("Title", "x"))[:32],
            lyrics3("la " * 200),
            lyrics3("la " * 30_000),
            b"LYRICSBEGIN" + b"la " * 1700 + b"LYRICSEND",
            b"LYRICSBEGIN" + b"LYRICSEND",
            b"LYRICSBEGIN" + b"la " * 9 + b"LYRICSEND" + id3v1(b"LYRICSBEGIN"),
            id3(padding=300, version=4, flags=0x10),
            id3(padding=0x010203, version=4, flags=0x10),
            ape(("Title", "x")) + id3v1(),
            lyrics3("la") + id3v1(),
            id3(padding=9, version=4, flags=0x10) + ape(("a", "b")) + lyrics3("x") + id3v1(),
        ],
    )
    def test_tags_behind_the_sound_are_not_sound(self, tag: bytes) -> None:
        media = facts(SOUND + tag)
        assert (media.duration, media.notes) == (SECONDS, ())

    @each_row(
        "foreign",
        [
            b"TAX" + bytes(125),
            b"APETAGEX" + pack("<II", 2000, 1 << 30) + bytes(16),
            b"LYRICSBEGIN" + b"la " * 1800 + b"LYRICSEND",
            b"LYRICSBEGINx00000ZLYRICS200",
            b"999999LYRICS200",
            b"?" * 300,
            b"LYRICSBEGIN" + b"la " * 9 + b"LYRICSBEGIN" + b"la " * 9 + b"LYRICSEND",  # the last beginning counts
        ],
    )
    def test_what_only_ends_like_a_tag_is_trailing_data(self, foreign: bytes) -> None:
        assert facts(SOUND + foreign).notes == ("trailing_data",)

    def test_a_tag_is_no_longer_than_the_audio_before_it(self) -> None:
        footer = b"APETAGEX" + pack("<II", 2000, 12_000) + bytes(16)
        media = facts(id3(padding=20_000) + SOUND + footer)
        assert (media.duration, media.notes) == (SECONDS, ("trailing_data",))

    @given(st.integers(1, 40))
    def test_a_row_of_tags_at_the_end_is_skipped(self, count: int) -> None:
        media = facts(SOUND + id3v1() * count)
        assert media.notes == (() if count <= 32 else ("trailing_data",))
