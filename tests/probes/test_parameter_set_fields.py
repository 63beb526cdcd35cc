"""Test each field of parameter sets: what precedes the color has to be skipped to the bit, or another color is read."""

from __future__ import annotations

import pytest

from preflight.probes.parameter_sets import av1, fixed, frames, h264, hevc, mpeg2, mpeg4, vp9, vvc
from preflight.probes.parameter_sets.bits import Bits, color_description, payload
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters
from tests.probes.packing import packed
from tests.rows import each_row

END = "end of the parameter set|substring not found|not an Exp-Golomb code"
Fields = tuple[tuple[int, int] | int, ...]
OFF, ON = (0, 1), (1, 1)
COLOR: Fields = ((9, 8), (16, 8), (9, 8))
GBR: Fields = ((9, 8), (16, 8), (0, 8))
PQ = ("bt2020", "smpte2084", False)
VUI: Fields = (OFF, OFF, ON, (5, 3), OFF, ON, *COLOR)


def color_of(found: VideoParameters) -> tuple[str | None, str | None, bool | None]:
    return found.primaries, found.transfer, found.is_identity


# --- bits


def test_bits_end_with_the_last_byte() -> None:
    bits = Bits(b"\xa5")
    assert (bits.take(4), bits.flag(), bits.flag(), bits.take(2)) == (10, False, True, 1)
    for read in (bits.flag, lambda: bits.take(1), bits.code, lambda: bits.skip_codes(1)):
        with pytest.raises(ValueError, match=END):
            read()
    assert Bits(b"\xa5").take(8) == 0xA5
    with pytest.raises(ValueError, match=END):
        Bits(b"\xa5").take(9)


def test_at_most_1024_bytes_are_read() -> None:
    bits = Bits(bytes(1023) + b"\1\xff")
    bits.skip(8 * 1024 - 1)
    assert bits.flag()
    with pytest.raises(ValueError, match=END):
        bits.flag()
    assert len(payload(bytes(1023) + b"\1\xff", 2)) == 1022


@each_row("value", [0, 1, 2, 3, 254, 255, (1 << 32) - 2])
def test_codes_are_read(value: int) -> None:
    bits = Bits(packed(value, (5, 3)))
    assert (bits.code(), bits.take(3)) == (value, 5)
    bits = Bits(packed(value, 1, (5, 3)))
    bits.skip_codes(2)
    assert bits.take(3) == 5


def test_codes_of_33_zeros_and_cut_codes_are_refused() -> None:
    assert Bits(packed((0, 32), (1, 1), (0, 32))).code() == (1 << 32) - 1
    assert Bits(b"\x08\x80").code() == 16
    for data in (packed((0, 33), (1, 1), (0, 33)), b"\x08"):
        with pytest.raises(ValueError, match=END):
            Bits(data).code()
    assert Bits(b"\x10").code() == 7
    whole = Bits(b"\x08")
    whole.skip(1)
    assert whole.code() == 7


@each_row(("code", "value"), [(0, 0), (1, 1), (2, -1), (3, 2), (4, -2), (16, -8)])
def test_signed_codes_alternate(code: int, value: int) -> None:
    assert Bits(packed(code)).signed_code() == value


def test_payload_has_no_header_and_no_emulation_prevention() -> None:
    assert payload(b"\x67\x64\0\0\3\1\0\0\3\0\0\3", 2) == b"\0\0\1\0\0\0\0"


@each_row(
    ("fields", "color"),
    [
        (VUI, (9, 16, 9)),
        ((ON, (1, 8), *VUI[1:]), (9, 16, 9)),
        ((ON, (255, 8), (3, 16), (4, 16), *VUI[1:]), (9, 16, 9)),
        ((OFF, ON, OFF, *VUI[2:]), (9, 16, 9)),
        ((OFF, ON, ON, *VUI[2:]), (9, 16, 9)),
        ((OFF, OFF, OFF, (255, 8), (255, 8), (255, 8), (255, 8)), None),
        ((OFF, OFF, ON, (5, 3), ON, OFF, (255, 8), (255, 8), (255, 8)), None),
    ],
)
def test_color_is_behind_aspect_ratio_and_overscan(fields: Fields, color: tuple[int, int, int] | None) -> None:
    assert color_description(Bits(packed(*fields))) == color


@each_row(
    ("parameters", "model"),
    [
        (VideoParameters(), None),
        (VideoParameters(chroma="4:0:0", is_identity=False), "gray"),
        (VideoParameters(chroma="4:4:4", is_identity=True), "rgb"),
        (VideoParameters(is_identity=True), "rgb"),
        (VideoParameters(is_identity=False), "ycbcr"),
        (VideoParameters(chroma="4:2:0"), "ycbcr"),
    ],
)
def test_components_are_ycbcr_unless_stated(parameters: VideoParameters, model: str | None) -> None:
    assert parameters.color_model == model


# --- H.264


@each_row(
    ("profile", "constraints", "name"),
    [
        (44, 0, "cavlc 4:4:4"), (66, 0, "baseline"), (66, 0x40, "constrained baseline"), (66, 0x20, "baseline"),
        (77, 0x40, "main"), (88, 0, "extended"), (100, 0, "high"), (100, 0x10, "high"), (110, 0, "high 10"),
        (110, 0x10, "high 10 intra"), (110, 0x20, "high 10"), (118, 0, "multiview high"), (122, 0, "high 4:2:2"),
        (122, 0x10, "high 4:2:2 intra"), (128, 0, "stereo high"), (144, 0, "high 4:4:4"),
        (244, 0, "high 4:4:4 predictive"), (244, 0x10, "high 4:4:4 intra"), (67, 0x40, None), (65, 0x40, None),
        (66, 1, "baseline"), (110, 1, "high 10"),
    ],
)  # fmt: skip
def test_profiles_of_h264_have_the_names_of_ffprobe(profile: int, constraints: int, name: str | None) -> None:
    assert h264.read_avcc(bytes((1, profile, constraints, 31))).profile == name


@each_row(("code", "level"), [(0, None), (9, 1.0), (10, 1.0), (11, 1.1), (8, 0.8), (31, 3.1), (52, 5.2)])
def test_levels_of_h264_are_tenths(code: int, level: float | None) -> None:
    assert h264.read_avcc(bytes((1, 100, 0, code))).level == level


def h264_sps(profile: int, *fields: tuple[int, int] | int) -> bytes:
    return bytes((0x67, profile, 0, 31)) + packed(*fields)


H264_TAIL: Fields = (4, OFF, 19, 14, ON, OFF, OFF, ON, *VUI)
SPATIAL: Fields = (2, 2, 2, OFF, OFF)
ORDER: Fields = (0, 0, 0)


