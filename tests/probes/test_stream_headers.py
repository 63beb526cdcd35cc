"""Raw streams are recognised by the length of their first unit: every field that it is computed from."""

from __future__ import annotations

from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource
from tests.rows import each_row

KBPS = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640]
"""ATSC A/52 table 5.18."""


def seen(data: bytes) -> str | None:
    return sniff(MemorySource(data))


def swapped(data: bytes) -> bytes:
    """Every two bytes exchanged, as some discs store them."""
    return bytes(data[at ^ 1] for at in range(len(data)))


def ac3(rate: int, code: int, version: int = 8) -> bytes:
    return b"\x0b\x77\xa5\x5a" + bytes((rate << 6 | code, version << 3))


def ac3_length(rate: int, code: int) -> int:
    """ATSC A/52 table 5.18: words of 16 bits in 1536 samples; at 44.1 kHz every other frame has one more."""
    words = KBPS[code // 2] * 1000 * 1536 // [48000, 44100, 32000][rate] // 16
    return 2 * (words + (code % 2 if rate == 1 else 0))


class TestAc3:
    @each_row("rate", [0, 1, 2])
    @each_row("code", range(38))
    def test_a_second_frame_stands_where_rate_and_size_code_say(self, rate: int, code: int) -> None:
        frame = ac3(rate, code).ljust(ac3_length(rate, code), b"\x11")
        assert seen(frame * 2) == "ac3"
        assert seen(swapped(frame * 2)) == "ac3"
        assert seen(frame) == "ac3"  # the source ends where the second would begin
        assert seen(frame + b"\x11\x11" + frame + b"\x11") is None

    @each_row("version", range(11))
    def test_versions_up_to_ten(self, version: int) -> None:
        assert seen(ac3(0, 20, version).ljust(ac3_length(0, 20), b"\x11") * 2) == "ac3"

    @each_row(("rate", "code"), [(3, 20), (0, 38), (0, 63), (1, 40)])
    def test_reserved_codes_are_no_frame(self, rate: int, code: int) -> None:
        of_others = {ac3_length(rate, code) for rate in range(3) for code in range(38)}
        for length in sorted({*of_others, *range(64, 4000, 96)}):
            frame = ac3(rate, code).ljust(length, b"\x11")
            assert seen(frame * 2) is None

    @each_row("length", [2, 64, 258, 514, 2046, 4096])
    @each_row("version", [11, 16])
    def test_enhanced_frames_state_their_length(self, length: int, version: int) -> None:
        words = length // 2 - 1
        header = b"\x0b\x77" + bytes((words >> 8, words & 255, 0x3F, version << 3 | 7))
        frame = header.ljust(length, b"\x11")
        if length >= 6:
            assert seen(frame * 2) == "eac3"
            assert seen(swapped(frame * 2)) == "eac3"
            assert seen(frame + b"\x11\x11" + frame + b"\x11") is None

    def test_a_dependent_substream_or_a_later_version_is_no_first_frame(self) -> None:
        frame = b"\x0b\x77\x00\x7f\x3f\x87".ljust(256, b"\x11")
        assert seen(frame * 2) == "eac3"
        for first in (0x08, 0x40, 0x80):
            assert seen((frame[:2] + bytes((first,)) + frame[3:]) * 2) is None
        assert seen((frame[:5] + b"\x8f" + frame[6:]) * 2) is None

    def test_a_sync_word_at_the_end_of_the_head_is_no_frame(self) -> None:
        assert seen(b"\x11" * 100 + ac3(0, 20)[:5]) is None


class TestDts:
    """ETSI TS 102 114 5.3.1: the frame's length, less one, in 14 bits from the 46th on."""

    @staticmethod
    def frame(length: int) -> bytes:
        size = length - 1
        head = b"\x7f\xfe\x80\x01\xfc" + bytes((0xA8 | size >> 12, size >> 4 & 255, (size & 15) << 4 | 5))
        return head.ljust(length, b"\x11")

    @each_row("length", [96, 98, 272, 1006, 4098, 5462, 9218, 16384])
    def test_a_second_frame_stands_where_the_first_says(self, length: int) -> None:
        assert seen(self.frame(length) * 2) == "dts"
        assert seen(swapped(self.frame(length) * 2)) == "dts"
        assert seen(self.frame(length)) == "dts"
        assert seen(self.frame(length) + b"\x11\x11" + self.frame(length) + b"\x11") is None

    def test_a_length_below_96_is_not_a_frame(self) -> None:
        assert seen(self.frame(95) * 20) is None
        assert seen(b"\x11" * 16_000 + self.frame(8000) + b"\x11") is None
        assert seen(self.frame(94) * 20) is None

    @each_row("sync", [b"\x1f\xff\xe8\x00\x07", b"\xff\x1f\x00\xe8"])
    def test_words_of_14_bits_are_known_by_their_sync_word(self, sync: bytes) -> None:
        assert seen(b"\x11" * 20 + sync + b"\xf4" * 20) == "dts"
        assert seen(b"\x11" * 20 + (sync + b"\xf4" * 20)[:9]) is None


class TestTransportStreams:
    """ISO/IEC 13818-1 2.4.3: a sync byte at the start of each packet."""

    @each_row("packet", [188, 192, 204])
    @each_row("start", [1, 77, 150, 187])
    def test_eight_packets_in_a_row_are_enough(self, packet: int, start: int) -> None:
        packets = (b"\x47" + b"\x11" * (packet - 1)) * 8
        assert seen(b"\x11" * start + packets) == "mpegts"
        assert seen(b"\x11" * start + packets[: 7 * packet]) is None

    @each_row("packet", [187, 189, 191, 193, 203, 205, 208])
    def test_other_distances_are_not_packets(self, packet: int) -> None:
        assert seen(b"\x11" + (b"\x47" + b"\x11" * (packet - 1)) * 12) is None

    def test_three_packets_at_the_start_are_enough(self) -> None:
        packets = (b"\x47" + b"\x11" * 187) * 3
        assert seen(packets) == "mpegts"
        assert seen(b"\x11" * 4 + (b"\x47" + b"\x11" * 191) * 3) == "mpegts"


class TestStartCodes:
    """Streams divided by 00 00 01."""

    @staticmethod
    def sequence(width: int = 720, height: int = 576, aspect: int = 2, rate: int = 3) -> bytes:
        """An MPEG video sequence header behind bytes that are none (ISO/IEC 13818-2 6.2.2.1)."""
        fields = width << 20 | height << 8 | aspect << 4 | rate
        return b"\x11\0\0\1\xb3" + fields.to_bytes(4, "big") + b"\x11" * 40

    @each_row(
        ("fields", "name"),
        [
            ({}, "mpeg"),
            ({"width": 1}, "mpeg"),
            ({"width": 15}, "mpeg"),
            ({"width": 16}, "mpeg"),
            ({"width": 4095}, "mpeg"),
            ({"width": 0}, None),
            ({"height": 1}, "mpeg"),
            ({"height": 255}, "mpeg"),
            ({"height": 256}, "mpeg"),
            ({"height": 0}, None),
            ({"aspect": 0}, None),
            ({"aspect": 1}, "mpeg"),
            ({"aspect": 14}, "mpeg"),
            ({"aspect": 15}, None),
            ({"rate": 0}, None),
            ({"rate": 1}, "mpeg"),
            ({"rate": 8}, "mpeg"),
            ({"rate": 9}, None),
        ],
    )
    def test_a_sequence_header_has_a_size_a_ratio_and_a_rate(self, fields: dict[str, int], name: str | None) -> None:
        assert seen(self.sequence(**fields)) == name

    @each_row(
        ("pack", "name"),
        [(0x44, "mpeg"), (0x7F, "mpeg"), (0x21, "mpeg"), (0x2F, "mpeg"), (0x40, None), (0x20, None), (0x31, None)],
    )
    def test_a_pack_header_has_marker_bits(self, pack: int, name: str | None) -> None:
        assert seen(b"\x11\0\0\1\xba" + bytes((pack,)) + b"\x11" * 40) == name
        assert seen(b"\0\0\1\xba" + bytes((pack,)) + b"\x11" * 40) == name

    @each_row("code", [0xBD, 0xC0, 0xDF, 0xE0, 0xEF])
    @each_row("length", [4, 100, 300, 700])
    def test_a_packet_is_followed_by_another_start_code(self, code: int, length: int) -> None:
        packet = b"\0\0\1" + bytes((code, length >> 8, length & 255)) + b"\x80".ljust(length, b"\x11")
        assert seen(packet + b"\0\0\1\xff") == "mpeg"
        assert seen(packet + b"\x11\0\0\1\xff") is None
        assert seen(packet[:6] + b"\x40" + packet[7:] + b"\0\0\1\xff") is None

    @each_row(("code", "length"), [(0xBC, 100), (0xBE, 100), (0xBF, 100), (0xF0, 100), (0xC0, 3)])
    def test_other_packets_prove_nothing(self, code: int, length: int) -> None:
        packet = b"\0\0\1" + bytes((code, length >> 8, length & 255)) + b"\x80".ljust(length, b"\x11")
        assert seen(packet + b"\0\0\1\xff\x11\x11\x11") is None

    H264_PROFILES = (44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244)

    @staticmethod
    def units(*units: bytes) -> bytes:
        return b"".join(b"\0\0\1" + unit.ljust(12, b"\x11") for unit in units)

    def test_h264_is_known_by_a_profile_that_exists(self) -> None:
        for profile in range(256):
            data = self.units(bytes((0x67, profile, 0)), b"\x68\xee")
            assert seen(data) == ("h264" if profile in self.H264_PROFILES else None), profile

    @each_row(
        ("sequence", "picture", "name"),
        [
            (b"\x67\x64\x00", b"\x68", "h264"),
            (b"\x27\x64\xfc", b"\x28", "h264"),
            (b"\x47\x64\x00", b"\x48", "h264"),
            (b"\x67\x64\x01", b"\x68", None),  # reserved bits are zero
            (b"\x67\x64\x02", b"\x68", None),
            (b"\x07\x64\x00", b"\x68", None),  # parameters are referred to
            (b"\x67\x64\x00", b"\x08", None),
            (b"\xe7\x64\x00", b"\x68", None),  # the first bit is zero
            (b"\x67\x64\x00", b"\xe8", None),
            (b"\x67\x64\x00", b"\x65", None),  # a slice
        ],
    )
    def test_h264_has_parameters_of_a_sequence_and_of_a_picture(
        self, sequence: bytes, picture: bytes, name: str | None
    ) -> None:
        assert seen(self.units(sequence, picture)) == name

    def test_parameters_of_a_picture_follow_those_of_its_sequence(self) -> None:
        sequence, picture, other = b"\x67\x64\x00", b"\x68\xee", b"\x09\x10"
        assert seen(self.units(other, sequence, other, picture)) == "h264"
        assert seen(self.units(picture, sequence, other)) is None
        assert seen(self.units(other, picture, other)) is None

    @each_row(
        ("sequence", "picture", "name"),
        [
            (b"\x42\x01", b"\x44\x01", "hevc"),
            (b"\x42\x07", b"\x44\x07", "hevc"),
            (b"\x42\x00", b"\x44\x01", None),  # a temporal id plus one
            (b"\x42\x09", b"\x44\x01", None),  # a layer
            (b"\x43\x01", b"\x44\x01", None),
            (b"\xc2\x01", b"\x44\x01", None),
            (b"\x42\x01", b"\x46\x01", None),  # an access unit delimiter
            (b"\x40\x01", b"\x44\x01", None),  # parameters of a video
        ],
    )
    def test_hevc_has_parameters_of_a_sequence_and_of_a_picture(
        self, sequence: bytes, picture: bytes, name: str | None
    ) -> None:
        assert seen(self.units(sequence, picture)) == name


class TestOthers:
    @each_row("start", [b"\x1f\x07\x00\x3f", b"\x1f\x07\x00\xbf"])
    def test_dv_has_a_second_block_after_80_bytes(self, start: bytes) -> None:
        block = start.ljust(80, b"\x11")
        assert seen(block + b"\x3f" + b"\x11" * 80) == "dv"
        assert seen(block + b"\x3e" + b"\x11" * 80) is None
        assert seen(block[:-1] + b"\x3f" + b"\x11" * 80) is None

    def test_streams_are_found_among_the_first_64_places(self) -> None:
        frame = ac3(0, 20).ljust(ac3_length(0, 20), b"\x11")
        false = ac3(3, 20) + b"\x11" * 4
        assert seen(false * 63 + frame * 2) == "ac3"
        assert seen(false * 64 + frame * 2) is None

    def test_streams_are_found_in_the_first_8_kib(self) -> None:
        frame = ac3(0, 2).ljust(ac3_length(0, 2), b"\x11")
        assert seen(b"\x11" * (8192 - 6) + frame * 2) == "ac3"
        assert seen(b"\x11" * (8192 - 5) + frame * 2) is None
