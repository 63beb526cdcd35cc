"""Ogg: what the first packet of a stream says, field by field, and how long packets play."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probing import facts

from preflight.media import NONE, Media

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._ogg import FIRST, OPUS_TAGS, metadata, opus_head, page, stream

from tests.rows import each_row

VORBIS = b"\x01vorbis"


def one_page(head: bytes) -> Media:
    """The facts of a file that is only the first page of a stream."""
    return facts(page(head, serial=1, number=0, granule=0, flags=FIRST))


def sound(media: Media) -> tuple[str | None, int | None, int | None]:
    return media.audio_codec, media.sample_rate, media.channels


def vorbis_head(rate: int, channels: int, blocks: int = 0xB8) -> bytes:
    return VORBIS + pack("<IBIiiiBB", 0, channels, rate, 0, 128000, 0, blocks, 1)


class TestIdentification:
    @each_row(("rate", "channels"), [(0x01020304, 1), (44100, 255)])
    def test_vorbis_states_rate_and_channels(self, rate: int, channels: int) -> None:
        assert sound(one_page(vorbis_head(rate, channels))) == ("vorbis", rate, channels)
        assert sound(one_page(vorbis_head(rate, channels)[:29])) == (None, None, None)

    def test_what_a_header_leaves_at_zero_is_unknown(self) -> None:
        assert sound(one_page(vorbis_head(0, 0))) == ("vorbis", None, None)

    @each_row("channels", [1, 6, 255])
    def test_opus_states_its_channels(self, channels: int) -> None:
        assert sound(one_page(opus_head(channels))) == ("opus", 48000, channels)
        assert sound(one_page(opus_head(channels)[:18])) == (None, None, None)

    def test_flac_states_them_in_streaminfo(self) -> None:
        packed = 96000 << 44 | 5 << 41 | 23 << 36 | 1000
        body = pack(">HH", 4096, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
        head = b"\x7fFLAC\1\0\0\1fLaC" + metadata(0, body)
        assert sound(one_page(head)) == ("flac", 96000, 6)
        assert sound(one_page(head[:-1])) == (None, None, None)

    @each_row(("rate", "channels"), [(0x01020304, 0x0A0B0C0D), (16000, 1)])
    def test_speex_states_rate_and_channels(self, rate: int, channels: int) -> None:
        head = b"Speex   " + b"1.2".ljust(20, b"\0") + pack("<13I", 7, 7, rate, 7, 7, channels, 7, 320, 7, 1, 7, 7, 7)
        assert sound(one_page(head)) == ("speex", rate, channels)
        assert sound(one_page(head[:68])) == ("speex", rate, channels)
        assert sound(one_page(head[:67])) == (None, None, None)

    def test_an_index_of_streams_is_neither_sound_nor_film(self) -> None:
        for head in (b"fishead\0", b"fisbone\0", b"index\0", b"CMML\0\0\0\0", b"\x80kate\0\0\0"):
            media = one_page(head + bytes(60))
            assert (media.kind, media.audio_codec, media.video_codec) == (None, NONE, NONE)
        assert one_page(b"unknown\0" + bytes(60)).audio_codec is None


class TestTheora:
    @staticmethod
    def head(
        width: int = 0x010203,
        height: int = 0x040506,
        rate: tuple[int, int] = (0x01000003, 0x00800001),
        ratio: tuple[int, int] = (0x010101, 0x020203),
        shift: int = 6,
        version: bytes = b"\3\2\1",
    ) -> bytes:
        size = width.to_bytes(3, "big") + height.to_bytes(3, "big")
        pixels = ratio[0].to_bytes(3, "big") + ratio[1].to_bytes(3, "big")
        head = b"\x80theora" + version + pack(">HH", 7, 9) + size + b"\5\6" + pack(">II", *rate) + pixels
        return head + b"\1\1\1\1" + pack(">H", 63 << 10 | shift << 5 | 31)

    def test_sizes_rates_and_ratios_are_read(self) -> None:
        media = one_page(self.head())
        assert (media.width, media.height, media.stored_width, media.stored_height) == (66051, 263430, 66051, 263430)
        assert media.fps == 0x01000003 / 0x00800001
        assert media.pixel_aspect_ratio == 0x010101 / 0x020203
        assert (media.kind, media.video_codec, media.rotation) == ("video", "theora", 0)

    def test_a_ratio_of_zero_is_not_stated(self) -> None:
        assert one_page(self.head(ratio=(0, 1))).pixel_aspect_ratio is None
        assert one_page(self.head(ratio=(1, 0))).pixel_aspect_ratio is None

    @each_row("rate", [(0, 0x07000000), (0x07000000, 0)])
    def test_a_rate_of_zero_is_a_bad_header(self, rate: tuple[int, int]) -> None:
        assert one_page(self.head(rate=rate)).video_codec is None

    def test_sizes_of_zero_are_unknown(self) -> None:
        media = one_page(self.head(width=0, height=0))
        assert (media.width, media.height, media.video_codec) == (None, None, "theora")

    def test_a_header_of_41_bytes_is_cut(self) -> None:
        assert len(self.head()) == 42
        assert one_page(self.head()[:41]).video_codec is None

    @each_row(("version", "extra"), [(b"\3\2\0", 1), (b"\3\2\1", 0), (b"\3\3\0", 0), (b"\2\x09\x09", 1)])
    @each_row("shift", [0, 4, 6, 31])
    def test_positions_count_frames_from_the_key_frame(self, version: bytes, extra: int, shift: int) -> None:
        """Theora A.2.3: before version 3.2.1 the first frame had the number 0."""
        head = self.head(rate=(25, 1), shift=shift, version=version)
        last = 40 << shift | (3 if shift else 0)
        pages = stream(head, (0, (b"\x81theora",)), (1 << shift, (b"p",)), (last, (b"",) * 3))
        frames = facts(b"".join(pages)).frames
        assert frames == (43 + extra if shift else 40)

    @each_row(("version", "frames"), [(b"\3\2\0", 44), (b"\3\2\1", 43)])
    def test_frames_of_old_versions_count_from_one(self, version: bytes, frames: int) -> None:
        head = self.head(rate=(25, 1), version=version) + b"\x55" * 9
        pages = stream(head, (0, (b"\x81theora", b"\x82theora")), (40 << 6 | 3, (b"p",) * 44))
        assert facts(b"".join(pages)).frames == frames


def opus(packets: list[bytes], end: int) -> float | None:
    """The duration of an Opus stream whose first page with sound has these packets and ends at a position."""
    last = (end + 48000, (b"\xfc\xff\xfe",))
    return facts(b"".join(stream(opus_head(), (0, (OPUS_TAGS,)), (end, tuple(packets)), last))).duration


MODES = [
    (config, samples)
    for config, samples in enumerate([*[480, 960, 1920, 2880] * 3, *[480, 960] * 2, *[120, 240, 480, 960] * 4])
]
"""RFC 6716 table 2: samples of a frame at 48 kHz by configuration."""


class TestOpusPackets:
    """A stream that was cut out of a longer one begins where its first page does: as many samples before its end."""

    @each_row(("config", "samples"), MODES)
    @each_row(("code", "frames"), [(0, 1), (1, 2), (2, 2)])
    def test_mode_and_code_tell_the_samples(self, config: int, samples: int, code: int, frames: int) -> None:
        packet = bytes((config << 3 | code, 0xC0))
        assert opus([packet] * 3, 1_000_000) == pytest.approx(1 + 3 * samples * frames / 48000)

    @given(st.integers(1, 48))
    def test_packets_of_any_number_of_frames_state_it(self, count: int) -> None:
        assert opus([bytes((0xFB, 0xC0 | count))], 1_000_000) == pytest.approx(1 + 960 * count / 48000)

    def test_an_empty_packet_has_no_samples(self) -> None:
        assert opus([b"\xf8"], 1_000_000) == 1.0

    def test_a_stream_from_its_beginning_is_not_shortened(self) -> None:
        assert opus([b"\xf8\xff"] * 2, 1000) == 49000 / 48000


class TestFirstPages:
    @each_row(("blocks", "samples"), [(0xB8, 1024), (0x88, 128), (0xDB, 4096)])
    def test_vorbis_packets_play_up_to_half_their_longest_block(self, blocks: int, samples: int) -> None:
        head = vorbis_head(44100, 2, blocks)
        pages = stream(head, (0, (b"\3vorbis",)), (1_000_000, (b"xx",) * 10), (1_044_100, (b"xx",)))
        assert facts(b"".join(pages)).duration == pytest.approx(1 + 10 * samples / 44100)

    def test_speex_packets_play_frames_times_their_size(self) -> None:
        head = b"Speex   " + b"1.2".ljust(20, b"\0") + pack("<13I", 7, 7, 8000, 7, 7, 7, 7, 0x10203, 7, 2, 7, 7, 7)
        pages = stream(head, (0, (b"tags",)), (10_000_000, (b"xx",) * 5), (10_008_000, (b"xx",)))
        assert facts(b"".join(pages)).duration == pytest.approx(1 + 5 * 2 * 0x10203 / 8000)

    def test_flac_packets_play_a_block(self) -> None:
        packed = 48000 << 44 | 23 << 36
        body = pack(">HH", 16, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
        pages = stream(
            b"\x7fFLAC\1\0\0\1fLaC" + metadata(0, body), (0, (b"\x84",)), (900_000, (b"xx",) * 7), (948_000, (b"x",))
        )
        assert facts(b"".join(pages)).duration == pytest.approx(1 + 7 * 4096 / 48000)

    def test_packets_that_go_on_in_the_next_page_are_not_counted(self) -> None:
        head = vorbis_head(44100, 2)
        first = stream(head, (0, (b"\3vorbis",)))
        long = page(b"x" * 600, b"y" * 254, serial=1, number=2, granule=1_000_000)
        last = page(b"xx", serial=1, number=3, granule=1_044_100)
        assert facts(b"".join((*first, long, last))).duration == pytest.approx(1 + 2 * 1024 / 44100)


def test_a_chain_longer_than_one_read_is_walked_to_its_end() -> None:
    head = vorbis_head(44100, 2)
    first = [(44_100 * (number + 1), (b"x" * 250,) * 200) for number in range(90)]
    long = stream(head, (0, (b"\3vorbis",)), *first, serial=1)
    last = stream(head, (0, (b"\3vorbis",)), (44_100, (b"xx",) * 200), serial=2)
    data = b"".join(long + last)
    assert len(data) > 4 << 20
    assert facts(data).duration == pytest.approx(91.0)


def test_an_empty_last_page_ends_the_stream() -> None:
    pages = stream(vorbis_head(44100, 2), (0, (b"\3vorbis",)), (44_100, (b"xx",) * 200))
    empty = page(serial=1, number=3, granule=88_200)
    assert len(empty) == 27
    assert facts(b"".join((*pages, empty))).duration == 2.0