@each_row("profile", [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244])
def test_high_profiles_of_h264_state_their_sample_format(profile: int) -> None:
    found = h264.read_sps(h264_sps(profile, 0, *SPATIAL, *ORDER, *H264_TAIL))
    assert (found.chroma, found.bit_depth, color_of(found)) == ("4:2:2", 10, PQ)


@each_row("profile", [66, 77, 88])
def test_other_profiles_of_h264_have_8_bits(profile: int) -> None:
    found = h264.read_sps(h264_sps(profile, 0, *ORDER, *H264_TAIL))
    assert (found.chroma, found.bit_depth, color_of(found)) == ("4:2:0", 8, PQ)


FULL_16: Fields = (ON, *(0,) * 16)
FULL_64: Fields = (ON, *(0,) * 64)


@each_row(
    ("fields", "chroma", "depth"),
    [
        ((0, 0, 0, OFF, OFF), "4:0:0", 8),
        ((1, 6, 0, ON, OFF), "4:2:0", 14),
        ((3, OFF, 0, 0, OFF, OFF), "4:4:4", 8),
        ((1, 0, 0, OFF, ON, *(OFF,) * 8), "4:2:0", 8),
        ((3, OFF, 0, 0, OFF, ON, *(OFF,) * 12), "4:4:4", 8),
        ((1, 0, 0, OFF, ON, *(OFF,) * 5, *FULL_16, *FULL_64, OFF), "4:2:0", 8),
        ((1, 0, 0, OFF, ON, *(OFF,) * 6, ON, 1, 1, 20, OFF), "4:2:0", 8),
        ((1, 0, 0, OFF, ON, ON, 16, *(OFF,) * 7), "4:2:0", 8),
        ((1, 0, 0, OFF, ON, ON, 1, 18, *(OFF,) * 7), "4:2:0", 8),
        ((3, OFF, 0, 0, OFF, ON, *(OFF,) * 11, ON, 16), "4:4:4", 8),
        ((1, 0, 0, OFF, ON, ON, 495, *(OFF,) * 7), "4:2:0", 8),
    ],
)
def test_sample_format_and_scaling_lists_of_h264(fields: Fields, chroma: str, depth: int) -> None:
    found = h264.read_sps(h264_sps(100, 0, *fields, *ORDER, *H264_TAIL))
    assert (found.chroma, found.bit_depth, color_of(found), found.states_color) == (chroma, depth, PQ, True)


@each_row("fields", [(1, 7, 0, OFF, OFF), (4, 0, 0, OFF, OFF)])
def test_impossible_sample_format_of_h264_states_profile_and_level(fields: Fields) -> None:
    found = h264.read_sps(h264_sps(100, 0, *fields, *ORDER, *H264_TAIL))
    assert found == VideoParameters("high", 3.1, states_color=False)


@each_row(
    "fields",
    [
        (3, 0, 4),
        (3, 2),
        (3, 1, OFF, 4, 4, 0),
        (3, 1, ON, 0, 0, 3, 1, 2, 3),
        (3, 1, ON, 0, 0, 255, *(0,) * 255),
    ],
)
def test_order_of_pictures_of_h264_is_skipped(fields: Fields) -> None:
    assert color_of(h264.read_sps(h264_sps(77, 0, *fields, *H264_TAIL))) == PQ


def test_no_more_than_255_frames_are_in_a_cycle_of_h264() -> None:
    assert color_of(h264.read_sps(h264_sps(77, 0, 3, 1, ON, 0, 0, 256, *(0,) * 256, *H264_TAIL))) != PQ


@each_row(
    ("fields", "scan", "color"),
    [
        ((4, ON, 19, 14, ON, ON, OFF, ON, *VUI), "progressive", PQ),
        ((4, OFF, 19, 14, OFF, OFF, ON, OFF, ON, *VUI), "interlaced", PQ),
        ((4, OFF, 19, 14, ON, ON, ON, 0, 1, 2, 3, ON, *VUI), "progressive", PQ),
        ((4, OFF, 19, 14, ON, ON, OFF, OFF, *VUI), "progressive", (None, None, None)),
    ],
)
def test_fields_and_cropping_of_h264(fields: Fields, scan: str, color: tuple[object, ...]) -> None:
    found = h264.read_sps(h264_sps(77, 0, *ORDER, *fields))
    assert (found.scan, color_of(found), found.states_color) == (scan, color, True)


def test_cut_records_of_h264_give_what_they_have() -> None:
    unit = h264_sps(77, 0, *ORDER, *H264_TAIL)
    record = b"\1\x64\0\x1f\xff\xe1" + len(unit).to_bytes(2) + unit
    assert h264.read_avcc(record).profile == "main"
    assert h264.read_avcc(record[:6] + b"\1\0" + unit.ljust(256, b"\xff")).profile == "main"
    assert h264.read_avcc(record[:6] + b"\0\4" + unit) == VideoParameters("main", 3.1, states_color=False)
    assert h264.read_avcc(record[:5] + b"\xe0" + record[6:]) == VideoParameters("high", 3.1, states_color=False)
    assert h264.read_avcc(record[:13]) == VideoParameters("main", 3.1, 8, "4:2:0", states_color=False)
    assert h264.read_avcc(record[:8]) == NOTHING
    assert h264.read_avcc(record[:7]) == VideoParameters("high", 3.1, states_color=False)
    assert h264.read_avcc(record[:4]) == VideoParameters("high", 3.1, states_color=False)
    assert h264.read_avcc(record[:3]) == NOTHING
    assert h264.read_sps(unit[:4]) == VideoParameters("main", 3.1, states_color=False)
    assert h264.read_sps(unit[:3]) == NOTHING


# --- HEVC


HEVC_SIZE: Fields = (1, 320, 240, OFF, 2, 2)
HEVC_BLOCKS: Fields = (4, OFF, 4, 0, 0, *(0,) * 6)
HEVC_PLAIN: Fields = (*HEVC_BLOCKS, OFF, (0, 2), OFF)
HEVC_TAIL: Fields = (OFF, (0, 2), ON, *VUI, OFF, OFF, OFF)


def hevc_sps(
    *fields: tuple[int, int] | int, profile: int = 2, source: int = 0x90, level: int = 93, sub: int = 0
) -> bytes:
    return b"\x42\x01" + bytes((sub << 1 | 1, profile, 0x20, 0, 0, 0, source, 0, 0, 0, 0, 0, level)) + packed(*fields)


