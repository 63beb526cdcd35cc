"""Read AV1: AV1CodecConfigurationRecord (AV1 ISOBMFF 2.3.3), sequence headers (AV1 5.3, 5.5)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.bits import Bits
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters, color_names

_PROFILES: Final = ("main", "high", "professional")
_SEQUENCE_HEADER: Final = 1
_MAX_OBUS: Final = 8
_SELECT: Final = 2
_RGB: Final = (1, 13, 0)
"""Code points of sRGB, which are coded without subsampling and without further fields."""


def read_av1c(data: bytes) -> VideoParameters:
    """Return what an `av1C` states. A sequence header in it decides: some writers of AVIF copied fixed fields."""
    if len(data) < 4:
        return NOTHING
    fields = data[2]
    mono, across, down = fields & 0x10, fields & 8, fields & 4
    stated = VideoParameters(
        _name(data[1] >> 5),
        _level(data[1] & 31),
        (12 if fields & 0x20 else 10) if fields & 0x40 else 8,
        "4:0:0" if mono else "4:2:0" if down else "4:2:2" if across else "4:4:4",
        scan="progressive",
        states_color=False,
    )
    return read_obus(data[4:], stated)


def read_obus(data: bytes, stated: VideoParameters = NOTHING) -> VideoParameters:
    """Return what the first sequence header among the OBUs at the start of `data` states, else what was `stated`."""
    at = 0
    for _ in range(_MAX_OBUS):
        if at + 2 > len(data) or data[at] & 0x80:
            break
        kind, has_extension, has_size = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] & 2
        at += 1 + has_extension
        length = len(data) - at
        if has_size:
            length, at = _leb128(data, at)
        if kind == _SEQUENCE_HEADER:
            return _read_sequence_header(data[at : at + length], stated)
        at += length
    return stated


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and the offset after it (4.10.5)."""
    value = 0
    for index, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    return len(data), at


def _read_sequence_header(data: bytes, stated: VideoParameters) -> VideoParameters:
    bits = Bits(data)
    try:
        profile = bits.take(3)
        bits.skip(1)  # still_picture
        if bits.flag():  # reduced_still_picture_header
            level = bits.take(5)
            _skip_size(bits)
            bits.skip(3)
        else:
            level = _read_operating_points(bits)
            _skip_size(bits)
            _skip_tools(bits)
        bits.skip(3)  # enable_superres, enable_cdef, enable_restoration
        return _read_color(bits, profile, _level(level))
    except ValueError:
        return stated


def _name(profile: int) -> str | None:
    return _PROFILES[profile] if profile < len(_PROFILES) else None


def _level(index: int) -> float:
    """Return the level of seq_level_idx: 2.0 and four to each integer (A.3); 9.3 has no maxima."""
    return 2 + (index >> 2) + (index & 3) / 10


def _read_operating_points(bits: Bits) -> int:
    """Return seq_level_idx of the first operating point (5.5.1)."""
    delay_bits = 0
    has_model = False
    if bits.flag():  # timing_info_present_flag
        bits.skip(64)
        if bits.flag():  # equal_picture_interval
            bits.skip_codes(1)
        has_model = bits.flag()
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.skip(32 + 5 + 5)
    has_delays = bits.flag()  # initial_display_delay_present_flag
    first = 0
    for index in range(bits.take(5) + 1):
        bits.skip(12)  # operating_point_idc
        level = bits.take(5)
        first = first if index else level
        if level > 7:
            bits.skip(1)  # seq_tier
        if has_model and bits.flag():
            bits.skip(2 * delay_bits + 1)
        if has_delays and bits.flag():
            bits.skip(4)
    return first


def _skip_size(bits: Bits) -> None:
    across, down = bits.take(4), bits.take(4)
    bits.skip(across + 1 + down + 1)


def _skip_tools(bits: Bits) -> None:
    """Skip the tools that a reduced header leaves out, and those before them."""
    if bits.flag():  # frame_id_numbers_present_flag
        bits.skip(7)
    bits.skip(3 + 4)  # use_128x128_superblock … enable_filter_intra, enable_dual_filter
    has_order_hint = bits.flag()
    if has_order_hint:
        bits.skip(2)
    screen_content = _SELECT if bits.flag() else bits.take(1)
    if screen_content and not bits.flag():  # seq_choose_integer_mv
        bits.skip(1)
    if has_order_hint:
        bits.skip(3)


def _read_color(bits: Bits, profile: int, level: float) -> VideoParameters:
    """Read color_config (5.5.2) and return everything."""
    name = _name(profile)
    high = bits.flag()
    depth = 12 if profile == 2 and high and bits.flag() else 10 if high else 8
    mono = profile != 1 and bits.flag()
    color = (bits.take(8), bits.take(8), bits.take(8)) if bits.flag() else (2, 2, 2)
    if mono:
        chroma = "4:0:0"
    elif color == _RGB:
        chroma = "4:4:4"
    else:
        bits.skip(1)  # color_range
        chroma = _subsampling(bits, profile, depth)
    return VideoParameters(name, level, depth, chroma, *color_names(color), "progressive")


def _subsampling(bits: Bits, profile: int, depth: int) -> str:
    if profile < 2:
        return "4:4:4" if profile else "4:2:0"
    if depth < 12:
        return "4:2:2"
    if not bits.flag():
        return "4:4:4"
    return "4:2:0" if bits.flag() else "4:2:2"
