"""Elementary stream descriptors: which codec they name, and what an AudioSpecificConfig says of rate and channels."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from probing import facts

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from makers._mp4 import blank, esds, full, movie, picture_entry, sound, sound_entry

from preflight.probes.aac_config import CONFIG_BYTES, BitReader
from tests.rows import each_row

RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350]
"""ISO/IEC 14496-3 table 1.18."""
CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}
"""ISO/IEC 14496-3 table 1.19, ISO/IEC 23001-8 table 8."""
STATED = (16001, 9)
"""Rate and channels of the sample entry, which no configuration has."""

Fields = list[tuple[int, int]]


def packed(fields: Fields) -> bytes:
    """Values of so many bits each, filled up to whole bytes and to at least four of them."""
    text = "".join(f"{value:0{width}b}" for value, width in fields if width)
    text = text.ljust(max(32, -(-len(text) // 8) * 8), "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


def heard(config: bytes) -> tuple[str | None, int | None, int | None]:
    """Codec, rate and channels of a film whose sound has this AudioSpecificConfig."""
    media = facts(movie(sound(entry=sound_entry(b"mp4a", *STATED, esds(0x40, config)))))
    return media.audio_codec, media.sample_rate, media.channels


def core(rate: int = 4, layout: int = 1, profile: int = 2) -> Fields:
    return [(profile, 5), (rate, 4), (layout, 4)]


PLAIN: Fields = [(0, 1), (0, 1), (0, 1)]
"""GASpecificConfig: frames of 1024 samples, no core coder, no extension."""


@each_row(("index", "rate"), list(enumerate(RATES)))
def test_rate_is_named_by_its_index(index: int, rate: int) -> None:
    assert heard(packed(core(index) + PLAIN)) == ("aac", rate, 1)


@each_row("index", [13, 14])
def test_reserved_rate_leaves_that_of_the_sample_entry(index: int) -> None:
    assert heard(packed(core(index) + PLAIN)) == ("aac", STATED[0], 1)


@each_row(("rate", "read"), [(1, 1), (44056, 44056), (0xABCDEF, 0xABCDEF), (0, STATED[0])])
def test_rate_may_be_written_out(rate: int, read: int) -> None:
    assert heard(packed([(2, 5), (15, 4), (rate, 24), (2, 4), *PLAIN])) == ("aac", read, 2)


@each_row("layout", range(1, 16))
def test_channels_are_named_by_their_layout(layout: int) -> None:
    assert heard(packed(core(3, layout) + PLAIN)) == ("aac", 48000, CHANNELS.get(layout, STATED[1]))


@each_row(("layout", "channels"), [(1, 1), (2, 2), (6, 6)])
def test_openly_stated_band_replication_has_a_rate_of_its_own(layout: int, channels: int) -> None:
    assert heard(packed([*core(7, layout, 5), (4, 4), (2, 5), *PLAIN])) == ("aac", 44100, channels)
    assert heard(packed([*core(7, layout, 5), (14, 4), (2, 5), *PLAIN])) == ("aac", 22050, channels)


@each_row(("present", "channels"), [(0, 1), (1, 2)])
def test_a_compatible_extension_says_whether_there_is_parametric_stereo(present: int, channels: int) -> None:
    extension = [(0x2B7, 11), (5, 5), (1, 1), (4, 4), (0x548, 11), (present, 1), (1, 1)]
    assert heard(packed([*core(7), *PLAIN, *extension])) == ("aac", 44100, channels)


def test_a_configuration_is_read_up_to_its_last_bit() -> None:
    bits = BitReader(b"\xff" * CONFIG_BYTES)
    assert bits.take(255) == (1 << 255) - 1
    assert (bits.take(1), bits.take(1)) == (1, 0)


@each_row(("layout", "channels"), [(1, 2), (2, 2), (3, 3)])
def test_parametric_stereo_makes_two_channels_of_one(layout: int, channels: int) -> None:
    assert heard(packed([*core(7, layout, 29), (4, 4), (2, 5), *PLAIN])) == ("aac", 44100, channels)


@each_row(
    ("profile", "codec"),
    [
        (32, "mp1"),
        (33, "mp2"),
        (34, "mp3"),
        (35, "aac"),
        (36, "mp4als"),
        (37, "mp4sls"),
        (38, "mp4sls"),
        (39, "aac"),
        (42, "xhe_aac"),
    ],
)
def test_profiles_above_31_are_written_with_six_more_bits(profile: int, codec: str) -> None:
    assert heard(packed([(31, 5), (profile - 32, 6), (4, 4), (2, 4)])) == (codec, 44100, 2)


class TestExtensionBehindTheCore:
    """Band replication and parametric stereo that old decoders do not see (1.6.5.2)."""

    @staticmethod
    def extended(
        sync: int = 0x2B7,
        profile: int = 5,
        present: int = 1,
        rate: int = 4,
        stereo: Fields | None = None,
        layout: int = 1,
        general: Fields | None = None,
    ) -> tuple[int | None, int | None]:
        behind = [(sync, 11), (profile, 5), (present, 1), (rate, 4)]
        stereo = [(0x548, 11), (0, 1)] if stereo is None else stereo
        general = PLAIN if general is None else general
        return heard(packed([*core(7, layout), *general, *behind, *stereo]))[1:]

    def test_it_doubles_the_rate(self) -> None:
        assert self.extended() == (44100, 1)

    def test_it_is_found_behind_the_delay_of_a_core_coder(self) -> None:
        assert self.extended(general=[(0, 1), (1, 1), (0x1ABC, 14), (0, 1)]) == (44100, 1)

    def test_its_rate_may_be_reserved(self) -> None:
        assert self.extended(rate=13) == (22050, 1)

    @each_row("other", [{"sync": 0x2B6}, {"profile": 6}, {"present": 0}])
    def test_anything_else_in_its_place_is_not_taken_for_it(self, other: dict[str, int]) -> None:
        assert self.extended(**other) == (22050, 1)

    def test_an_extension_of_the_core_is_not_followed(self) -> None:
        assert self.extended(general=[(0, 1), (0, 1), (1, 1)]) == (22050, 1)

    def test_parametric_stereo_makes_two_channels_of_one(self) -> None:
        assert self.extended(stereo=[(0x548, 11), (1, 1)]) == (44100, 2)
        assert self.extended(stereo=[(0x548, 11), (1, 1)], layout=3) == (44100, 3)
        assert self.extended(stereo=[(0x549, 11), (1, 1)]) == (44100, 1)
        assert self.extended(stereo=[(0x548, 11), (0, 1)]) == (44100, 1)

    def test_profiles_without_general_audio_have_none(self) -> None:
        behind = [(0x2B7, 11), (5, 5), (1, 1), (4, 4)]
        assert heard(packed([*core(7, 1, 8), *PLAIN, *behind]))[1] == 22050
        for profile in (1, 2, 3, 4, 6, 7):
            assert heard(packed([*core(7, 1, profile), *PLAIN, *behind]))[1] == 44100


element = st.tuples(st.integers(0, 1), st.integers(0, 15))


@given(
    st.tuples(*(st.lists(element, max_size=5) for _ in range(3))),
    st.integers(0, 3),
    st.tuples(*(st.booleans() for _ in range(4))),
    st.tuples(*(st.integers(0, 15) for _ in range(5))),
)
def test_own_layouts_are_counted(
    groups: tuple[list[tuple[int, int]], ...], low: int, flags: tuple[bool, ...], noise: tuple[int, ...]
) -> None:
    """Single elements have a channel, pairs two; the low-frequency ones come on top (4.4.1.1)."""
    delay, mono, stereo, matrix = flags
    fields = [*core(3, 0), (0, 1), (delay, 1), (0x2AAA, 14 if delay else 0), (noise[0] & 1, 1)]
    fields += [(noise[1], 4), (noise[2] & 3, 2), (noise[3], 4)]
    fields += [*((len(group), 4) for group in groups), (low, 2), (0, 3), (0, 4)]
    fields += [(mono, 1), (noise[4], 4 if mono else 0), (stereo, 1), (noise[1], 4 if stereo else 0)]
    fields += [(matrix, 1), (noise[2] & 7, 3 if matrix else 0)]
    fields += [field for group in groups for pair, tag in group for field in ((pair, 1), (tag, 4))]
    channels = low + sum(1 + pair for group in groups for pair, _ in group)
    assert heard(packed(fields)) == ("aac", 48000, channels or STATED[1])


@each_row("config", [b"", b"\x12"])
def test_a_configuration_too_short_to_say_anything_is_not_read(config: bytes) -> None:
    assert heard(config) == ("aac", *STATED)


@each_row(
    ("kinds", "codec"),
    [
        ([0x40, 0x66, 0x67, 0x68], "aac"),
        ([0x69, 0x6B], "mp3"),
        ([0xA0], "evrc"),
        ([0xA1], "smv"),
        ([0xA5], "ac3"),
        ([0xA6], "eac3"),
        ([0xA9, 0xAA, 0xAB, 0xAC], "dts"),
        ([0xAD], "opus"),
        ([0xAE], "ac4"),
        ([0xDD], "vorbis"),
        ([0xE1], "qcelp"),
        ([0x3F, 0x41, 0x65, 0x6A, 0x6C, 0xA2, 0xA8, 0xAF, 0xDE], None),
    ],
)
def test_object_types_of_sound(kinds: list[int], codec: str | None) -> None:
    for kind in kinds:
        assert facts(movie(sound(entry=sound_entry(b"mp4a", *STATED, esds(kind))))).audio_codec == codec


@each_row(
    ("kinds", "codec"),
    [
        ([0x20, 0x1F, 0x22, 0x24, 0x5F, 0x66, 0x6B], "mpeg4"),
        ([0x21], "h264"),
        ([0x23], "hevc"),
        ([0x60, 0x61, 0x62, 0x63, 0x64, 0x65], "mpeg2video"),
        ([0x6A], "mpeg1video"),
        ([0x6C], "mjpeg"),
        ([0x6D], "png"),
        ([0x6E], "jpeg2000"),
        ([0xA3], "vc1"),
        ([0xB1], "vp9"),
    ],
)
def test_object_types_of_pictures(kinds: list[int], codec: str) -> None:
    for kind in kinds:
        entry = picture_entry(b"mp4v", (854, 480), esds(kind))
        assert facts(movie(blank(entry=entry))).video_codec == codec


class TestDescriptors:
    """ISO/IEC 14496-1 7.2.6: sizes of up to four bytes, and optional fields before the decoder's description."""

    CONFIG = packed(core(3, 2) + PLAIN)

    @staticmethod
    def sized(tag: int, body: bytes, width: int) -> bytes:
        parts = [len(body) >> 7 * place & 0x7F for place in reversed(range(width))]
        return bytes((tag, *(part | 0x80 for part in parts[:-1]), parts[-1])) + body

    def entry(self, flags: int = 0, optional: bytes = b"", width: int = 1, padding: int = 0) -> bytes:
        specific = self.sized(5, self.CONFIG + bytes(padding), width)
        decoder = self.sized(4, pack(">BB3xII", 0x40, 0x15, 64000, 64000) + specific, width)
        stream = self.sized(3, pack(">HB", 1, flags) + optional + decoder, width)
        return sound_entry(b"mp4a", *STATED, full(b"esds", 0, 0, stream))

    def read(self, entry: bytes) -> tuple[int | None, int | None]:
        media = facts(movie(sound(entry=entry)))
        return media.sample_rate, media.channels

    @each_row("width", [1, 2, 3, 4])
    def test_sizes_may_be_padded(self, width: int) -> None:
        assert self.read(self.entry(width=width)) == (48000, 2)

    def test_a_size_of_two_bytes_is_read(self) -> None:
        assert self.read(self.entry(width=2, padding=300)) == (48000, 2)

    @each_row(
        ("flags", "optional"),
        [
            (0x80, b"\4\4"),
            (0x40, b"\3\4\4\4"),
            (0x20, b"\4\4"),
            (0xE0, b"\4\4" + b"\2\4\4" + b"\4\4"),
            (0x1F, b""),
        ],
    )
    def test_optional_fields_are_skipped(self, flags: int, optional: bytes) -> None:
        assert self.read(self.entry(flags, optional)) == (48000, 2)

    @each_row("cut", range(4, 60))
    def test_a_cut_descriptor_gives_what_is_there(self, cut: int) -> None:
        whole = self.entry()
        at = whole.index(b"esds") - 4
        body = whole[at + 8 : at + 8 + cut]
        entry = sound_entry(b"mp4a", *STATED, pack(">I4s", 8 + len(body), b"esds") + body)
        media = facts(movie(sound(entry=entry)))
        # The configuration begins behind 4 + 2 + 3 + 2 + 13 + 2 bytes, and two bytes of it name rate and channels.
        there = (48000, 2) if len(body) >= 28 else STATED
        assert ((media.sample_rate, media.channels), media.audio_codec) == (there, "aac")