@each_row(
    ("profile", "name"),
    [
        (0, None), (1, "main"), (2, "main 10"), (3, "main still picture"), (4, "rext"), (5, "high throughput"),
        (6, "multiview main"), (7, "scalable main"), (8, "3d main"), (9, "scc"), (10, None), (0x22, "main 10"),
        (0xC1, "main"), (0x12, None),
    ],
)  # fmt: skip
def test_profiles_of_hevc_have_the_names_of_ffprobe(profile: int, name: str | None) -> None:
    assert hevc.read_sps(hevc_sps(0, profile=profile)).profile == name


@each_row(("code", "level"), [(0, None), (30, 1.0), (63, 2.1), (64, 2.1), (93, 3.1), (186, 6.2)])
def test_levels_of_hevc_are_thirtieths(code: int, level: float | None) -> None:
    assert hevc.read_sps(hevc_sps(0, level=code)).level == level


@each_row(
    ("source", "scan"),
    [(0x40, "interlaced"), (0x41, "interlaced"), (0x80, "progressive"), (0xC0, "progressive"), (0, "progressive")],
)
def test_source_flags_of_hevc_tell_the_scan(source: int, scan: str) -> None:
    assert hevc.read_sps(hevc_sps(0, source=source)).scan == scan


@each_row(
    ("fields", "chroma", "depth"),
    [
        ((0, 320, 240, OFF, 0, 0), "4:0:0", 8),
        ((1, 320, 240, ON, 0, 1, 2, 3, 2, 2), "4:2:0", 10),
        ((2, 320, 240, OFF, 4, 4), "4:2:2", 12),
        ((3, OFF, 320, 240, OFF, 8, 8), "4:4:4", 16),
    ],
)
def test_sample_format_of_hevc(fields: Fields, chroma: str, depth: int) -> None:
    unit = hevc_sps(0, *fields, *HEVC_PLAIN, 0, *HEVC_TAIL)
    found = hevc.read_sps(unit)
    assert (found.chroma, found.bit_depth, color_of(found), found.states_color) == (chroma, depth, PQ, True)
    without = hevc.read_sps(unit, with_color=False)
    assert (without.chroma, without.bit_depth, without.primaries, without.states_color) == (chroma, depth, None, False)


@each_row("fields", [(1, 320, 240, OFF, 9, 0), (4, 320, 240, OFF, 0, 0)])
def test_impossible_sample_format_of_hevc_states_profile_and_level(fields: Fields) -> None:
    found = hevc.read_sps(hevc_sps(0, *fields, *HEVC_PLAIN, 0, *HEVC_TAIL))
    assert found == VideoParameters("main 10", 3.1, scan="progressive", states_color=False)


NO_LIST: Fields = (OFF, 0)
FULL_LISTS: Fields = (
    *(ON, *(0,) * 16) * 6,
    *(ON, *(0,) * 64) * 6,
    *(ON, *(0,) * 65) * 6,
    *(ON, *(0,) * 65) * 2,
)


@each_row(
    "fields",
    [
        (*HEVC_PLAIN, 0),
        (4, ON, 4, 0, 0, *(0,) * 6, OFF, (3, 2), OFF, 0),
        (*HEVC_BLOCKS, ON, OFF, (0, 2), OFF, 0),
        (*HEVC_BLOCKS, ON, ON, *NO_LIST * 20, (0, 2), OFF, 0),
        (*HEVC_BLOCKS, ON, ON, *FULL_LISTS, (0, 2), OFF, 0),
        (*HEVC_BLOCKS, OFF, (0, 2), ON, (0xFF, 8), 1, 2, ON, 0),
        (*HEVC_PLAIN, 1, 1, 1, 3, ON, 3, OFF),
        (*HEVC_PLAIN, 2, 1, 0, 3, ON, OFF, 0, 1, 3, OFF),
        (*HEVC_PLAIN, 2, 1, 0, 3, ON, ON, ON, 5, OFF, OFF, ON),
        (*HEVC_PLAIN, 3, 1, 0, 3, ON, ON, ON, 5, OFF, ON, ON, ON, OFF, 0, ON, ON, ON),
        (*HEVC_PLAIN, 2, 8, 8, *(1, ON) * 16, OFF, 0, 0),
        (*HEVC_PLAIN, 64, 0, 0, *(OFF, 0, 0) * 63),
    ],
)
def test_what_precedes_the_color_of_hevc_is_skipped(fields: Fields) -> None:
    assert color_of(hevc.read_sps(hevc_sps(0, *HEVC_SIZE, *fields, *HEVC_TAIL))) == PQ


@each_row(
    "fields",
    [
        (*HEVC_PLAIN, 65, 0, 0, *(OFF, 0, 0) * 64, *HEVC_TAIL),
        (*HEVC_PLAIN, 1, 9, 8, *(1, ON) * 17, *HEVC_TAIL),
        (*HEVC_PLAIN, 0, ON, 33, *((0, 9),) * 33, *HEVC_TAIL[1:]),
    ],
)
def test_impossible_sets_of_hevc_end_before_the_color(fields: Fields) -> None:
    found = hevc.read_sps(hevc_sps(0, *HEVC_SIZE, *fields))
    assert found == VideoParameters("main 10", 3.1, 10, "4:2:0", scan="progressive", states_color=False)


@each_row("count", [0, 1, 32])
def test_long_term_pictures_of_hevc_have_the_bits_of_an_order_count(count: int) -> None:
    fields = (*HEVC_PLAIN, 0, ON, count, *((0xFF, 9),) * count, *HEVC_TAIL[1:])
    assert color_of(hevc.read_sps(hevc_sps(0, *HEVC_SIZE, *fields))) == PQ


@each_row(
    ("sub", "layers"),
    [
        (1, (OFF, OFF, (0, 14))),
        (1, (ON, OFF, (0, 14), (0xFF, 88))),
        (1, (OFF, ON, (0, 14), (0x55, 8))),
        (2, (ON, ON, OFF, ON, (0, 12), (0xFF, 96), (0xFF, 8))),
    ],
)
def test_sub_layers_of_hevc_are_skipped(sub: int, layers: Fields) -> None:
    every = (4, ON, *(1,) * (3 * (sub + 1)), *(0,) * 6, OFF, (0, 2), OFF, 0)
    first = (4, OFF, 1, 1, 1, *(0,) * 6, OFF, (0, 2), OFF, 0)
    for order in (every, first):
        assert color_of(hevc.read_sps(hevc_sps(*layers, 0, *HEVC_SIZE, *order, *HEVC_TAIL, sub=sub))) == PQ


