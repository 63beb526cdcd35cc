"""FLAC: every field of STREAMINFO, and the frame headers that tell the length of a stream without one (RFC 9639)."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from probing import RemoteSource, counted, facts

from preflight.probes import probe
from preflight.probes.flac import stream_seconds
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import id3
from makers._ogg import metadata

from tests.rows import each_row

SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, **{code: 256 << code - 8 for code in range(8, 16)}}
"""RFC 9639 table 14: samples of a block by code; 6 and 7 are followed by the number."""


def info(rate: int = 48000, channels: int = 2, samples: int = 0, block: int = 65535, smallest: int = 0) -> bytes:
    packed = rate << 44 | channels - 1 << 41 | 23 << 36 | samples
    body = pack(">HH", 16, block) + smallest.to_bytes(3, "big") + b"\xff\xff\xff" + packed.to_bytes(8, "big")
    return metadata(0, body + b"\xaa" * 16, last=True)


def crc8(data: bytes) -> int:
    """The remainder of a division by x^8 + x^2 + x + 1 (9.1.8), bit by bit over one large number."""
    value = int.from_bytes(data, "big") << 8
    for bit in reversed(range(8, value.bit_length())):
        if value >> bit & 1:
            value ^= 0x107 << bit - 8
    return value


def utf8(number: int) -> bytes:
    """A number as in UTF-8, extended to 36 bits in seven bytes (9.1.5)."""
    if number < 0x80:
        return bytes((number,))
    count = next(count for count in range(2, 8) if number < 1 << 5 * count + 1)
    rest = [0x80 | number >> 6 * place & 0x3F for place in reversed(range(count - 1))]
    return bytes((0xFF << 8 - count & 0xFF | number >> 6 * (count - 1), *rest))


def frame(
    number: int, size: int = 12, rate: int = 0, variable: bool = False, extra: bytes = b"", crc: int = 0
) -> bytes:
    head = bytes((0xFF, 0xF8 | variable, size << 4 | rate, 0x18)) + utf8(number) + extra
    return head + bytes((crc8(head) ^ crc,)) + b"\x11" * 30


def seconds(*frames: bytes, rate: int = 48000, block: int = 65535) -> float | None:
    return stream_seconds(MemorySource(b"fLaC" + info(rate, block=block) + b"\x11" * 9 + b"".join(frames)))


class TestStreamInfo:
    @each_row("rate", [1, 8000, 44100, 96000, 655350, 0xFFFFF])
    @each_row("channels", [1, 2, 5, 8])
    @each_row("samples", [1, 0x123456789, (1 << 36) - 1])
    def test_rate_channels_and_samples_are_read(self, rate: int, channels: int, samples: int) -> None:
        media = facts(b"fLaC" + info(rate, channels, samples))
        assert (media.sample_rate, media.channels, media.duration) == (rate, channels, samples / rate)

    def test_a_piped_stream_states_no_length(self) -> None:
        media = facts(b"fLaC" + info() + bytes(100))
        assert (media.duration, media.bit_rate, media.sample_rate) == (None, None, 48000)

    @each_row(("there", "notes"), [(299, ("truncated",)), (300, ())])
    def test_the_smallest_frame_tells_whether_all_blocks_are_there(self, there: int, notes: tuple[str, ...]) -> None:
        data = b"fLaC" + info(samples=3 * 4096 + 4095, block=4096, smallest=100) + bytes(there)
        assert facts(data).notes == notes

    def test_a_block_size_of_zero_is_no_divisor(self) -> None:
        assert facts(b"fLaC" + info(samples=4096, block=0, smallest=100)).notes == ()

    def test_bit_rate_is_that_of_the_audio(self) -> None:
        media = facts(b"fLaC" + info(samples=48000)[:-38] + info(samples=48000) + bytes(1000))
        assert (media.duration, media.bit_rate) == (1.0, 8000)
        blocks = bytearray(info(samples=96000))
        blocks[0] &= 0x7F
        more = bytes(blocks) + metadata(4, bytes(300)) + metadata(1, bytes(20), last=True)
        assert facts(b"fLaC" + more + bytes(1000)).bit_rate == 4000

    def test_bit_rate_is_unknown_where_audio_begins_behind_the_head(self) -> None:
        blocks = bytearray(info(samples=48000))
        blocks[0] &= 0x7F
        data = b"fLaC" + bytes(blocks) + metadata(4, bytes(2001), last=False) + metadata(1, b"", last=True)
        media = probe(RemoteSource(data))
        assert (media.duration, media.bit_rate) == (1.0, None)

    @each_row(("length", "known"), [(1998, True), (1999, False)])
    def test_metadata_is_read_in_the_first_2_kib(self, length: int, known: bool) -> None:
        blocks = bytearray(info(samples=48000))
        blocks[0] &= 0x7F
        more = metadata(4, bytes(length), last=False) + metadata(1, b"", last=True)
        data = b"fLaC" + bytes(blocks) + more + bytes(1000)
        assert probe(RemoteSource(data)).bit_rate == (8000 if known else None)
        assert facts(data).audio_bit_rate == 8000

    @each_row(("blocks", "known"), [(64, True), (65, False)])
    def test_64_blocks_of_metadata_are_read(self, blocks: int, known: bool) -> None:
        first = bytearray(info(samples=48000))
        first[0] &= 0x7F
        more = metadata(4, b"xx", last=False) * (blocks - 2) + metadata(1, b"", last=True)
        assert facts(b"fLaC" + bytes(first) + more + bytes(1000)).bit_rate == (8000 if known else None)

    def test_a_block_of_more_than_64_kib_is_skipped_as_a_whole(self) -> None:
        blocks = bytearray(info(samples=48000))
        blocks[0] &= 0x7F
        large = metadata(4, bytes(10) + metadata(1, b"", last=True).ljust(1 << 16, b"\0"), last=False)
        assert facts(b"fLaC" + bytes(blocks) + large + bytes(1000)).bit_rate is None

    def test_a_file_without_any_audio_has_no_bit_rate(self) -> None:
        assert facts(b"fLaC" + info(samples=48000)).bit_rate is None

    @each_row(("kind", "notes"), [(6, ("cover_art",)), (5, ()), (4, ())])
    def test_a_picture_among_the_metadata_is_noted(self, kind: int, notes: tuple[str, ...]) -> None:
        blocks = bytearray(info())
        blocks[0] &= 0x7F
        assert facts(b"fLaC" + bytes(blocks) + metadata(kind, bytes(9), last=True) + bytes(9)).notes == notes
        more = metadata(kind, bytes(9)) + metadata(1, bytes(9), last=True)
        assert facts(b"fLaC" + bytes(blocks) + more + bytes(9)).notes == notes

    @each_row(("kind", "length"), [(1, 34), (0, 33), (0, 35), (0, 0x100022)])
    def test_another_first_block_is_a_bad_header(self, kind: int, length: int) -> None:
        block = bytes((kind,)) + length.to_bytes(3, "big") + info()[4:] + bytes(9)
        assert facts(b"fLaC" + block).notes == ("bad_header",)

    def test_the_last_block_ends_the_metadata(self) -> None:
        data = b"fLaC" + info(samples=48000) + metadata(6, bytes(9), last=True)
        assert facts(data).notes == ()
        assert counted(data)[1].distant == []


class TestFrames:
    @each_row(("code", "size"), sorted(SIZES.items()))
    def test_size_code_tells_the_samples_of_a_block(self, code: int, size: int) -> None:
        assert seconds(frame(1000, code, variable=True)) == (1000 + size) / 48000

    @each_row(("code", "extra", "size"), [(6, b"\x7f", 128), (7, b"\x12\x34", 0x1235)])
    def test_uncommon_sizes_are_written_out(self, code: int, extra: bytes, size: int) -> None:
        assert seconds(frame(1000, code, variable=True, extra=extra)) == (1000 + size) / 48000

    def test_the_reserved_size_is_not_a_frame(self) -> None:
        assert seconds(frame(1000, 0, variable=True)) is None

    @each_row(("code", "extra"), [(12, b"\x30"), (13, b"\xbb\x80"), (14, b"\x12\xc0"), (11, b"")])
    def test_a_rate_that_is_written_out_is_skipped(self, code: int, extra: bytes) -> None:
        assert seconds(frame(1000, rate=code, variable=True, extra=extra)) == 5096 / 48000

    def test_frames_of_one_size_are_numbered(self) -> None:
        assert seconds(frame(9), block=4096) == 10 * 4096 / 48000
        assert seconds(frame(9, 8), block=4096) == (9 * 4096 + 256) / 48000

    @given(
        st.one_of(
            *(st.integers(1 << 5 * count - 4 if count > 2 else 128, (1 << 5 * count + 1) - 1) for count in range(2, 8))
        )
    )
    def test_numbers_of_up_to_36_bits_are_read(self, number: int) -> None:
        assert seconds(frame(number, variable=True)) == (number + 4096) / 48000

    @given(st.integers(0, 127))
    def test_numbers_of_seven_bits_are_one_byte(self, number: int) -> None:
        assert seconds(frame(number, variable=True)) == (number + 4096) / 48000

    @each_row("number", [b"\x80", b"\xbf", b"\xff", b"\xc2\x41", b"\xe1\x80\xc0"])
    def test_a_number_that_is_not_utf8_is_not_a_frame(self, number: bytes) -> None:
        head = b"\xff\xf9\xc0\x18" + number
        assert seconds(head + bytes((crc8(head),)) + b"\x11" * 30) is None

    def test_a_wrong_checksum_is_not_a_frame(self) -> None:
        for bit in range(8):
            assert seconds(frame(1000, variable=True, crc=1 << bit)) is None

    @each_row("second", [0xF0, 0xFA, 0xF4, 0xE8, 0x78])
    def test_another_sync_code_is_not_a_frame(self, second: int) -> None:
        head = bytes((0xFF, second, 0xC0, 0x18, 9))
        assert seconds(head + bytes((crc8(head),)) + b"\x11" * 30) is None

    @each_row(("block", "found"), [(4096, 1.0), (4095, None)])
    def test_a_block_is_not_larger_than_stated(self, block: int, found: float | None) -> None:
        assert seconds(frame(48000 - 4096, variable=True), block=block) == found

    def test_the_last_frame_counts(self) -> None:
        frames = [frame(4096 * number, variable=True) for number in range(20)]
        assert seconds(*frames) == 20 * 4096 / 48000

    def test_a_header_that_audio_imitates_is_far_from_the_others(self) -> None:
        frames = [frame(4096 * number, variable=True) for number in range(20)]
        false = frame(90_000_000, variable=True)
        assert seconds(*frames, false, block=4096) == 20 * 4096 / 48000
        assert seconds(*frames[:10], false, *frames[10:], block=4096) == 20 * 4096 / 48000

    def test_frames_a_block_apart_are_neighbours(self) -> None:
        assert seconds(
            frame(0, variable=True), frame(4096, variable=True), frame(9_000, variable=True), block=4096
        ) == (8192 / 48000)

    def test_a_header_at_the_very_end_is_cut(self) -> None:
        assert seconds(frame(1000, variable=True)[:6]) is None
        assert seconds(frame(9, variable=True)[:6]) is None
        assert seconds(frame(9, variable=True)[:7]) == 4105 / 48000
        for length in range(4, 9):  # the checksum is the ninth byte
            assert seconds(frame(100_000, variable=True)[:length]) is None
        assert seconds(frame(100_000, variable=True)[:9]) == 104_096 / 48000

    def test_frames_are_sought_in_the_last_mebibyte(self) -> None:
        start = frame(1000, variable=True)
        assert seconds(start, bytes((1 << 20) - len(start))) == 5096 / 48000
        assert seconds(start, bytes((1 << 20) - len(start) + 1)) is None

    @each_row(("count", "found"), [(65_535, True), (65_536, False)])
    def test_65536_bytes_that_may_begin_a_frame_are_tried(self, count: int, found: bool) -> None:
        assert (seconds(frame(0), b"\xff" * count) is not None) is found

    def test_the_last_block_may_have_a_single_sample(self) -> None:
        frames = [frame(0, 12), frame(1, 12), frame(2, 6, extra=b"\0")]
        assert seconds(*frames, block=4096) == (2 * 4096 + 1) / 48000

    def test_a_tag_before_the_stream_is_skipped(self) -> None:
        data = id3(padding=100) + b"fLaC" + info() + frame(1000, variable=True)
        assert stream_seconds(MemorySource(data)) == 5096 / 48000

    def test_without_streaminfo_there_is_no_length(self) -> None:
        assert stream_seconds(MemorySource(b"fLaC" + metadata(4, bytes(40)) + frame(9))) is None
