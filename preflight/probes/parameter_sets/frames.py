"""Read the headers of frames, for codecs that have no parameters outside of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from preflight.formats import CHROMA_BY_SAMPLES
from preflight.probes.parameter_sets import mpeg2
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters, color_names

FIRST_BYTES: Final = 1024
"""Bytes of a frame that are read: they hold the tables of a JPEG before its frame header."""


def _read_prores(data: bytes) -> VideoParameters:
    """Read a frame header (SMPTE RDD 36 5.1); the bit depth is not in it."""
    if data[4:8] != b"icpf" or len(data) < 25:
        return NOTHING
    flags = data[20]
    chroma = {2: "4:2:2", 3: "4:4:4"}.get(flags >> 6)
    scan = "interlaced" if flags >> 2 & 3 else "progressive"
    return VideoParameters(None, None, None, chroma, *color_names((data[22], data[23], data[24])), scan)


_DNX_PREFIX: Final = b"\0\0\2\x80"
_DNX_PROFILES: Final = {1270: "dnxhr 444", 1271: "dnxhr hqx", 1272: "dnxhr hq", 1273: "dnxhr sq", 1274: "dnxhr lb"}
_DNX_DEPTHS: Final = {1: 8, 2: 10, 3: 12}


def _read_dnx(data: bytes) -> VideoParameters:
    """Read a frame header of DNxHD or DNxHR, whose first field has its own length in DNxHR (SMPTE ST 2019-1 6.1)."""
    if len(data) < 0x2D or data[:2] != _DNX_PREFIX[:2]:
        return NOTHING
    name = _DNX_PROFILES.get(int.from_bytes(data[0x28:0x2C]), "dnxhd")
    chroma = "4:4:4" if data[0x2C] & 0x40 else "4:2:2"
    scan = "interlaced" if data[5] & 2 else "progressive"
    return VideoParameters(name, None, _DNX_DEPTHS.get(data[0x21] >> 5), chroma, scan=scan, states_color=False)


_JPEG_FRAMES: Final = frozenset((0xC0, 0xC1, 0xC2, 0xC3))
_MAX_SEGMENTS: Final = 32


def _read_jpeg(data: bytes) -> VideoParameters:
    """Read the frame header of a JPEG (ITU-T T.81 B.2.2): precision and sampling factors of three components."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if marker in _JPEG_FRAMES and len(body) >= 9:
            if len(body) < 15:
                return VideoParameters(bit_depth=body[0], chroma="4:0:0" if body[5] == 1 else None)
            return VideoParameters(bit_depth=body[0], chroma=_jpeg_chroma(body[7], body[10], body[13]))
        at += 2 + length
    return NOTHING


def _jpeg_chroma(luma: int, blue: int, red: int) -> str | None:
    """Return the chroma by the sampling factors of components, each horizontal and vertical in four bits."""
    across, down = blue >> 4, blue & 15
    if red != blue or not across or not down or (luma >> 4) % across or (luma & 15) % down:
        return None
    return CHROMA_BY_SAMPLES.get(((luma >> 4) // across, (luma & 15) // down))


def _read_png(data: bytes) -> VideoParameters:
    """Read IHDR (PNG 11.2.1)."""
    if data[12:16] != b"IHDR" or len(data) < 26:
        return NOTHING
    depth, kind = data[24], data[25]
    if kind in (0, 4):
        return VideoParameters(bit_depth=depth, chroma="4:0:0")
    return VideoParameters(bit_depth=depth, is_identity=True) if kind in (2, 6) else VideoParameters(bit_depth=depth)


BY_CODEC: Final[dict[str, Callable[[bytes], VideoParameters]]] = {
    "dnxhd": _read_dnx,
    "mjpeg": _read_jpeg,
    "mpeg1video": mpeg2.read_headers,
    "mpeg2video": mpeg2.read_headers,
    "png": _read_png,
    "prores": _read_prores,
}
"""By codec: how the first bytes of a frame are read."""