@each_row(
    ("vui", "scan", "color"),
    [
        ((OFF,), "progressive", (None, None, None)),
        ((ON, *VUI, OFF, ON, ON), "interlaced", PQ),
        ((ON, *VUI, OFF, ON, OFF), "progressive", PQ),
        ((ON, *VUI, ON, 1, 2, OFF, ON), "interlaced", PQ),
        ((ON, *VUI, ON, 0, 0, ON, OFF), "progressive", PQ),
    ],
)
def test_field_flag_of_hevc_tells_the_scan(vui: Fields, scan: str, color: tuple[object, ...]) -> None:
    found = hevc.read_sps(hevc_sps(0, *HEVC_SIZE, *HEVC_PLAIN, 0, OFF, (0, 2), *vui))
    assert (found.scan, color_of(found), found.states_color) == (scan, color, True)


def hvcc(*arrays: bytes, count: int | None = None) -> bytes:
    head = bytes((1, 1, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60, 0xF0, 0, 0xFC, 0xFE, 0xFC, 0xF8, 0, 0, 0x0F))
    return head + bytes((len(arrays) if count is None else count,)) + b"".join(arrays)


def nal_units(kind: int, *units: bytes) -> bytes:
    return bytes((kind,)) + len(units).to_bytes(2) + b"".join(len(unit).to_bytes(2) + unit for unit in units)


UNIT = hevc_sps(0, *HEVC_SIZE, *HEVC_PLAIN, 0, *HEVC_TAIL)
FIELDS_ONLY = ("main", 2.0, 12, "4:2:2")
FROM_UNIT = ("main 10", 3.1, 10, "4:2:0")


@each_row(
    ("record", "expected"),
    [
        (hvcc(), FIELDS_ONLY),
        (hvcc(nal_units(32, b"\x40\1\0"), nal_units(33, UNIT)), FROM_UNIT),
        (hvcc(nal_units(0xA1, UNIT)), FROM_UNIT),
        (hvcc(b"\x21\1\0" + nal_units(33, UNIT)[3:]), FROM_UNIT),
        (hvcc(nal_units(34, UNIT)), FIELDS_ONLY),
        (hvcc(nal_units(33, b"\x42\x09" + UNIT[2:], UNIT)), FROM_UNIT),
        (hvcc(nal_units(33, b"\x42\x08" + UNIT[2:])), FIELDS_ONLY),
        (hvcc(nal_units(33, UNIT), count=0), FIELDS_ONLY),
        (hvcc(*[nal_units(32, b"\x40\1")] * 15, nal_units(33, UNIT)), FROM_UNIT),
        (hvcc(*[nal_units(32, b"\x40\1")] * 16, nal_units(33, UNIT)), FIELDS_ONLY),
        (hvcc(nal_units(33, *[b"\x42\x09"] * 15, UNIT)), FROM_UNIT),
        (hvcc(nal_units(33, *[b"\x42\x09"] * 16, UNIT)), FIELDS_ONLY),
        (hvcc()[:23], FIELDS_ONLY),
        (hvcc()[:22], (None,) * 4),
    ],
)
def test_parameter_set_of_hvcc_is_that_of_the_base_layer(record: bytes, expected: tuple[object, ...]) -> None:
    assert hevc.read_hvcc(record)[:4] == expected


def test_cut_units_of_hevc_state_what_they_have() -> None:
    assert hevc.read_sps(UNIT[:15])[:4] == ("main 10", 3.1, None, None)
    assert hevc.read_sps(UNIT[:14]) == NOTHING


# --- VVC


@each_row(
    ("profile", "name"),
    [
        (1, "main 10"), (17, "multilayer main 10"), (33, "main 10 4:4:4"), (49, "multilayer main 10 4:4:4"),
        (65, "main 10 still picture"), (97, "main 10 4:4:4 still picture"), (0, None), (2, None),
    ],
)  # fmt: skip
def test_profiles_of_vvc(profile: int, name: str | None) -> None:
    record = bytes((0, 0, 0, 0, 1, 0, 2, 0x40, 1, profile << 1 | 1, 83))
    assert vvc.read_vvcc(record) == VideoParameters(name, 5.1, 10, "4:2:2", scan="progressive", states_color=False)
    assert vvc.read_vvcc(record[:10]) == NOTHING
    assert vvc.read_vvcc(b"\0\0\0\0\xfe" + record[5:]) == NOTHING


@each_row(("code", "level"), [(0, None), (16, 1.0), (32, 2.0), (35, 2.1), (83, 5.1), (102, 6.2), (2, 0.0)])
def test_levels_of_vvc_are_sixteenths(code: int, level: float | None) -> None:
    assert vvc.read_vvcc(bytes((0, 0, 0, 0, 1, 0, 1, 0, 1, 3, code))).level == level


# --- AV1


@each_row(
    ("record", "expected"),
    [
        (b"\x81\x00\x0c", ("main", 2.0, 8, "4:2:0")),
        (b"\x81\x01\x4c", ("main", 2.1, 10, "4:2:0")),
        (b"\x81\x24\x00", ("high", 3.0, 8, "4:4:4")),
        (b"\x81\x4d\x68", ("professional", 5.1, 12, "4:2:2")),
        (b"\x81\x57\x28", ("professional", 7.3, 8, "4:2:2")),
        (b"\x81\x2c\x03", ("high", 5.0, 8, "4:4:4")),
        (b"\x81\x2c\x43", ("high", 5.0, 10, "4:4:4")),
        (b"\x81\x6c\x1c", (None, 5.0, 8, "4:0:0")),
    ],
)
def test_fields_of_av1c(record: bytes, expected: tuple[object, ...]) -> None:
    assert av1.read_av1c(record + b"\0") == VideoParameters(*expected, scan="progressive", states_color=False)  # type: ignore[arg-type]
    assert av1.read_av1c(record) == NOTHING


AV1_SIZE: Fields = ((6, 4), (5, 4), (99, 7), (49, 6))
AV1_PLAIN_POINTS: Fields = (OFF, OFF, (0, 5), (0, 12), (5, 5))
AV1_PLAIN_TOOLS: Fields = (OFF, (0, 7), OFF, ON, ON)
AV1_COLOR: Fields = (ON, OFF, ON, *COLOR, OFF)


def av1_obu(*fields: tuple[int, int] | int) -> bytes:
    header = packed(*fields)
    return b"\x0a" + bytes((len(header),)) + header


AV1_HEADER = ((0, 3), OFF, OFF, *AV1_PLAIN_POINTS, *AV1_SIZE, *AV1_PLAIN_TOOLS, (0, 3), *AV1_COLOR)
AV1_OBU = av1_obu(*AV1_HEADER)


