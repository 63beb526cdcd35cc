"""Sample entries: the fields of each codec's own box, QuickTime's sound descriptions, protection and pixel ratios."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from probing import facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import AAC_CONFIG, blank, box, esds, full, movie, picture_entry, protected, sound, sound_entry

from preflight.media import Media
from tests.rows import each_row

STATED = (16001, 9)
"""Rate and channels of the entry itself, which no box of a codec has."""
SIZE = (854, 480)


def heard(kind: bytes, *inner: bytes, version: int = 0) -> tuple[str | None, int | None, int | None]:
    media = facts(movie(sound(entry=sound_entry(kind, *STATED, *inner, version=version))))
    return media.audio_codec, media.sample_rate, media.channels


def shown(entry: bytes) -> Media:
    return facts(movie(blank(entry=entry)))


def bits(*fields: tuple[int, int]) -> bytes:
    text = "".join(f"{value:0{width}b}" for value, width in fields)
    text = text.ljust(-(-len(text) // 8) * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


AC3_CHANNELS = [2, 1, 2, 3, 3, 4, 4, 5]
"""ETSI TS 102 366 table 4.3, by acmod."""


class TestDolby:
    @each_row(("code", "rate"), [(0, 48000), (1, 44100), (2, 32000), (3, STATED[0])])
    @each_row("low", [0, 1])
    @each_row("mode", range(8))
    def test_ac3_rate_and_channels(self, code: int, rate: int, mode: int, low: int) -> None:
        dac3 = bits((code, 2), (31, 5), (7, 3), (mode, 3), (low, 1), (31, 5), (31, 5))  # F.4
        assert heard(b"ac-3", box(b"dac3", dac3)) == ("ac3", rate, AC3_CHANNELS[mode] + low)

    @each_row(("code", "rate"), [(0, 48000), (1, 44100), (2, 32000), (3, STATED[0])])
    @each_row("low", [0, 1])
    @each_row("mode", range(8))
    def test_enhanced_ac3_rate_and_channels(self, code: int, rate: int, mode: int, low: int) -> None:
        stream = [(code, 2), (31, 5), (1, 1), (0, 1), (7, 3), (mode, 3), (low, 1), (7, 3), (15, 4), (0, 1)]  # F.6
        dec3 = bits((8191, 13), (7, 3), *stream)
        assert heard(b"ec-3", box(b"dec3", dec3)) == ("eac3", rate, AC3_CHANNELS[mode] + low)

    def test_cut_boxes_are_not_read(self) -> None:
        assert heard(b"ac-3", box(b"dac3", b"\x10\x3d")) == ("ac3", *STATED)
        assert heard(b"ac-3", box(b"dac3", b"\x10\x3d\xc0")) == ("ac3", 48000, 6)
        assert heard(b"ec-3", box(b"dec3", b"\x14\x00\x60\x0f")) == ("eac3", *STATED)
        assert heard(b"ec-3", box(b"dec3", b"\x14\x00\x60\x0f\x00")) == ("eac3", 44100, 6)

    CHANNELS = (2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1)

    @each_row(("bit", "channels"), list(enumerate(CHANNELS)))
    def test_true_hd_lists_its_loudspeakers(self, bit: int, channels: int) -> None:
        """Dolby TrueHD bitstream description: the map of 13 bits for eight channels."""
        entry = sound_entry(b"mlpa", 0, 9, box(b"dmlp", b"\xff\xff" + pack(">H", 0xE000 | 1 << bit) + bytes(6)))
        assert facts(movie(sound(entry=entry))).channels == channels

    @each_row(("bit", "channels"), list(enumerate(CHANNELS[:5])))
    def test_true_hd_of_six_channels_has_a_map_of_five_bits(self, bit: int, channels: int) -> None:
        entry = sound_entry(
            b"mlpa", 0, 9, box(b"dmlp", b"\xff" + pack(">I", 0xF000_0000 | 1 << bit + 23)[:2] + b"\0\0")
        )
        whole = box(b"dmlp", b"\xff" + bytes((0xF0 | 1 << bit >> 1, (1 << bit & 1) << 7, 0)) + bytes(6))
        entry = sound_entry(b"mlpa", 0, 9, whole)
        assert facts(movie(sound(entry=entry))).channels == channels

    def test_true_hd_without_a_whole_map_has_the_channels_of_the_entry(self) -> None:
        for body, channels in ((bytes(10), 9), (b"\xff\x17\x80", 9), (b"\xff\x17\x80\x01", 2)):
            assert facts(movie(sound(entry=sound_entry(b"mlpa", 0, 9, box(b"dmlp", body))))).channels == channels


class TestOtherCodecs:
    @each_row("channels", [1, 2, 8, 255])
    def test_opus_plays_at_48_khz(self, channels: int) -> None:
        assert heard(b"Opus", box(b"dOps", bytes((7, channels)) + b"\7" * 9)) == ("opus", 48000, channels)
        assert heard(b"Opus", box(b"dOps", bytes((7, channels)))) == ("opus", 48000, channels)
        assert heard(b"Opus", box(b"dOps", b"\7")) == ("opus", *STATED)
        assert heard(b"Opus") == ("opus", 48000, STATED[1])

    @each_row(("rate", "channels"), [(0xABCDE, 8), (44100, 1), (96000, 6)])
    def test_flac_states_them_in_streaminfo(self, rate: int, channels: int) -> None:
        info = b"\x77" * 10 + bits((rate, 20), (channels - 1, 3), (31, 5), (1, 4)) + b"\x77" * 20
        assert heard(b"fLaC", full(b"dfLa", 0, 0, b"\x80\0\0\x22", info)) == ("flac", rate, channels)
        assert heard(b"fLaC", full(b"dfLa", 0, 0, b"\x80\0\0\x22", info[:14])) == ("flac", rate, channels)
        assert heard(b"fLaC", full(b"dfLa", 0, 0, b"\x80\0\0\x22", info[:13])) == ("flac", *STATED)

    @each_row(("rate", "channels"), [(0x01020304, 255), (44100, 2)])
    def test_alac_states_them_in_its_cookie(self, rate: int, channels: int) -> None:
        cookie = b"\x77" * 9 + bytes((channels,)) + b"\x77" * 10 + pack(">I", rate)
        assert heard(b"alac", full(b"alac", 0, 0, cookie, b"\x77" * 9)) == ("alac", rate, channels)
        assert heard(b"alac", full(b"alac", 0, 0, cookie)) == ("alac", rate, channels)
        assert heard(b"alac", full(b"alac", 0, 0, cookie[:-1])) == ("alac", *STATED)

    @each_row(
        ("layout", "channels"),
        list(enumerate([9, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24, 8, 12, 10, 12, 14, 12, 14, 9])),
    )
    def test_mpeg_h_names_its_loudspeakers(self, layout: int, channels: int) -> None:
        """ISO/IEC 23091-3 table 3; where none is named the entry tells."""
        assert heard(b"mhm1", box(b"mhaC", bytes((1, 13, layout, 0, 0)))) == ("mpegh_3d_audio", STATED[0], channels)
        assert heard(b"mhm1", box(b"mhaC", bytes((1, 13, layout)))) == ("mpegh_3d_audio", STATED[0], channels)
        assert heard(b"mhm1", box(b"mhaC", bytes((1, 13)))) == ("mpegh_3d_audio", *STATED)

    def test_a_box_of_another_codec_is_not_read(self) -> None:
        assert heard(b"twos", box(b"dOps", b"\7\7\7")) == ("pcm", *STATED)
        assert heard(b"ac-3", box(b"dec3", b"\x14\x00\x60\x0f\x00")) == ("ac3", *STATED)

    @each_row(("kind", "rate"), [(b"samr", 8000), (b"sawb", 16000)])
    def test_amr_has_one_channel_and_one_rate(self, kind: bytes, rate: int) -> None:
        assert heard(kind) == ("amr", rate, 1)

    @each_row("rate", [0x01020304, 192_000, 1])
    def test_a_rate_above_65535_has_a_box_of_its_own(self, rate: int) -> None:
        assert heard(b"ipcm", full(b"srat", 0, 0, pack(">I", rate)))[1] == rate
        assert heard(b"ipcm", full(b"srat", 0, 0, pack(">I", 0)))[1] == STATED[0]

    def test_zeros_are_unknown(self) -> None:
        media = facts(movie(sound(entry=sound_entry(b"sowt", 0, 0))))
        assert (media.sample_rate, media.channels) == (None, None)


class TestQuickTimeSound:
    """QuickTime File Format, "Sound sample descriptions": version 1 has 16 bytes more, version 2 has 36."""

    @staticmethod
    def second(rate: float, channels: int, *inner: bytes) -> bytes:
        head = pack(">6xHH6xHHhHI", 1, 2, 3, 16, -2, 0, 0x10000)
        return box(b"lpcm", head, pack(">IdII", 72, rate, channels, 0x7F000000), b"\7" * 16, *inner)

    @each_row(
        ("rate", "read"),
        [
            (96000.0, 96000),
            (44100.5, 44100),
            (1.0, 1),
            (0.0, None),
            (-5.0, None),
            (2.0**31 - 1, 2**31 - 1),
            (2.0**31, None),
        ],
    )
    def test_version_2_has_a_rate_of_64_bits(self, rate: float, read: int | None) -> None:
        media = facts(movie(sound(entry=self.second(rate, 0x010203))))
        assert (media.audio_codec, media.sample_rate, media.channels) == ("pcm", read, 0x010203)

    def test_boxes_follow_the_fields_of_each_version(self) -> None:
        srat = full(b"srat", 0, 0, pack(">I", 12345))
        assert facts(movie(sound(entry=self.second(8000.0, 2, srat)))).sample_rate == 12345
        assert heard(b"sowt", b"\7" * 16, srat, version=1)[1] == 12345
        assert heard(b"sowt", srat, version=0)[1] == 12345

    def test_a_cut_version_2_is_read_as_far_as_it_goes(self) -> None:
        whole = self.second(96000.0, 6)
        assert facts(movie(sound(entry=box(b"lpcm", whole[8 : 8 + 48])))).channels == 6
        assert facts(movie(sound(entry=box(b"lpcm", whole[8 : 8 + 43])))).channels == 3

    def test_boxes_inside_wave_are_read_after_those_beside_it(self) -> None:
        inner = box(b"wave", box(b"frma", b"mp4a"), esds(0x40, AAC_CONFIG))
        assert heard(b"mp4a", b"\7" * 16, inner, version=1) == ("aac", 44100, 1)
        beside = esds(0x40, b"\x11\x90")
        assert heard(b"mp4a", b"\7" * 16, inner, beside, version=1) == ("aac", 48000, 2)

    @each_row(("length", "there"), [(27, False), (28, True)])
    def test_an_entry_needs_28_bytes(self, length: int, there: bool) -> None:
        media = facts(movie(sound(entry=box(b"sowt", sound_entry(b"sowt", *STATED)[8 : 8 + length]))))
        assert (media.audio_codec == "pcm") is there


class TestPictures:
    @each_row(("width", "height"), [(0x0102, 0x0304), (65535, 1)])
    def test_coded_size_is_read(self, width: int, height: int) -> None:
        media = shown(picture_entry(b"avc1", (width, height)))
        assert (media.stored_width, media.stored_height) == (width, height)

    @each_row(("length", "codec"), [(77, None), (78, "h264")])
    def test_an_entry_needs_78_bytes(self, length: int, codec: str | None) -> None:
        entry = picture_entry(b"avc1", SIZE)
        assert shown(box(b"avc1", entry[8 : 8 + length])).video_codec == codec

    @each_row(
        ("across", "down", "ratio"),
        [(0x01020304, 0x05060708, 0x01020304 / 0x05060708), (4, 3, 4 / 3), (0, 3, None), (4, 0, None)],
    )
    def test_pixel_ratio_is_read(self, across: int, down: int, ratio: float | None) -> None:
        pasp = box(b"pasp", pack(">II", across, down))
        assert shown(picture_entry(b"avc1", SIZE, pasp)).pixel_aspect_ratio == ratio

    def test_a_cut_pixel_ratio_is_not_read(self) -> None:
        whole = shown(picture_entry(b"avc1", SIZE)).pixel_aspect_ratio
        assert (
            shown(picture_entry(b"avc1", SIZE, box(b"pasp", pack(">II", 4, 0x03000000)[:5]))).pixel_aspect_ratio
            == whole
        )

    def test_an_object_type_that_is_not_known_leaves_mpeg4(self) -> None:
        assert shown(picture_entry(b"mp4v", SIZE, esds(0x99))).video_codec == "mpeg4"
        assert shown(picture_entry(b"mp4v", SIZE, full(b"esds", 0, 0, b"\7\7"))).video_codec == "mpeg4"
        assert shown(picture_entry(b"avc1", SIZE, esds(0x61))).video_codec == "h264"


class TestProtection:
    @each_row(
        ("kind", "inner", "codec", "encrypted"),
        [
            (b"encv", protected(b"hvc1"), "hevc", True),
            (b"drmi", protected(b"avc1"), "h264", True),
            (b"encv", b"", None, True),
            (b"encv", box(b"sinf", box(b"frma", b"hvc")), None, True),
            (b"encv", box(b"rinf", box(b"frma", b"hvc1")), None, True),
            (b"resv", box(b"rinf", box(b"frma", b"av01")), "av1", False),
            (b"resv", box(b"sinf", box(b"frma", b"av01")), "resv", False),
            (b"resv", box(b"rinf", box(b"frma", b"av0")), "resv", False),
            (b"resv", b"", "resv", False),
            (b"avc1", protected(b"hvc1"), "h264", False),
        ],
    )
    def test_original_format_of_pictures(self, kind: bytes, inner: bytes, codec: str | None, encrypted: bool) -> None:
        media = shown(picture_entry(kind, SIZE, inner))
        assert (media.video_codec, media.encrypted) == (codec, encrypted)

    @each_row("kind", [b"enca", b"drms"])
    def test_original_format_of_sound(self, kind: bytes) -> None:
        media = facts(movie(sound(entry=sound_entry(kind, *STATED, protected(b"Opus"), box(b"dOps", b"\7\3")))))
        assert (media.audio_codec, media.sample_rate, media.channels, media.encrypted) == ("opus", 48000, 3, True)


def test_many_boxes_in_an_entry_are_bounded() -> None:
    assert shown(picture_entry(b"avc1", SIZE, box(b"free") * 255, box(b"pasp", pack(">II", 4, 3)))).pixel_aspect_ratio
    media = shown(picture_entry(b"avc1", SIZE, box(b"free") * 257))
    assert "read_limit" in media.notes


def test_the_first_of_two_boxes_of_a_type_counts() -> None:
    first, second = box(b"pasp", pack(">II", 4, 3)), box(b"pasp", pack(">II", 9, 1))
    assert shown(picture_entry(b"avc1", SIZE, first, second)).pixel_aspect_ratio == 4 / 3
