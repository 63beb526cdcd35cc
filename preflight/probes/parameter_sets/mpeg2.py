"""Read MPEG-2 and MPEG-1 video: sequence headers and extensions (ISO/IEC 13818-2 6.2.2, 6.2.3; ISO/IEC 11172-2)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.bits import Bits
from preflight.probes.parameter_sets.record import CHROMA_BY_IDC, NOTHING, VideoParameters, color_names

FIRST_BYTES: Final = 512
"""Bytes of a key frame that hold its headers: matrices take up to 256 of them."""
_PREFIX: Final = b"\0\0\1"
_SEQUENCE, _EXTENSION = 0xB3, 0xB5
_SLICES: Final = range(0x01, 0xB0)
_SEQUENCE_EXTENSION, _DISPLAY_EXTENSION, _PICTURE_EXTENSION = 1, 2, 8
_MAX_CODES: Final = 16
_PROFILES: Final = {1: "high", 2: "spatially scalable", 3: "snr scalable", 4: "main", 5: "simple"}
_ESCAPED: Final = {0x82: "4:2:2", 0x85: "4:2:2"}
"""Profiles whose escape bit is set (table 8-5)."""


def read_headers(data: bytes) -> VideoParameters:
    """Return what the headers of a key frame state; without a sequence extension they are those of MPEG-1."""
    at = data.find(_PREFIX + bytes((_SEQUENCE,)))
    if at < 0:
        return NOTHING
    name = color = None
    chroma, scan = "4:2:0", "progressive"
    for _ in range(_MAX_CODES):
        at = data.find(_PREFIX, at) + 4
        if at < 4 or at >= len(data) or data[at - 1] in _SLICES:
            break
        body = data[at : at + 16]
        if data[at - 1] != _EXTENSION or len(body) < 8:
            continue
        kind = body[0] >> 4
        if kind == _SEQUENCE_EXTENSION:
            level = (body[0] & 15) << 4 | body[1] >> 4
            name = _ESCAPED.get(level) if level & 0x80 else _PROFILES.get(level >> 4)
            chroma = CHROMA_BY_IDC[body[1] >> 1 & 3]
            scan = "progressive" if body[1] & 8 else "interlaced"
        elif kind == _DISPLAY_EXTENSION and body[0] & 1:
            color = (body[1], body[2], body[3])
        elif kind == _PICTURE_EXTENSION and scan == "interlaced":
            scan = "progressive" if _is_progressive(body) else scan
    return VideoParameters(name, None, 8, chroma, *color_names(color), scan)


def _is_progressive(extension: bytes) -> bool:
    """Return progressive_frame of a picture coding extension (6.2.3.1)."""
    bits = Bits(extension)
    bits.skip(32)
    return bits.flag()