@each_row(
    ("points", "level"),
    [
        (AV1_PLAIN_POINTS, 3.1),
        ((OFF, OFF, (0, 5), (0, 12), (7, 5)), 3.3),
        ((OFF, OFF, (0, 5), (0, 12), (8, 5), ON), 4.0),
        ((OFF, OFF, (2, 5), (0, 12), (8, 5), ON, (0, 12), (4, 5), (0, 12), (9, 5), OFF), 4.0),
        ((OFF, ON, (0, 5), (0, 12), (5, 5), ON, (15, 4)), 3.1),
        ((OFF, ON, (0, 5), (0, 12), (5, 5), OFF), 3.1),
        ((ON, (1, 32), (24, 32), OFF, OFF, OFF, (0, 5), (0, 12), (5, 5)), 3.1),
        ((ON, (1, 32), (24, 32), ON, 5, OFF, OFF, (0, 5), (0, 12), (5, 5)), 3.1),
        ((ON, (1, 32), (24, 32), OFF, ON, (4, 5), (1, 32), (9, 5), (9, 5), OFF, (0, 5), (0, 12), (5, 5), OFF), 3.1),
        (
            (
                ON,
                (1, 32),
                (24, 32),
                OFF,
                ON,
                (4, 5),
                (1, 32),
                (9, 5),
                (9, 5),
                OFF,
                (0, 5),
                (0, 12),
                (5, 5),
                ON,
                (2047, 11),
            ),
            3.1,
        ),
    ],
)
def test_operating_points_of_av1_are_skipped(points: Fields, level: float) -> None:
    found = av1.read_obus(av1_obu((0, 3), OFF, OFF, *points, *AV1_SIZE, *AV1_PLAIN_TOOLS, (0, 3), *AV1_COLOR))
    assert found == VideoParameters("main", level, 10, "4:2:0", *PQ, "progressive")


@each_row(
    "tools",
    [
        AV1_PLAIN_TOOLS,
        (ON, (0x7F, 7), (0, 7), OFF, ON, ON),
        (OFF, (0x7F, 7), OFF, ON, OFF, ON),
        (OFF, (0, 7), OFF, OFF, OFF),
        (OFF, (0, 7), OFF, OFF, ON, ON),
        (OFF, (0, 7), OFF, OFF, ON, OFF, ON),
        (OFF, (0, 7), ON, (3, 2), ON, ON, (7, 3)),
        (OFF, (0, 7), ON, (0, 2), OFF, OFF, (7, 3)),
    ],
)
def test_tools_of_av1_are_skipped(tools: Fields) -> None:
    found = av1.read_obus(av1_obu((0, 3), OFF, OFF, *AV1_PLAIN_POINTS, *AV1_SIZE, *tools, (7, 3), *AV1_COLOR))
    assert found == VideoParameters("main", 3.1, 10, "4:2:0", *PQ, "progressive")


@each_row(
    ("profile", "color", "expected"),
    [
        (0, (OFF, OFF, OFF, OFF), ("main", 8, "4:2:0", None)),
        (0, (ON, OFF, OFF, OFF), ("main", 10, "4:2:0", None)),
        (0, (OFF, ON, OFF, OFF), ("main", 8, "4:0:0", None)),
        (0, (OFF, OFF, ON, *COLOR, OFF), ("main", 8, "4:2:0", "bt2020")),
        (1, (ON, ON, *COLOR, OFF), ("high", 10, "4:4:4", "bt2020")),
        (1, (OFF, OFF, OFF), ("high", 8, "4:4:4", None)),
        (2, (OFF, OFF, OFF, OFF), ("professional", 8, "4:2:2", None)),
        (2, (ON, OFF, OFF, ON, *COLOR, OFF), ("professional", 10, "4:2:2", "bt2020")),
        (2, (ON, ON, OFF, ON, *COLOR, ON, OFF), ("professional", 12, "4:4:4", "bt2020")),
        (2, (ON, ON, OFF, ON, *COLOR, OFF, ON, ON), ("professional", 12, "4:2:0", "bt2020")),
        (2, (ON, ON, OFF, ON, *COLOR, OFF, ON, OFF), ("professional", 12, "4:2:2", "bt2020")),
        (2, (OFF, OFF, ON, (1, 8), (13, 8), (0, 8)), ("professional", 8, "4:4:4", "bt709")),
        (2, (OFF, OFF, ON, (1, 8), (13, 8), (1, 8), OFF), ("professional", 8, "4:2:2", "bt709")),
        (2, (OFF, OFF, ON, (1, 8), (1, 8), (0, 8), OFF), ("professional", 8, "4:2:2", "bt709")),
        (2, (OFF, OFF, ON, (9, 8), (13, 8), (0, 8), OFF), ("professional", 8, "4:2:2", "bt2020")),
        (3, (OFF, OFF, OFF, OFF), (None, 8, "4:2:2", None)),
    ],
)
def test_color_config_of_av1(profile: int, color: Fields, expected: tuple[object, ...]) -> None:
    found = av1.read_obus(av1_obu((profile, 3), ON, ON, (4, 5), *AV1_SIZE, (63, 6), *color))
    assert (found.profile, found.bit_depth, found.chroma, found.primaries) == expected
    assert (found.level, found.states_color) == (3.0, True)


DELIMITER = b"\x12\0"


@each_row(
    ("data", "is_found"),
    [
        (AV1_OBU, True),
        (DELIMITER + AV1_OBU, True),
        (DELIMITER * 7 + AV1_OBU, True),
        (DELIMITER * 8 + AV1_OBU, False),
        (b"\x2a\3\xff\xff\xff" + AV1_OBU, True),
        (b"\x16\0\0" + AV1_OBU, True),
        (b"\x0e\0" + AV1_OBU[1:], True),
        (b"\x08" + AV1_OBU[2:], True),
        (b"\x09" + AV1_OBU[2:], True),
        (b"\x0b" + AV1_OBU[1:], True),
        (b"\x0a" + bytes((AV1_OBU[1] | 0x80, 0)) + AV1_OBU[2:], True),
        (b"\x2a\x82\1" + bytes(130) + AV1_OBU, True),
        (b"\x2a\x81\x80\x80\x80\x80\x80\x80\0\0" + AV1_OBU, True),
        (b"\x2a\x81\x80\x80\x80\x80\x80\x80\x80\0\0" + AV1_OBU, False),
        (b"\x8a" + AV1_OBU[1:], False),
        (b"\x10" + AV1_OBU, False),
        (AV1_OBU[:12], False),
        (b"\x0a\3" + AV1_OBU[2:], False),
        (b"", False),
        (b"\x0a", False),
    ],
)
def test_sequence_header_is_among_the_first_obus(data: bytes, is_found: bool) -> None:
    found = av1.read_obus(data)
    assert found == (VideoParameters("main", 3.1, 10, "4:2:0", *PQ, "progressive") if is_found else NOTHING)


# --- VP9


