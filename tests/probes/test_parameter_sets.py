"""Test parameter sets: records that x264, x265, libaom, libvpx and ffmpeg wrote, with the facts that ffprobe gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.probes.parameter_sets import av1, frames, h264, hevc, mpeg2, mpeg4, vp9, vvc
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters
from tests.probes.packing import packed
from tests.rows import each_row

RECORDS = [
    pytest.param(
        av1.read_av1c,
        "81004c000a0e000000043cffbcdaf95091009040",
        ("main", 2.0, 10, "4:2:0", "bt2020", "smpte2084", False, "progressive"),
        id="av1: PQ",
    ),
    pytest.param(
        av1.read_av1c,
        "814008000a0a400000043cffbcdaf901",
        ("professional", 2.0, 8, "4:2:2", None, None, False, "progressive"),
        id="av1: 4:2:2",
    ),
    pytest.param(
        av1.read_av1c,
        "814060000a0b400000043cffbcdaf96040",
        ("professional", 2.0, 12, "4:4:4", None, None, False, "progressive"),
        id="av1: 12 bits",
    ),
    pytest.param(
        av1.read_av1c,
        "81000c000a0b000000043cffbcdaf90040",
        ("main", 2.0, 8, "4:2:0", None, None, False, "progressive"),
        id="av1: 8 bits",
    ),
    pytest.param(
        av1.read_av1c,
        "812000000a0d200000043cffbcdaf92021a004",
        ("high", 2.0, 8, "4:4:4", "bt709", "iec61966-2-1", True, "progressive"),
        id="av1: sRGB",
    ),
    pytest.param(
        av1.read_av1c,
        "81001c000a0a000000043cffbcdaf92a",
        ("main", 2.0, 8, "4:0:0", None, None, False, "progressive"),
        id="av1: no color",
    ),
    pytest.param(
        h264.read_avcc,
        "017a000dffe10019677a000db6cd94141fb011000003000100000300300f142996",
        ("high 4:2:2", 1.3, 10, "4:2:2", None, None, None, "progressive"),
        id="h264: 4:2:2",
    ),
    pytest.param(
        h264.read_avcc,
        "01f4000dffe1001967f4000d919b28283f6022000003000200000300601e28532c",
        ("high 4:4:4 predictive", 1.3, 8, "4:4:4", None, None, None, "progressive"),
        id="h264: 4:4:4",
    ),
    pytest.param(
        h264.read_avcc,
        "0142c00dffe100186742c00dd90141fb011000000300100000030300f142a480",
        ("constrained baseline", 1.3, 8, "4:2:0", None, None, None, "progressive"),
        id="h264: a constrained baseline",
    ),
    pytest.param(
        h264.read_avcc,
        "0164000dffe100196764000dacd94141fb011000000300100000030300f1429960",
        ("high", 1.3, 8, "4:2:0", None, None, None, "progressive"),
        id="h264: scaling lists",
    ),
    pytest.param(
        h264.read_avcc,
        "01f4000dffe1001d67f4000d919b28283f602dc080801000000300100000030300f1429960",
        ("high 4:4:4 predictive", 1.3, 8, "4:4:4", None, None, True, "progressive"),
        id="h264: green, blue and red",
    ),
    pytest.param(
        h264.read_avcc,
        "0164000dffe100196764000df3650507ec05b2000003000200000300601e28532c",
        ("high", 1.3, 8, "4:0:0", None, None, None, "progressive"),
        id="h264: no color",
    ),
    pytest.param(
        h264.read_avcc,
        "016e000dffe1001d676e000da6cd94141fb016a12201280000030008000003018078a14cb0",
        ("high 10", 1.3, 10, "4:2:0", "bt2020", "smpte2084", False, "progressive"),
        id="h264: PQ",
    ),
    pytest.param(
        h264.read_avcc,
        "0164000dffe1001b6764000dacd94141fb016a020202800000030080000018078a14cb",
        ("high", 1.3, 8, "4:2:0", "bt709", "bt709", False, "progressive"),
        id="h264: BT.709",
    ),
    pytest.param(
        h264.read_avcc,
        "01640015ffe1001a67640015acd941410fcb808800000300080000030180f8a14cb0",
        ("high", 2.1, 8, "4:2:0", None, None, None, "interlaced"),
        id="h264: fields",
    ),
    pytest.param(
        h264.read_avcc,
        "016e100dffe10015676e100da6cb8283f6022000000300200000060080",
        ("high 10 intra", 1.3, 10, "4:2:0", None, None, None, "progressive"),
        id="h264: intra only",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0102200000009000000000003cf000fcfdfafa00000f04200001001840010c01ffff0220000003009000000300000300"
        "3c959809210001002d42010102200000030090000003000003003ca00a080f1365959a4932bc05a84890482000000300"
        "200000030301",
        ("main 10", 2.0, 10, "4:2:0", "bt2020", "arib-std-b67", False, "progressive"),
        id="hevc: HLG",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0104080000009d08000000003cf000fcfefafa00000f04200001001740010c01ffff0408000003009d0800000300003c"
        "95980921000100294201010408000003009d0800000300003cb00a080f1365959a4932bc05a020000003002000000303"
        "01",
        ("rext", 2.0, 10, "4:2:2", None, None, None, "progressive"),
        id="hevc: 4:2:2",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0104080000009808000000003cf000fcfffcfc00000f04200001001740010c01ffff040800000300980800000300003c"
        "9598092100010029420101040800000300980800000300003c90014101e2294b2b349265780b40400000030040000006"
        "02",
        ("rext", 2.0, 12, "4:4:4", None, None, None, "progressive"),
        id="hevc: 12 bits",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0104080000009fc8000000003cf000fcfcf8f800000f04200001001740010c01ffff0408000003009fc800000300003c"
        "95980921000100294201010408000003009fc800000300003cc028203c596566924caf016c08000003000800000300c0"
        "40",
        ("rext", 2.0, 8, "4:0:0", None, None, None, "progressive"),
        id="hevc: no color",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0101600000004000000000003cf000fcfdf8f800000f04200001001840010c01ffff0160000003004000000300000300"
        "3c959809210001002a42010101600000030040000003000003003ca00a080f165959a4932bc05a1a0000030002000003"
        "003010",
        ("main", 2.0, 8, "4:2:0", None, None, None, "interlaced"),
        id="hevc: fields",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0101600000009000000000003cf000fcfdf8f800000f04200001001940010c01ffff0160000003009000000300000300"
        "3c958a0240210001002942010101600000030090000003000003003ca00a080f165958a924e5780b4040000003004000"
        "000602",
        ("main", 2.0, 8, "4:2:0", None, None, None, "progressive"),
        id="hevc: scaling lists",
    ),
    pytest.param(
        hevc.read_hvcc,
        "0101600000009000000000003cf000fcfdf8f800000f04a00001001840010c01ffff0160000003009000000300000300"
        "3c959809a10001002a42010101600000030090000003000003003ca00a080f165959a4932bc05a020000030002000003"
        "003010",
        ("main", 2.0, 8, "4:2:0", None, None, None, "progressive"),
        id="hevc: 8 bits",
    ),
    pytest.param(
        mpeg4.read_headers,
        "000001b001000001b58913000001000000012000c48d8800c50a041e1443",
        ("simple profile", 1.0, 8, "4:2:0", None, None, None, "progressive"),
        id="mpeg4: simple",
    ),
    pytest.param(
        mpeg4.read_headers,
        "000001b0f1000001b5a913000001000000012008d48d0800c50a041e1c103f",
        ("advanced simple profile", 1.0, 8, "4:2:0", None, None, None, "interlaced"),
        id="mpeg4: interlaced",
    ),
    pytest.param(
        vp9.read_vpcc,
        "010000000014820202020000",
        ("profile 0", 2.0, 8, "4:2:0", None, None, False, "progressive"),
        id="vp9: 8 bits",
    ),
    pytest.param(
        vp9.read_vpcc,
        "010000000114860202020000",
        ("profile 1", 2.0, 8, "4:4:4", None, None, False, "progressive"),
        id="vp9: 4:4:4",
    ),
    pytest.param(
        vp9.read_vpcc,
        "010000000214a20910090000",
        ("profile 2", 2.0, 10, "4:2:0", "bt2020", "smpte2084", False, "progressive"),
        id="vp9: PQ",
    ),
    pytest.param(
        vp9.read_vpcc,
        "010000000314c40202020000",
        ("profile 3", 2.0, 12, "4:2:2", None, None, False, "progressive"),
        id="vp9: 12 bits",
    ),
    pytest.param(
        vp9.read_vpcc,
        "010000000114870202000000",
        ("profile 1", 2.0, 8, "4:4:4", None, None, True, "progressive"),
        id="vp9: green, blue and red",
    ),
    pytest.param(
        frames.BY_CODEC["prores"],
        "00008d4669637066009400004c617663014000f08000020202400003",
        (None, None, None, "4:2:2", None, None, False, "progressive"),
        id="prores: 4:2:2",
    ),
    pytest.param(
        frames.BY_CODEC["prores"],
        "0000968869637066009400004c617663014000f08000020202400003",
        (None, None, None, "4:2:2", None, None, False, "progressive"),
        id="prores: 4:4:4 entry, 4:2:2 coded",
    ),
    pytest.param(
        frames.BY_CODEC["prores"],
        "00039fee69637066009400004c617663050002d08800020202400003",
        (None, None, None, "4:2:2", None, None, False, "interlaced"),
        id="prores: fields",
    ),
    pytest.param(
        frames.BY_CODEC["dnxhd"],
        "00000280030180a00000000000000000000000000000000000f001400000f0000038880000000000000004f880",
        ("dnxhr hq", None, 8, "4:2:2", None, None, None, "progressive"),
        id="dnxhd: 8 bits",
    ),
    pytest.param(
        frames.BY_CODEC["dnxhd"],
        "00000280030180a00000000000000000000000000000000000f001400000f0000058880000000000000004f780",
        ("dnxhr hqx", None, 10, "4:2:2", None, None, None, "progressive"),
        id="dnxhd: 10 bits",
    ),
    pytest.param(
        frames.BY_CODEC["mpeg2video"],
        "000001b32d01e014ffffe018000001b5148200010000000001b80008004000000100000ffff8000001b58ffff3800000"
        "0001012b7ce11804c4c02850690d43523300e7f4a7a7ec84210fd3f8ed9e61a00f80c01903c4b030c01492c0cbb1280c",
        ("main", None, 8, "4:2:0", None, None, None, "interlaced"),
        id="mpeg2video: fields",
    ),
    pytest.param(
        frames.BY_CODEC["mpeg2video"],
        "000001b31400f022ffffe458000001b5185c00010000000001b80008004000000100000ffff8000001b58ffff3408000"
        "00010123f9c23006842018061340aa86a495980cf49694a7e4210514e94a78e46fcd9c0c803401b00dc0f01901b30217",
        ("4:2:2", None, 8, "4:2:2", None, None, None, "progressive"),
        id="mpeg2video: 4:2:2",
    ),
    pytest.param(
        frames.BY_CODEC["mjpeg"],
        "ffd8ffe000104a46494600010200000100010000fffe00104c61766335392e33372e31303000ffdb0043000808080908"
        "090b0b0b0b0b0b0d0c0d0d0d0d0d0d0d0d0d0d0d0e0e0e1111110e0e0e0d0d0e0e101011111213121111111113131414"
        "14181817171c1c1d222229ffc400c3000101010003010101000000000000000000060507040308020101010002030101"
        "01000000000000000000000506070408030102100001030203030b010406080701010000000211010312211304063105"
        "41328334b34422148251c21571338142a191c152236116f0d2d3a3b153a2c36284a464b2e3722411000103020401050d"
        "040804050501000001000203041112312105133222334106b2b4b1618272b33651341407358323917581d11584744271"
        "5216a1d362d25324a254639373f09243ffc000110800f0014003012200021100031100",
        (None, None, 8, "4:2:0", None, None, None, None),
        id="mjpeg: 4:2:0",
    ),
    pytest.param(
        frames.BY_CODEC["mjpeg"],
        "ffd8ffe000104a46494600010200000100010000fffe00104c61766335392e33372e31303000ffdb0043000808080908"
        "090b0b0b0b0b0b0d0c0d0d0d0d0d0d0d0d0d0d0d0e0e0e1111110e0e0e0d0d0e0e101011111213121111111113131414"
        "14181817171c1c1d222229ffc400c6000101010003010101000000000000000000060507040308020101010002030101"
        "01000000000000000000000506070408030201100001030203030b010406080701010000000211010312211304063105"
        "41328334b34422148251c21571338142a191c152236116f0d2d3a3b153a2c36284a464b2e3722411000103020204070c"
        "0805010607010000010200030411120513310621334172b251072261b38382b4523634b135148171c184917532a17462"
        "532315d142e1a216927343d224f1259344f054ffc000110800f0014003012200021200031200",
        (None, None, 8, "4:2:2", None, None, None, None),
        id="mjpeg: 4:2:2",
    ),
    pytest.param(
        frames.BY_CODEC["png"],
        "89504e470d0a1a0a0000000d4948445200000140000000f00802",
        (None, None, 8, None, None, None, True, None),
        id="png: 8 bits",
    ),
    pytest.param(
        frames.BY_CODEC["png"],
        "89504e470d0a1a0a0000000d4948445200000140000000f01002",
        (None, None, 16, None, None, None, True, None),
        id="png: 16 bits",
    ),
]


@each_row("read, record, expected", RECORDS)
def test_record_states_the_facts_that_ffprobe_gives(
    read: Callable[[bytes], VideoParameters], record: str, expected: tuple[object, ...]
) -> None:
    assert read(bytes.fromhex(record))[: len(expected)] == expected


def _record(part: str) -> bytes:
    return next(bytes.fromhex(row.values[1]) for row in RECORDS if row.id == part)


def test_parameter_set_overrules_zeroed_fields_of_hvcc() -> None:
    record = bytearray(_record("hevc: 8 bits"))
    record[16:19] = b"\xfc\xfa\xfa"
    assert hevc.read_hvcc(bytes(record)).chroma == "4:2:0"
    assert hevc.read_hvcc(bytes(record)).bit_depth == 8


def test_hvcc_without_parameter_set_gives_its_fields() -> None:
    found = hevc.read_hvcc(_record("hevc: HLG")[:22] + b"\0")
    assert found == VideoParameters("main 10", 2.0, 10, "4:2:0", scan="progressive", states_color=False)


def test_avcc_without_parameter_set_gives_profile_and_level() -> None:
    assert h264.read_avcc(b"\1\x64\0\x1f\xff\xe0\0") == VideoParameters("high", 3.1, states_color=False)


def test_av1c_without_sequence_header_gives_its_fields() -> None:
    assert av1.read_av1c(_record("av1: 12 bits")[:4]) == VideoParameters(
        "professional", 2.0, 12, "4:4:4", scan="progressive", states_color=False
    )


def test_sequence_header_overrules_av1c() -> None:
    record = _record("av1: 4:2:2")
    assert av1.read_av1c(record[:2] + b"\0" + record[3:]).chroma == "4:2:2"


def test_reduced_still_header_of_avif_is_read() -> None:
    size = ((6, 4), (5, 4), (99, 7), (49, 6))
    header = packed((1, 3), (1, 1), (1, 1), (4, 5), *size, (0, 6), (0, 1), (1, 1), (9, 8), (16, 8), (9, 8), (1, 1))
    assert av1.read_obus(b"\x0a" + bytes((len(header),)) + header) == VideoParameters(
        "high", 3.0, 8, "4:4:4", "bt2020", "smpte2084", False, "progressive"
    )


def test_timing_and_operating_points_of_av1_are_skipped() -> None:
    timing = ((1, 1), (1, 32), (24, 32), (1, 1), 0, (1, 1), (9, 5), (1, 32), (9, 5), (9, 5))
    first = ((0, 12), (9, 5), (0, 1), (1, 1), (0, 21), (1, 1), (3, 4))
    second = ((0, 12), (1, 5), (0, 1), (0, 1))
    size = ((6, 4), (5, 4), (99, 7), (49, 6), (0, 1), (0, 7), (1, 1), (0, 2), (1, 1), (1, 1), (6, 3), (0, 3))
    color = ((1, 1), (0, 1), (0, 1), (0, 1), (0, 2))
    header = packed((0, 3), (0, 1), (0, 1), *timing, (1, 1), (1, 5), *first, *second, *size, *color)
    found = av1.read_obus(b"\x12\0\x0a" + bytes((len(header),)) + header)
    assert found == VideoParameters("main", 4.1, 10, "4:2:0", None, None, False, "progressive")


def test_short_term_sets_predicted_from_others_are_skipped() -> None:
    profile = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x5d"
    sizes = (0, 1, 320, 240, (0, 1), 2, 2, 4, (0, 1), 4, 0, 0, 0, 3, 0, 0, 0, 0, (0, 1), (0, 2), (0, 1))
    sets = (2, 1, 1, 0, (1, 1), 0, (1, 1), (1, 1), (0, 1), 0, (1, 1), (0, 2), (1, 1))
    long_term = ((1, 1), 1, (5, 8), (1, 1), (0, 2))
    vui = ((1, 1), (0, 2), (1, 1), (5, 3), (0, 1), (1, 1), (9, 8), (18, 8), (9, 8), (0, 1), (0, 1), (1, 1))
    unit = b"\x42\x01" + profile + packed(*sizes, *sets, *long_term, *vui)
    assert hevc.read_sps(unit) == VideoParameters(
        "main", 3.1, 10, "4:2:0", "bt2020", "arib-std-b67", False, "interlaced"
    )


def test_picture_order_of_type_1_and_scaling_lists_of_h264_are_skipped() -> None:
    scaling = ((1, 1), (1, 1), 16, (0, 7))
    order = (0, 1, (0, 1), 0, 0, 2, 0, 0)
    rest = (4, (0, 1), 19, 14, (0, 1), (1, 1), (1, 1), (1, 1), 0, 0, 0, 4, (1, 1))
    vui = ((1, 1), (255, 8), (4, 16), (3, 16), (1, 1), (0, 1), (1, 1), (5, 3), (0, 1), (1, 1), (5, 8), (6, 8), (6, 8))
    unit = b"\x67\x7a\x10\x29" + packed(0, 2, 2, 2, (0, 1), *scaling, *order, *rest, *vui)
    assert h264.read_sps(unit) == VideoParameters(
        "high 4:2:2 intra", 4.1, 10, "4:2:2", "bt470bg", "smpte170m", False, "interlaced"
    )


def test_key_frame_of_vp9_states_depth_and_chroma() -> None:
    frame = packed((2, 2), (3, 2), (0, 1), (0, 1), (0, 1), (3, 2), (0x498342, 24), (1, 1), (2, 3), (0, 1), (2, 2))
    assert vp9.read_frame(frame) == VideoParameters(
        "profile 3", None, 12, "4:2:2", is_identity=False, scan="progressive"
    )


def test_other_frame_of_vp9_states_nothing() -> None:
    assert vp9.read_frame(packed((2, 2), (0, 2), (0, 1), (1, 1), (0, 30))) == NOTHING


def test_vvcc_states_profile_level_and_sample_format() -> None:
    record = bytes(4) + packed((31, 5), (3, 2), (1, 1), (0, 9), (1, 3), (0, 2), (1, 2), (2, 3), (31, 5))
    record += packed((0, 2), (1, 6), (1, 7), (0, 1), (51, 8))
    assert vvc.read_vvcc(record) == VideoParameters("main 10", 3.1, 10, "4:2:0", scan="progressive", states_color=False)


@given(st.sampled_from(RECORDS), st.integers(0, 300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255))))
def test_damaged_records_never_fail(row: pytest.param, length: int, flips: list[tuple[int, int]]) -> None:  # type: ignore[valid-type]
    read, record, _ = row.values  # type: ignore[attr-defined]
    data = bytearray.fromhex(record)[:length]
    for at, value in flips:
        if at < len(data):
            data[at] = value
    assert isinstance(read(bytes(data)), VideoParameters)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_any_record(data: bytes) -> None:
    for read in (h264.read_avcc, h264.read_sps, hevc.read_hvcc, hevc.read_sps, av1.read_av1c, vp9.read_vpcc):
        assert isinstance(read(data), VideoParameters)
    others = (vp9.read_frame, vvc.read_vvcc, mpeg4.read_headers, av1.read_obus, mpeg2.read_headers)
    for read in (*others, *frames.BY_CODEC.values()):
        assert isinstance(read(data), VideoParameters)
