"""WAV and AVI: format tags, sizes that are stated or not, and every field of the headers."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest
from probing import RemoteSource, counted, facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mpeg import id3
from makers._riff import EXTENSIBLE, GUID, chunk, fmt, riff

from preflight.media import Media, Need
from preflight.probes import probe
from preflight.probes.avi import count_frame_chunks
from preflight.probes.avi_chunks import find_chunks
from preflight.sources.memory import MemorySource
from tests.rows import each_row

TAGS = {
    "pcm": [1, 3],
    "adpcm": [0x2, 0x10, 0x11, 0x14, 0x17, 0x20, 0x45, 0x61, 0x62, 0x64, 0x69, 0x200, 0x28F, 0x5346],
    "alaw": [6],
    "mulaw": [7, 0x6C75],
    "gsm_ms": [0x31, 0x32, 0x1500],
    "g723_1": [0x42, 0xA1],
    "mp2": [0x50],
    "mp3": [0x55],
    "ac3": [0x92, 0x2000],
    "aac": [0xFF, 0x1600, 0x1610],
    "wmav1": [0x160],
    "wmav2": [0x161],
    "wmapro": [0x162],
    "wmalossless": [0x163],
    "atrac3": [0x270],
    "dts": [0x2001],
    "vorbis": [0x566F, 0x674F, 0x6750, 0x6751, 0x676F, 0x6770, 0x6771],
    "opus": [0x704F],
    "speex": [0xA109],
    "flac": [0xF1AC],
}
"""RFC 2361 and the registry of Microsoft: `wFormatTag`."""


def wav(*parts: bytes, data: bytes = b"\x11" * 8000, order: str = "<") -> Media:
    word = b"RIFF" if order == "<" else b"RIFX"
    return facts(riff(*parts, chunk(b"data", data, order=order), word=word, order=order))


class TestFormat:
    def test_every_format_tag_is_named(self) -> None:
        known = {tag: name for name, tags in TAGS.items() for tag in tags}
        for tag in (*known, *(tag + 1 for tag in known), *(tag - 1 for tag in known), 0x4142):
            assert wav(fmt(tag)).audio_codec == known.get(tag), hex(tag)

    @each_row("order", ["<", ">"])
    @each_row(("rate", "channels"), [(0x01020304, 0x0506), (44100, 2)])
    def test_rate_and_channels_in_both_byte_orders(self, order: str, rate: int, channels: int) -> None:
        media = wav(fmt(1, rate, channels, 16, block=channels * 2 % 65536, average=1, order=order), order=order)
        assert (media.sample_rate, media.channels, media.audio_codec) == (rate, channels, "pcm")

    @each_row(
        ("bits", "block", "average", "frame"),
        [
            (8, 1, 8000, 1),
            (16, 2, 16000, 2),
            (24, 3, 24000, 3),
            (32, 4, 32000, 4),
            (16, 7, 16000, 2),  # whole bytes are believed
            (12, 2, 16000, 2),
            (12, 3, 24000, 3),  # as many are stored
            (12, 3, 0, 3),
            (12, 3, 16000, 2),  # the fields do not agree
            (12, 0, 16000, 2),
            (20, 4, 32000, 4),
            (1, 0, 0, 1),
            (0, 2, 16000, 2),
            (0, 2, 0, 2),
        ],
    )
    def test_bytes_of_a_sample(self, bits: int, block: int, average: int, frame: int) -> None:
        media = wav(fmt(1, 8000, 1, bits, block=block, average=average), data=b"\x11" * 24_000)
        assert (media.duration, media.bit_rate) == (24_000 // frame / 8000, frame * 8 * 8000)

    def test_without_bits_only_the_average_tells(self) -> None:
        media = wav(fmt(1, 8000, 1, 0, block=2, average=4000), data=b"\x11" * 8000)
        assert (media.duration, media.bit_rate) == (2.0, 32_000)
        assert wav(fmt(1, 8000, 1, 0, block=0, average=0)).duration is None

    @each_row("tag", [6, 7, 0x6C75])
    def test_logarithmic_codings_have_eight_bits(self, tag: int) -> None:
        assert wav(fmt(tag, 8000, 2, 0, block=0, average=0)).duration == 0.5

    def test_a_whole_number_of_samples_counts(self) -> None:
        assert wav(fmt(1, 8000, 2, 16), data=b"\x11" * 8003).duration == 2000 / 8000

    @each_row("tag", [0x2, 0x11, 0x31, 0x32, 0x61, 0x62, 0x69])
    @each_row(
        ("length", "fact", "samples"),
        [
            (1000, None, 5050),
            (1000, 5000, 5000),
            (1000, 4546, 4546),
            (1000, 4545, 5050),  # the last block has at least one sample
            (1000, 5050, 5050),
            (1000, 5051, 5050),
            (950, None, 4797),
            (950, 5050, 5050),
            (950, 4546, 4546),
        ],
    )
    def test_blocks_state_their_samples(self, tag: int, length: int, fact: int | None, samples: int) -> None:
        header = fmt(tag, 8000, 1, 4, block=100, average=4055, more=pack("<HH", 505, 7))
        parts = [header, chunk(b"fact", pack("<I", fact))] if fact is not None else [header]
        assert wav(*parts, data=b"\x11" * length).duration == samples / 8000

    @each_row(
        ("fact", "average", "seconds"),
        [
            (16_000, 8000, 2.0),
            (None, 4000, 2.0),
            (None, 0, None),
            (0, 4000, 2.0),
            (64, 4000, 0.008),  # 8 Mbit/s
            (63, 4000, 2.0),
            (1_024_000, 4000, 128.0),  # 500 bit/s
            (1_024_001, 4000, 2.0),
        ],
    )
    def test_a_fact_chunk_is_believed_where_its_bit_rate_is_possible(
        self, fact: int | None, average: int, seconds: float | None
    ) -> None:
        parts = [fmt(0x161, 8000, 1, 0, block=1, average=average)]
        parts += [chunk(b"fact", pack("<I", fact))] if fact is not None else []
        assert wav(*parts).duration == seconds

    @each_row(
        ("samples", "believed"), [(24_000, True), (12_000, True), (11_999, False), (48_000, True), (48_001, False)]
    )
    def test_frames_are_counted_where_fact_and_average_differ_by_more_than_a_factor_of_two(
        self, samples: int, believed: bool
    ) -> None:
        sound = bytes((0xFF, 0xFB, 0x90, 0xC0)).ljust(417, b"\0") * 20  # 128 kbit/s, 44.1 kHz
        header = fmt(0x55, 48_000, 1, 0, block=1, average=16_680)
        media = wav(header, chunk(b"fact", pack("<I", samples)), data=sound)
        assert media.duration == pytest.approx(samples / 48_000 if believed else 20 * 1152 / 44_100)

    def test_frames_are_counted_only_in_what_may_be_read(self) -> None:
        sound = bytes((0xFF, 0xFB, 0x90, 0xC0)).ljust(417, b"\0") * 20
        data = riff(fmt(0x55, 44_100, 1, 0, block=1, average=0), chunk(b"data", sound))
        for most, seconds in ((len(sound), pytest.approx(20 * 1152 / 44_100)), (len(sound) - 1, None)):
            assert probe(MemorySource(data), Need(max_bytes=most)).duration == seconds

    def test_a_rate_of_zero_leaves_the_duration_unknown(self) -> None:
        media = wav(fmt(1, 0, 1, 8, average=0))
        assert (media.duration, media.sample_rate, media.bit_rate) == (None, None, None)

    @each_row(
        ("guid", "codec"),
        [
            (b"\1\0" + GUID, "pcm"),
            (b"\x55\0" + GUID, "mp3"),
            (b"\3\0" + bytes.fromhex("00002107d3118644c8c1ca000000"), "pcm"),
            (bytes.fromhex("2c806de046dbcf11b4d100805f6cbbea"), "ac3"),
            (bytes.fromhex("af87fba7022dfb42a4d405cd93843bdd"), "eac3"),
            (bytes.fromhex("2b806de046dbcf11b4d100805f6cbbea"), "mp2"),
            (b"\1\0" + GUID[:-1] + b"\0", None),
        ],
    )
    def test_extended_formats_name_their_coding(self, guid: bytes, codec: str | None) -> None:
        assert wav(fmt(EXTENSIBLE, 8000, 1, 16, more=pack("<HI", 16, 4) + guid)).audio_codec == codec

    @each_row(("tag", "codec"), [(1, "pcm"), (0x55, "mp3")])
    def test_an_extended_format_may_have_the_other_byte_order(self, tag: int, codec: str) -> None:
        extension = pack(">HIH", 16, 4, tag) + GUID
        assert wav(fmt(EXTENSIBLE, 8000, 1, 16, more=extension, order=">"), order=">").audio_codec == codec

    @each_row("zeros", [0, 1, 30])
    @each_row(
        ("begin", "codec"),
        [
            (b"\x7f\xfe\x80\x01", "dts"),
            (b"\xfe\x7f\x01\x80", "dts"),
            (b"\x1f\xff\xe8\x00", "dts"),
            (b"\xff\x1f\x00\xe8", "dts"),
            (b"\x72\xf8\x1f\x4e", None),
            (b"\x72\xf8\x1f\x4f", "pcm"),
        ],
    )
    def test_coded_sound_that_is_labelled_pcm(self, begin: bytes, codec: str | None, zeros: int) -> None:
        assert wav(fmt(1, 44100, 2, 16), data=bytes(zeros) + begin + b"\x11" * 90).audio_codec == codec

    @each_row(("length", "note"), [(13, "bad_header"), (14, None)])
    def test_a_format_of_14_bytes_is_enough(self, length: int, note: str | None) -> None:
        short = chunk(b"fmt ", fmt(0x55, 8000, 1, 0, block=1, average=4000)[8 : 8 + length])
        media = wav(short)
        assert media.notes == ((note,) if note else ())
        assert media.audio_codec == (None if note else "mp3")


class TestSizes:
    HEAD = riff(fmt(1, 8000, 1, 8))

    def streamed(self, stated: int, there: int, *before: bytes, word: bytes = b"RIFF") -> Media:
        return facts(riff(*before, fmt(1, 8000, 1, 8), chunk(b"data", b"\x11" * there, stated), word=word))

    @each_row(
        ("stated", "seconds", "notes"),
        [
            (4000, 0.5, ()),
            (8000, 1.0, ()),
            (8001, 1.0, ("truncated",)),
            (0, 1.0, ()),
            (0x7FFFEFFF, 1.0, ("truncated",)),
            (0x7FFFF000, 1.0, ()),
            (0xFFFFFFFF, 1.0, ()),
        ],
    )
    def test_a_size_that_was_never_filled_in_reaches_to_the_end(
        self, stated: int, seconds: float, notes: tuple[str, ...]
    ) -> None:
        media = self.streamed(stated, 8000)
        assert (media.duration, media.notes) == (seconds, notes)

    @each_row("word", [b"RF64", b"BW64"])
    def test_a_size_of_64_bits_stands_in_a_chunk_of_its_own(self, word: bytes) -> None:
        ds64 = chunk(b"ds64", pack("<QQQI", 0x0707070707, 4000, 0x0707070707, 0))
        assert self.streamed(0xFFFFFFFF, 8000, ds64, word=word).duration == 0.5
        assert self.streamed(2000, 8000, ds64, word=word).duration == 0.25
        large = chunk(b"ds64", pack("<QQQI", 7, 0x0102030405, 7, 0))
        media = self.streamed(0xFFFFFFFF, 8000, large, word=word)
        assert (media.duration, media.notes) == (1.0, ("truncated",))

    def test_chunks_of_odd_length_are_padded_or_not(self) -> None:
        for pad in (True, False):
            odd = chunk(b"LIST", b"x" * 33, pad=pad)
            assert wav(odd, fmt(1, 8000, 1, 8)).duration == 1.0
        unknown = chunk(b"abcd", b"x" * 33)
        assert wav(unknown, fmt(1, 8000, 1, 8)).duration == 1.0

    def test_the_first_of_two_formats_counts(self) -> None:
        assert wav(fmt(1, 8000, 1, 8), fmt(1, 4000, 1, 8)).duration == 1.0

    def test_sound_without_a_format_or_a_format_without_sound(self) -> None:
        assert facts(riff(chunk(b"data", b"x" * 90))).notes == ("bad_header",)
        media = facts(riff(fmt(1, 8000, 1, 8)))
        assert (media.duration, media.notes, media.sample_rate) == (None, ("truncated",), 8000)

    @each_row(("count", "found"), [(128, True), (129, False)])
    def test_128_empty_chunks_are_skipped(self, count: int, found: bool) -> None:
        media = wav(chunk(b"JUNK", b"") * count, fmt(1, 8000, 1, 8))
        assert (media.duration == 1.0, media.notes == ("read_limit",)) == (found, not found)

    @each_row(("count", "found"), [(126, True), (127, False)])
    def test_over_http_128_chunks_are_looked_at(self, count: int, found: bool) -> None:
        data = riff(chunk(b"JUNK", b"xx") * count, fmt(1, 8000, 1, 8), chunk(b"data", b"\x11" * 8000))
        assert (probe(RemoteSource(data)).duration == 1.0) is found
        assert facts(data).duration == 1.0

    def test_a_tag_before_the_file_is_skipped(self) -> None:
        data = id3(padding=300) + riff(fmt(1, 8000, 1, 8), chunk(b"data", b"\x11" * 8000))
        assert facts(data).duration == 1.0

    def test_the_header_is_all_that_is_read(self) -> None:
        _, source = counted(riff(fmt(1, 8000, 1, 8), chunk(b"data", b"\x11" * 100_000)))
        assert source.distant == []


def avih(microseconds: int = 40_000, frames: int = 100, width: int = 320, height: int = 240) -> bytes:
    return chunk(b"avih", pack("<I12xI12xII16x", microseconds, frames, width, height))


def strh(kind: bytes = b"vids", scale: int = 1, rate: int = 25, length: int = 100, handler: bytes = b"XVID") -> bytes:
    return chunk(b"strh", pack("<4s4s12xIIIIIIIQ", kind, handler, scale, rate, 7, length, 7, 7, 7, 7))


def bitmap(width: int = 320, height: int = 240, code: bytes = b"XVID") -> bytes:
    return chunk(b"strf", pack("<IiiHH4sIiiII", 40, width, height, 1, 24, code, 0, 0, 0, 0, 0))


def waves(tag: int = 0x55, rate: int = 44100, channels: int = 2) -> bytes:
    return chunk(b"strf", pack("<HHIIHH", tag, channels, rate, 16000, 1, 0))


def listed(kind: bytes, *parts: bytes) -> bytes:
    return chunk(b"LIST", kind + b"".join(parts))


def avi(
    *streams: bytes,
    main: bytes | None = None,
    before: bytes = b"",
    odml: bytes = b"",
    behind: bytes = b"",
    riff_size: int | None = None,
) -> bytes:
    header = listed(b"hdrl", avih() if main is None else main, *(listed(b"strl", stream) for stream in streams), odml)
    body = b"AVI " + before + header + behind
    return b"RIFF" + pack("<I", len(body) if riff_size is None else riff_size) + body


FILM = strh() + bitmap()
VPRP = chunk(b"vprp", pack("<20xHH20x", 3, 4))
PICTURES = listed(b"movi", chunk(b"00dc", b"x" * 40) * 100)


class TestAvi:
    @each_row(("width", "height"), [(0x010203, 0x040506), (1, 1), (320, -240)])
    def test_size_is_that_of_the_bitmap_header(self, width: int, height: int) -> None:
        media = facts(avi(strh() + bitmap(width, height), behind=PICTURES))
        assert (media.width, media.height, media.stored_width) == (width, abs(height), width)
        assert media.rotation == 0

    def test_without_a_bitmap_header_the_main_header_states_the_size(self) -> None:
        media = facts(avi(strh(b"iavs"), main=avih(width=0x0102, height=0x0304), behind=PICTURES))
        assert (media.width, media.height, media.video_codec, media.audio_codec) == (0x0102, 0x0304, "dvvideo", None)
        short = chunk(b"strf", bitmap()[8 : 8 + 19])
        media = facts(avi(strh() + short, main=avih(width=0x0102, height=0x0304), behind=PICTURES))
        assert (media.width, media.video_codec) == (0x0102, None)

    @each_row(
        ("code", "handler", "codec"),
        [
            (b"H264", b"XVID", "h264"),
            (b"????", b"XVID", "mpeg4"),
            (b"????", b"????", None),
            (b"\0\0\0\0", b"XVID", "rawvideo"),
            (b"\1\0\0\0", b"XVID", "msrle"),
            (b"\2\0\0\0", b"XVID", "msrle"),
            (b"\3\0\0\0", b"XVID", "rawvideo"),
            (b"\4\0\0\0", b"XVID", "mpeg4"),
        ],
    )
    def test_codec_by_compression_and_then_by_handler(self, code: bytes, handler: bytes, codec: str | None) -> None:
        assert facts(avi(strh(handler=handler) + bitmap(code=code), behind=PICTURES)).video_codec == codec

    @each_row(("scale", "rate"), [(1001, 30_000), (1, 25), (0x01020304, 0x0A0B0C0D)])
    def test_rate_is_that_of_the_stream(self, scale: int, rate: int) -> None:
        media = facts(avi(strh(scale=scale, rate=rate) + bitmap(), behind=PICTURES))
        assert (media.fps, media.frames) == (rate / scale, 100)
        assert media.duration == pytest.approx(100 * scale / rate)

    def test_without_one_the_main_header_states_it(self) -> None:
        for stream in (strh(scale=0), strh(rate=0)):
            assert facts(avi(stream + bitmap(), main=avih(33_333), behind=PICTURES)).fps == 1e6 / 33_333
            media = facts(avi(stream + bitmap(), main=avih(0), behind=PICTURES))
            assert (media.fps, media.duration, media.frames) == (None, None, 100)

    @each_row(
        ("tag", "rate", "channels", "codec"),
        [(0x55, 44100, 2, "mp3"), (0x2000, 0x01020304, 0x0506, "ac3"), (1, 0, 0, "pcm")],
    )
    def test_sound_by_its_format(self, tag: int, rate: int, channels: int, codec: str) -> None:
        media = facts(avi(FILM, strh(b"auds") + waves(tag, rate, channels), behind=PICTURES))
        assert (media.audio_codec, media.sample_rate, media.channels) == (codec, rate or None, channels or None)
        cut = chunk(b"strf", waves()[8 : 8 + 13])
        assert facts(avi(FILM, strh(b"auds") + cut, behind=PICTURES)).audio_codec is None
        short = chunk(b"strf", waves()[8 : 8 + 14])
        assert facts(avi(FILM, strh(b"auds") + short, behind=PICTURES)).audio_codec == "mp3"

    def test_sound_alone_lasts_as_its_stream_states(self) -> None:
        media = facts(avi(strh(b"auds", 3, 100, 500) + waves(), behind=PICTURES))
        assert (media.kind, media.duration, media.video_codec) == ("audio", 15.0, "none")
        for fields in ({"scale": 0}, {"rate": 0}, {"length": 0}):
            assert facts(avi(strh(b"auds", **fields) + waves(), behind=PICTURES)).duration is None

    def test_a_silent_film_has_no_sound(self) -> None:
        assert facts(avi(FILM, behind=PICTURES)).audio_codec == "none"
        assert facts(avi(FILM, FILM, behind=PICTURES)).notes == ("multiple_video_tracks",)

    @each_row(("shape", "ratio"), [((3, 4), 4 * 240 / (3 * 320)), ((0, 4), None), ((3, 0), None)])
    def test_shape_of_the_picture_gives_the_pixel_ratio(self, shape: tuple[int, int], ratio: float | None) -> None:
        vprp = chunk(b"vprp", pack("<20xHH20x", *shape))
        assert facts(avi(FILM + vprp, behind=PICTURES)).pixel_aspect_ratio == ratio

    def test_chunks_may_end_with_the_last_field_that_is_needed(self) -> None:
        for missing, found in ((0, True), (1, False)):
            header, stream, shape = (
                chunk(whole[:4], whole[8 : 8 + length - missing])
                for whole, length in ((avih(33_333), 40), (strh(scale=1001, rate=30_000), 36), (VPRP, 24))
            )
            assert facts(avi(strh(scale=0) + bitmap(), main=header)).fps == (1e6 / 33_333 if found else None)
            assert facts(avi(stream + bitmap())).fps == (30_000 / 1001 if found else None)
            assert facts(avi(FILM + shape)).pixel_aspect_ratio == (1.0 if found else None)

    @each_row(("before", "found"), [(0, True), (63, True), (64, False)])
    def test_the_header_list_is_among_the_first_64_chunks(self, before: int, found: bool) -> None:
        media = facts(avi(FILM, before=chunk(b"JUNK", b"xxx") * before, behind=PICTURES))
        assert (media.width == 320, "read_limit" in media.notes) == (found, not found)

    @each_row(("behind", "picture"), [(0, "none"), (2048, None)])
    def test_only_a_whole_header_list_shows_that_there_is_no_picture(self, behind: int, picture: str | None) -> None:
        media = facts(avi(strh(b"auds") + waves() + chunk(b"JUNK", b"xx") * behind, behind=PICTURES))
        assert (media.kind, media.video_codec) == ("audio", picture)
        assert (media.notes == ("read_limit",)) is (picture is None)

    def test_a_file_that_ends_before_what_it_states_is_cut(self) -> None:
        whole = avi(FILM, behind=PICTURES)
        assert facts(whole).notes == ()
        assert facts(whole[:-1]).notes == ("truncated",)
        assert facts(whole[:60]).notes == ("truncated",)
        for size, notes in ((0x7FFFFFE7, ("truncated",)), (0x7FFFFFE8, ()), (0xFFFFFFFF, ())):
            assert facts(avi(FILM, behind=PICTURES, riff_size=size)).notes == notes

    def test_lengths_that_a_recorder_made_up_are_dropped(self) -> None:
        data = avi(strh(length=0x7FFFFFFF) + bitmap(), main=avih(frames=90), behind=PICTURES, riff_size=0xFFFFFFFF)
        assert facts(data).frames == 90

    def test_lengths_are_those_of_the_recorder_from_the_unknown_size_on(self) -> None:
        stream = strh(length=0x7FFFFFFF) + bitmap()
        for size, frames in ((0x7FFFFFE8, 90), (0x7FFFFFE7, 0x7FFFFFFF)):
            assert facts(avi(stream, main=avih(frames=90), behind=PICTURES, riff_size=size)).frames == frames

    def test_a_length_that_empty_chunks_could_have_is_kept(self) -> None:
        """The shortest chunk has 8 bytes."""
        for more, kept in ((0, True), (1, False)):
            count = len(avi(strh() + bitmap(), odml=listed(b"odml", chunk(b"dmlh", bytes(4))))) // 8 + more
            dmlh = chunk(b"dmlh", pack("<I", count))
            data = avi(strh(length=0) + bitmap(), main=avih(frames=0), odml=listed(b"odml", dmlh), riff_size=0xFFFFFFFF)
            assert facts(data).frames == (count if kept else None)

    def test_a_header_list_without_its_last_chunk_does_not_show_that_there_is_no_sound(self) -> None:
        whole = avi(FILM + chunk(b"JUNK", b""))
        assert facts(whole).audio_codec == "none"
        assert facts(whole[:-8]).audio_codec is None


def idx1(*names: bytes) -> bytes:
    return chunk(b"idx1", b"".join(name + pack("<III", 16, 4, 40) for name in names))


class TestFrameCounts:
    def film(
        self, length: int, main: int, entries: list[bytes] | None, *, odml: int | None = None, more: bytes = b""
    ) -> Media:
        parts = PICTURES + (idx1(*entries) if entries is not None else b"") + more
        extended = listed(b"odml", chunk(b"dmlh", pack("<I", odml).ljust(248, b"\x11"))) if odml is not None else b""
        return facts(avi(strh(length=length) + bitmap(), main=avih(frames=main), odml=extended, behind=parts))

    @each_row(
        ("length", "main", "entries", "frames", "notes"),
        [
            (100, 100, 100, 100, ()),
            (100, 98, 100, 100, ()),
            (100, 97, 100, 100, ("bad_header",)),
            (100, 97, 97, 97, ("bad_header",)),
            (102, 102, 100, 102, ()),
            (103, 103, 100, 100, ("bad_header",)),
            (103, 98, 101, 103, ("bad_header",)),
            (103, 98, 100, 98, ("bad_header",)),
            (100, 97, None, None, ("bad_header",)),
            (100, 0, None, 100, ()),
            (0, 100, None, 100, ()),
            (0, 0, 100, None, ()),
        ],
    )
    def test_headers_are_held_against_the_index(
        self, length: int, main: int, entries: int | None, frames: int | None, notes: tuple[str, ...]
    ) -> None:
        media = self.film(length, main, [b"00dc"] * entries if entries is not None else None)
        assert (media.frames, media.notes) == (frames, notes)

    def test_only_pictures_of_the_stream_count(self) -> None:
        others = [b"01wb", b"ix00", b"00pc", b"00tx", b"00wb", b"00ix", b"01dc"]
        media = self.film(300, 300, [b"00dc"] * 60 + [b"00db"] * 40 + others * 50)
        assert (media.frames, media.notes) == (300, ())  # the index has more entries than are stated
        media = self.film(600, 600, [b"00dc"] * 60 + [b"00db"] * 40 + others * 50)
        assert (media.frames, media.notes) == (100, ("bad_header",))

    def test_an_extended_file_counts_all_its_parts(self) -> None:
        assert self.film(100, 50, None, odml=100).frames == 100
        assert self.film(100, 50, None, odml=120).frames == 120
        assert self.film(100, 100, [b"00dc"] * 100, odml=0).frames == 100

    def test_an_index_of_one_part_is_not_believed(self) -> None:
        second = b"RIFF" + pack("<I", 4) + b"AVIX"
        media = self.film(200, 200, [b"00dc"] * 100, more=second)
        assert (media.frames, media.notes) == (200, ())

    @each_row(("between", "found"), [(14, True), (15, False)])
    def test_the_index_is_among_16_chunks_after_the_header_list(self, between: int, found: bool) -> None:
        index = chunk(b"JUNK", b"xx") * between + idx1(*[b"00dc"] * 90)
        assert self.film(100, 90, None, more=index).frames == (90 if found else None)
        assert self.film(100, 80, None, more=index).frames == (90 if found else None)

    @each_row(("entries", "read"), [(1 << 18, True), ((1 << 18) + 1, False)])
    def test_an_index_of_more_than_4_mib_is_not_read(self, entries: int, read: bool) -> None:
        index = chunk(b"idx1", (b"00dc" + bytes(12)) * 90 + bytes((entries - 90) * 16))
        assert self.film(100, 80, None, more=index).frames == (90 if read else None)

    def test_more_frames_than_the_file_can_hold_are_not_believed(self) -> None:
        media = self.film(1 << 30, 100, None)
        assert (media.frames, media.notes) == (100, ("bad_header",))


class TestCountedPictures:
    def test_pictures_of_the_first_stream_are_counted(self) -> None:
        movi = (
            chunk(b"00dc", b"xxx") * 5 + chunk(b"00db", b"xx") * 2 + chunk(b"01dc", b"x") * 9 + chunk(b"01wb", b"x") * 9
        )
        assert count_frame_chunks(MemorySource(avi(FILM, behind=listed(b"movi", movi)))) == 7

    def test_lists_of_records_and_further_parts_are_walked(self) -> None:
        record = listed(b"rec ", chunk(b"00dc", b"xxx"), chunk(b"01wb", b"xx"))
        second = b"RIFF" + pack("<I", 4) + b"AVIX" + listed(b"movi", chunk(b"00dc", b"x") * 3)
        assert count_frame_chunks(MemorySource(avi(FILM, behind=listed(b"movi", record * 4) + second))) == 7

    @each_row("kind", [b"INFO", b"hdrl", b"odml"])
    def test_other_lists_are_skipped(self, kind: bytes) -> None:
        inside = listed(kind, chunk(b"00dc", b"x"))
        assert count_frame_chunks(MemorySource(avi(FILM, behind=inside + listed(b"movi", chunk(b"00dc", b"x"))))) == 1

    def test_without_pictures_there_is_no_count(self) -> None:
        assert count_frame_chunks(MemorySource(avi(FILM, behind=listed(b"movi", chunk(b"01wb", b"x"))))) is None
        assert count_frame_chunks(MemorySource(avi(FILM, behind=listed(b"movi", chunk(b"xxdc", b"x"))))) is None

    def test_an_empty_chunk_at_the_end_is_a_repeated_frame(self) -> None:
        assert (
            count_frame_chunks(
                MemorySource(avi(FILM, behind=listed(b"movi", chunk(b"00dc", b"xx"), chunk(b"00dc", b""))))
            )
            == 2
        )


@each_row(("before", "anywhere", "found"), [(0, False, True), (2, False, False), (2, True, True)])
def test_chunks_of_a_remote_file_are_found_in_its_first_response(before: int, anywhere: bool, found: bool) -> None:
    data = chunk(b"JUNK", bytes(32_748 + before)) + chunk(b"LIST", b"movi") + chunk(b"idx1", bytes(32))
    chunks = find_chunks(MemorySource(data), 0, anywhere=anywhere)
    assert chunks.movi == (32_768 + before if found else None)
    assert chunks.entries == ((32_768 + before + 8, 2) if anywhere else None)