@each_row(
    ("record", "expected"),
    [
        ((0, 10, 0x82), ("profile 0", 1.0, 8, "4:2:0")),
        ((0, 62, 0x80), ("profile 0", 6.2, 8, "4:2:0")),
        ((1, 0, 0x84), ("profile 1", None, 8, "4:2:2")),
        ((3, 31, 0xC6), ("profile 3", 3.1, 12, "4:4:4")),
        ((4, 31, 0x08), (None, 3.1, None, None)),
    ],
)
def test_fields_of_vpcc(record: tuple[int, int, int], expected: tuple[object, ...]) -> None:
    body = bytes((1, 0, 0, 0, *record, 9, 16, 9))
    assert vp9.read_vpcc(body) == VideoParameters(*expected, *PQ, "progressive")  # type: ignore[arg-type, misc]
    assert vp9.read_vpcc(body[:9]) == vp9.read_vpcc(b"\0" + body[1:]) == NOTHING


def vp9_frame(
    profile: Fields, *color: tuple[int, int] | int, sync: int = 0x498342, shown: Fields = (OFF, OFF)
) -> bytes:
    return packed((2, 2), *profile, *shown, (3, 2), (sync, 24), *color, (0, 8))


@each_row(
    ("profile", "color", "expected"),
    [
        ((OFF, OFF), ((2, 3), OFF), ("profile 0", 8, "4:2:0", False)),
        ((OFF, OFF), ((7, 3),), ("profile 0", 8, "4:4:4", True)),
        ((ON, OFF), ((1, 3), ON, ON, ON), ("profile 1", 8, "4:2:0", False)),
        ((ON, OFF), ((1, 3), ON, ON, OFF), ("profile 1", 8, "4:2:2", False)),
        ((ON, OFF), ((1, 3), OFF, OFF, ON), ("profile 1", 8, "4:4:0", False)),
        ((ON, OFF), ((1, 3), OFF, OFF, OFF), ("profile 1", 8, "4:4:4", False)),
        ((OFF, ON), (OFF, (5, 3), OFF), ("profile 2", 10, "4:2:0", False)),
        ((OFF, ON), (ON, (5, 3), OFF), ("profile 2", 12, "4:2:0", False)),
        ((ON, ON, OFF), (OFF, (5, 3), OFF, ON, OFF), ("profile 3", 10, "4:2:2", False)),
        ((ON, ON, OFF), (ON, (7, 3)), ("profile 3", 12, "4:4:4", True)),
    ],
)
def test_key_frames_of_vp9(profile: Fields, color: Fields, expected: tuple[str, int, str, bool]) -> None:
    name, depth, chroma, identity = expected
    found = VideoParameters(name, None, depth, chroma, is_identity=identity, scan="progressive")
    assert vp9.read_frame(vp9_frame(profile, *color)) == found
    others = [vp9_frame(profile, *color, shown=shown) for shown in ((ON, OFF), (OFF, ON))]
    for other in (*others, vp9_frame(profile, *color, sync=0x498343), b"\xc2" + vp9_frame(profile, *color)[1:]):
        assert vp9.read_frame(other) == NOTHING


# --- MPEG-2 and MPEG-1


MPEG_HEADER = b"\0\0\1\xb3\x14\0\xf0\x22\xff\xff\xe4\x58"
SLICE = b"\0\0\1\1" + bytes(8)


def extension(*fields: tuple[int, int] | int) -> bytes:
    return b"\0\0\1\xb5" + packed(*fields).ljust(8, b"\xff")


def sequence(level: int = 0x48, *, progressive: int = 1, chroma: int = 1) -> bytes:
    return extension((1, 4), (level, 8), (progressive, 1), (chroma, 2), (0xFF, 8))


def picture(*, progressive: int) -> bytes:
    return extension((8, 4), (0xFFFF, 16), (3, 2), (0x3FF, 10), (progressive, 1), (0 if progressive else 127, 7))


DISPLAY = extension((2, 4), (5, 3), ON, *COLOR)


@each_row(
    ("level", "profile"),
    [
        (0x14, "high"), (0x24, "spatially scalable"), (0x34, "snr scalable"), (0x48, "main"), (0x4A, "main"),
        (0x58, "simple"), (0x82, "4:2:2"), (0x85, "4:2:2"), (0x84, None), (0x92, None), (0x68, None),
        (0x45, "main"),
    ],
)  # fmt: skip
def test_profiles_of_mpeg2_have_the_names_of_ffprobe(level: int, profile: str | None) -> None:
    assert mpeg2.read_headers(MPEG_HEADER + sequence(level)).profile == profile


@each_row(
    ("headers", "chroma", "scan", "color"),
    [
        (b"", "4:2:0", "progressive", (None, None, None)),
        (sequence(chroma=1), "4:2:0", "progressive", (None, None, None)),
        (sequence(chroma=2, progressive=0), "4:2:2", "interlaced", (None, None, None)),
        (sequence(chroma=3), "4:4:4", "progressive", (None, None, None)),
        (sequence() + DISPLAY, "4:2:0", "progressive", PQ),
        (sequence() + extension((2, 4), (5, 3), OFF, *COLOR), "4:2:0", "progressive", (None, None, None)),
        (sequence() + extension((3, 4), (5, 3), ON, *COLOR), "4:2:0", "progressive", (None, None, None)),
        (sequence(progressive=0) + picture(progressive=1), "4:2:0", "progressive", (None, None, None)),
        (sequence(progressive=0) + picture(progressive=0), "4:2:0", "interlaced", (None, None, None)),
        (sequence(progressive=1) + picture(progressive=0), "4:2:0", "progressive", (None, None, None)),
        (sequence(progressive=0) + picture(progressive=1) + DISPLAY * 4, "4:2:0", "progressive", PQ),
        (sequence(progressive=0) + extension(*((255, 8),) * 5), "4:2:0", "interlaced", (None, None, None)),
        (sequence() + extension((2, 4), (5, 3), ON, *GBR), "4:2:0", "progressive", (*PQ[:2], True)),
        (sequence(chroma=3) + SLICE + MPEG_HEADER, "4:4:4", "progressive", (None, None, None)),
        (sequence() + SLICE + DISPLAY, "4:2:0", "progressive", (None, None, None)),
        (b"\0\0\1\xaf" + bytes(8) + DISPLAY, "4:2:0", "progressive", (None, None, None)),
        (b"\0\0\1\xb0" + bytes(8) + DISPLAY, "4:2:0", "progressive", PQ),
        (b"\0\0\1\0" + bytes(8) + DISPLAY, "4:2:0", "progressive", PQ),
        (b"\0\0\1\xb2\xff" * 14 + DISPLAY, "4:2:0", "progressive", PQ),
        (b"\0\0\1\xb2\xff" * 15 + DISPLAY, "4:2:0", "progressive", (None, None, None)),
        (DISPLAY[:11] + DISPLAY, "4:2:0", "progressive", PQ),
        (DISPLAY[:12], "4:2:0", "progressive", PQ),
        (DISPLAY[:11], "4:2:0", "progressive", (None, None, None)),
    ],
)
def test_headers_of_mpeg2_are_read_up_to_the_first_slice(
    headers: bytes, chroma: str, scan: str, color: tuple[object, ...]
) -> None:
    found = mpeg2.read_headers(b"\0\0" + MPEG_HEADER + headers)
    assert (found.bit_depth, found.chroma, found.scan, color_of(found)) == (8, chroma, scan, color)


