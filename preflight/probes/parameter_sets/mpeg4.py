"""Read MPEG-4 part 2: the headers of visual objects in a decoder's configuration (ISO/IEC 14496-2 6.2.2, 6.2.3)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.bits import Bits
from preflight.probes.parameter_sets.record import VideoParameters, color_names

_PREFIX: Final = b"\0\0\1"
_SEQUENCE, _OBJECT = 0xB0, 0xB5
_LAYERS: Final = range(0x20, 0x30)
_MAX_CODES: Final = 16
_PROFILES: Final = (
    "simple profile",
    "simple scalable profile",
    "core profile",
    "main profile",
    "n-bit profile",
    "scalable texture profile",
    "simple face animation profile",
    "basic animated texture profile",
    "hybrid profile",
    "advanced real time simple profile",
    "core scalable profile",
    "advanced coding efficiency profile",
    "advanced core profile",
    "advanced scalable texture profile",
    "simple studio profile",
    "advanced simple profile",
)
"""By the upper half of profile_and_level_indication (table G.1), in ffprobe's words."""
_EXTENDED_RATIO: Final = 15
_RECTANGULAR: Final = 0
_LEVEL_0: Final = 8
"""Level of the simple profile that means level 0."""


def read_headers(data: bytes) -> VideoParameters:
    """Return what the headers before the first picture state. All profiles but two, which are rare, have 8 bits."""
    name = number = color = scan = None
    at = 0
    for _ in range(_MAX_CODES):
        at = data.find(_PREFIX, at) + 4
        if at < 4 or at > len(data):
            break
        code, body = data[at - 1], data[at : at + 64]
        if code == _SEQUENCE and body:
            profile, level = body[0] >> 4, body[0] & 15
            name, number = _PROFILES[profile], 0.0 if profile == 0 and level == _LEVEL_0 else float(level)
        elif code == _OBJECT:
            color = _color(body)
        elif code in _LAYERS:
            scan = _scan(body)
    return VideoParameters(name, number, 8, "4:2:0", *color_names(color), scan)


def _color(body: bytes) -> tuple[int, int, int] | None:
    """Read VisualObject up to its colour_description."""
    bits = Bits(body)
    try:
        if bits.flag():  # is_visual_object_identifier
            bits.skip(7)
        if bits.take(4) not in (1, 2) or not bits.flag():  # video or still texture; video_signal_type
            return None
        bits.skip(4)
        return (bits.take(8), bits.take(8), bits.take(8)) if bits.flag() else None
    except ValueError:
        return None


def _scan(body: bytes) -> str | None:
    """Read VideoObjectLayer up to `interlaced`."""
    bits = Bits(body)
    try:
        bits.skip(9)  # random_accessible_vol, video_object_type_indication
        if bits.flag():  # is_object_layer_identifier
            bits.skip(7)
        if bits.take(4) == _EXTENDED_RATIO:
            bits.skip(16)
        if bits.flag():  # vol_control_parameters
            bits.skip(3)
            if bits.flag():  # vbv_parameters
                bits.skip(79)
        if bits.take(2) != _RECTANGULAR:
            return None
        bits.skip(1)
        resolution = bits.take(16)  # vop_time_increment_resolution
        bits.skip(1)
        if bits.flag():  # fixed_vop_rate
            bits.skip(max(1, (resolution - 1).bit_length()))
        bits.skip(29)  # size, between markers
        return "interlaced" if bits.flag() else "progressive"
    except ValueError:
        return None