def test_frames_without_a_sequence_header_state_nothing() -> None:
    assert mpeg2.read_headers(sequence() + DISPLAY + SLICE) == NOTHING


# --- MPEG-4 part 2


@each_row(
    ("code", "profile", "level"),
    [
        (0x01, "simple profile", 1.0), (0x08, "simple profile", 0.0), (0x11, "simple scalable profile", 1.0),
        (0x18, "simple scalable profile", 8.0), (0x34, "main profile", 4.0), (0xF5, "advanced simple profile", 5.0),
    ],
)  # fmt: skip
def test_profiles_of_mpeg4(code: int, profile: str, level: float) -> None:
    found = mpeg4.read_headers(b"\xff\0\0\1\xb0" + bytes((code,)))
    assert found == VideoParameters(profile, level, 8, "4:2:0")
    assert mpeg4.read_headers(b"\0\0\1\xb0") == VideoParameters(None, None, 8, "4:2:0")


@each_row(
    ("fields", "color"),
    [
        ((OFF, (1, 4), ON, (5, 4), ON, *COLOR), PQ),
        ((OFF, (2, 4), ON, (5, 4), ON, *COLOR), PQ),
        ((ON, (0x7F, 7), (1, 4), ON, (5, 4), ON, *COLOR), PQ),
        ((OFF, (1, 4), ON, (5, 4), ON, *GBR, ON), (*PQ[:2], True)),
        ((OFF, (3, 4), ON, (5, 4), ON, *COLOR), (None, None, None)),
        ((OFF, (1, 4), OFF, (5, 4), ON, *COLOR), (None, None, None)),
        ((OFF, (1, 4), ON, (5, 4), OFF, *COLOR), (None, None, None)),
        ((OFF, (1, 4), ON, (5, 4), ON, (9, 8), (16, 6)), (None, None, None)),
    ],
)
def test_color_of_a_visual_object(fields: Fields, color: tuple[object, ...]) -> None:
    assert color_of(mpeg4.read_headers(b"\0\0\1\xb5" + packed(*fields))) == color


SIZE: Fields = ((0x1FFFFFFF, 29),)


@each_row("interlaced", [0, 1])
@each_row(
    "fields",
    [
        ((0, 9), OFF, (1, 4), OFF, (0, 2), OFF, (30, 16), ON, OFF, *SIZE),
        ((0, 9), ON, (2, 4), (7, 3), (1, 4), OFF, (0, 2), OFF, (30, 16), ON, OFF, *SIZE),
        ((0, 9), OFF, (15, 4), (0xFFFF, 16), OFF, (0, 2), OFF, (30, 16), ON, OFF, *SIZE),
        ((0, 9), OFF, (14, 4), OFF, (0, 2), OFF, (30, 16), ON, OFF, *SIZE),
        ((0, 9), OFF, (1, 4), ON, (7, 3), OFF, (0, 2), OFF, (30, 16), ON, OFF, *SIZE),
        ((0, 9), OFF, (1, 4), ON, (7, 3), ON, ((1 << 79) - 1, 79), (0, 2), OFF, (30, 16), ON, OFF, *SIZE),
        ((0, 9), OFF, (1, 4), OFF, (0, 2), OFF, (30, 16), ON, ON, (31, 5), *SIZE),
        ((0, 9), OFF, (1, 4), OFF, (0, 2), OFF, (32, 16), ON, ON, (31, 5), *SIZE),
        ((0, 9), OFF, (1, 4), OFF, (0, 2), OFF, (33, 16), ON, ON, (63, 6), *SIZE),
        ((0, 9), OFF, (1, 4), OFF, (0, 2), OFF, (1, 16), ON, ON, ON, *SIZE),
        ((0, 9), OFF, (1, 4), OFF, (0, 2), OFF, (2, 16), ON, ON, ON, *SIZE),
    ],
)
def test_flag_of_interlacing_is_behind_the_size_of_a_layer(fields: Fields, interlaced: int) -> None:
    layer = packed(*fields, (interlaced, 1), *((1 - interlaced, 1),) * 8)
    scan = "interlaced" if interlaced else "progressive"
    for code in (0x20, 0x2F):
        assert mpeg4.read_headers(b"\0\0\1" + bytes((code,)) + layer).scan == scan
    for code in (0x1F, 0x30):
        assert mpeg4.read_headers(b"\0\0\1" + bytes((code,)) + layer).scan is None


@each_row("shape", [1, 2, 3])
def test_other_shapes_have_their_size_elsewhere(shape: int) -> None:
    layer = packed((0, 9), OFF, (1, 4), OFF, (shape, 2), OFF, (30, 16), ON, OFF, *SIZE, ON, (0xFF, 8))
    assert mpeg4.read_headers(b"\0\0\1\x20" + layer).scan is None


def test_last_of_sixteen_headers_of_mpeg4_counts() -> None:
    assert mpeg4.read_headers(b"\xff\xff\xff\0\0\1\xb0\1\0\0\1\xb0\2").level == 2.0
    color = b"\0\0\1\xb5" + packed(OFF, (1, 4), ON, (5, 4), ON, *COLOR)
    assert color_of(mpeg4.read_headers(color + b"\0\0\1\xb5")) == (None, None, None)
    assert color_of(mpeg4.read_headers(color + b"\0\0\1")) == PQ
    assert mpeg4.read_headers(b"\0\0\1\xb2" * 15 + b"\0\0\1\xb0\1").level == 1.0
    assert mpeg4.read_headers(b"\0\0\1\xb2" * 16 + b"\0\0\1\xb0\1").level is None


# --- headers of frames


def read(codec: str, data: bytes) -> tuple[object, ...]:
    return tuple(frames.BY_CODEC[codec](data))


@each_row(
    ("flags", "chroma", "scan"),
    [
        (0x80, "4:2:2", "progressive"), (0xC0, "4:4:4", "progressive"), (0x84, "4:2:2", "interlaced"),
        (0x88, "4:2:2", "interlaced"), (0x83, "4:2:2", "progressive"), (0xB0, "4:2:2", "progressive"),
        (0x40, None, "progressive"), (0, None, "progressive"),
    ],
)  # fmt: skip
def test_frame_header_of_prores(flags: int, chroma: str | None, scan: str) -> None:
    data = b"\0\0\0\x99icpf\0\x94\0\0lavc\1\x40\0\xf0" + bytes((flags, 0xF5, 9, 16, 9))
    assert len(data) == 25
    assert read("prores", data) == (None, None, None, chroma, *PQ, scan, True)
    assert read("prores", data[:23]) == read("prores", data[:24]) == read("prores", b"\0" + data) == tuple(NOTHING)


def dnx(profile: int = 1272, *, depth: int = 1, flags: int = 1, chroma: int = 0) -> bytes:
    data = bytearray(0x2D)
    data[:6] = bytes((0, 0, 2, 0x80, 3, flags))
    data[0x21] = depth << 5 | 0x18
    data[0x28:0x2C] = profile.to_bytes(4)
    data[0x2C] = chroma
    return bytes(data)


@each_row(
    ("data", "expected"),
    [
        (dnx(1270, depth=3, chroma=0x40), ("dnxhr 444", 12, "4:4:4", "progressive")),
        (dnx(1271, depth=2), ("dnxhr hqx", 10, "4:2:2", "progressive")),
        (dnx(1272), ("dnxhr hq", 8, "4:2:2", "progressive")),
        (dnx(1273, chroma=0xBF), ("dnxhr sq", 8, "4:2:2", "progressive")),
        (dnx(1274, flags=0xFD), ("dnxhr lb", 8, "4:2:2", "progressive")),
        (dnx(1237, flags=2), ("dnxhd", 8, "4:2:2", "interlaced")),
        (dnx((1 << 24) + 1272), ("dnxhd", 8, "4:2:2", "progressive")),
        (dnx(1237, depth=4), ("dnxhd", None, "4:2:2", "progressive")),
    ],
)
def test_frame_header_of_dnx(data: bytes, expected: tuple[object, ...]) -> None:
    found = frames.BY_CODEC["dnxhd"](data)
    assert (found.profile, found.bit_depth, found.chroma, found.scan) == expected
    assert (found.level, found.primaries, found.states_color) == (None, None, False)
    assert read("dnxhd", data[:-1]) == read("dnxhd", b"\0\1" + data[2:]) == tuple(NOTHING)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (2 + len(body)).to_bytes(2) + body


def jpeg_frame(luma: int, blue: int, red: int, *, marker: int = 0xC0, depth: int = 8) -> bytes:
    return segment(marker, bytes((depth, 0, 6, 0, 8, 3, 1, luma, 0, 2, blue, 1, 3, red, 1)))


GRAY = segment(0xC0, bytes((8, 0, 6, 0, 8, 1, 1, 0x11, 0)))


@each_row(
    ("segments", "depth", "chroma"),
    [
        (jpeg_frame(0x11, 0x11, 0x11), 8, "4:4:4"),
        (jpeg_frame(0x21, 0x11, 0x11), 8, "4:2:2"),
        (jpeg_frame(0x22, 0x11, 0x11), 8, "4:2:0"),
        (jpeg_frame(0x41, 0x11, 0x11), 8, "4:1:1"),
        (jpeg_frame(0x12, 0x11, 0x11), 8, "4:4:0"),
        (jpeg_frame(0x22, 0x12, 0x12), 8, "4:2:2"),
        (jpeg_frame(0x42, 0x21, 0x21), 8, "4:2:0"),
        (jpeg_frame(0x22, 0x22, 0x22), 8, "4:4:4"),
        (jpeg_frame(0x11, 0x22, 0x22), 8, None),
        (jpeg_frame(0x31, 0x21, 0x21), 8, None),
        (jpeg_frame(0x13, 0x12, 0x12), 8, None),
        (jpeg_frame(0x21, 0x11, 0x21), 8, None),
        (jpeg_frame(0x21, 0x01, 0x01), 8, None),
        (jpeg_frame(0x21, 0x10, 0x10), 8, None),
        (jpeg_frame(0x14, 0x11, 0x11), 8, None),
        (jpeg_frame(0x22, 0x11, 0x11, marker=0xC1, depth=12), 12, "4:2:0"),
        (jpeg_frame(0x22, 0x11, 0x11, marker=0xC2), 8, "4:2:0"),
        (jpeg_frame(0x22, 0x11, 0x11, marker=0xC3, depth=16), 16, "4:2:0"),
        (jpeg_frame(0x22, 0x11, 0x11, marker=0xC4), None, None),
        (jpeg_frame(0x22, 0x11, 0x11, marker=0xBF), None, None),
        (segment(0xDB, bytes(65)) + jpeg_frame(0x22, 0x11, 0x11), 8, "4:2:0"),
        (segment(0xDB, bytes(300)) + jpeg_frame(0x22, 0x11, 0x11), 8, "4:2:0"),
        (segment(0xFE, b"") * 31 + jpeg_frame(0x22, 0x11, 0x11), 8, "4:2:0"),
        (segment(0xFE, b"") * 32 + jpeg_frame(0x22, 0x11, 0x11), None, None),
        (b"\0" + jpeg_frame(0x22, 0x11, 0x11), None, None),
        (GRAY, 8, "4:0:0"),
        (segment(0xC0, GRAY[4:] + bytes(5)), 8, "4:0:0"),
        (segment(0xC0, bytes((8, 0, 6, 0, 8, 3, 1, 0x11, 0))), 8, None),
        (GRAY[:-1], None, None),
        (segment(0xC0, b"\x0c" + GRAY[5:-1]) + GRAY, 8, "4:0:0"),
    ],
)
def test_frame_header_of_jpeg(segments: bytes, depth: int | None, chroma: str | None) -> None:
    found = frames.BY_CODEC["mjpeg"](b"\xff\xd8" + segments)
    assert (found.bit_depth, found.chroma, found.states_color) == (depth, chroma, depth is not None)


@each_row(
    ("kind", "chroma", "identity"),
    [(0, "4:0:0", None), (2, None, True), (3, None, None), (4, "4:0:0", None), (6, None, True), (1, None, None)],
)
def test_header_of_png(kind: int, chroma: str | None, identity: bool | None) -> None:
    data = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x08\0\0\0\x06\x10" + bytes((kind,))
    assert frames.BY_CODEC["png"](data) == VideoParameters(bit_depth=16, chroma=chroma, is_identity=identity)
    assert read("png", data[:25]) == read("png", data[1:] + b"\0") == tuple(NOTHING)


def test_codecs_of_one_sample_format_have_8_bits_of_ycbcr() -> None:
    assert {(known.bit_depth, known.color_model) for known in fixed.BY_CODEC.values()} == {(8, "ycbcr")}
