"""Read VP9: VPCodecConfigurationRecord (VP9 in ISO base media files 1.0), headers of key frames (VP9 6.2, 7.2)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.bits import Bits
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters, color_names

_CHROMAS: Final = ("4:2:0", "4:2:0", "4:2:2", "4:4:4")
"""By chromaSubsampling: vertical and collocated siting of 4:2:0, then the others."""
_FRAME_MARKER: Final = 2
_SYNC_CODE: Final = 0x498342
_RGB: Final = 7
_HEADER_BYTES: Final = 16


def read_vpcc(data: bytes) -> VideoParameters:
    """Return what the body of a `vpcC` states, which begins with version and flags."""
    if len(data) < 10 or data[:1] != b"\1":
        return NOTHING
    profile, level, fields = data[4], data[5], data[6]
    chroma = fields >> 1 & 7
    return VideoParameters(
        f"profile {profile}" if profile <= 3 else None,
        level / 10 or None,
        fields >> 4 or None,
        _CHROMAS[chroma] if chroma < len(_CHROMAS) else None,
        *color_names((data[7], data[8], data[9])),
        "progressive",
    )


def read_frame(data: bytes) -> VideoParameters:
    """Return what the uncompressed header of a key frame states; nothing for other frames."""
    bits = Bits(data[:_HEADER_BYTES])
    try:
        if bits.take(2) != _FRAME_MARKER:
            return NOTHING
        profile = bits.take(1) | bits.take(1) << 1
        if profile == 3:
            bits.skip(1)
        # show_existing_frame; frame_type is 0 for a key frame; then show_frame and error_resilient_mode
        if bits.flag() or bits.flag() or (bits.take(2), bits.take(24))[1] != _SYNC_CODE:
            return NOTHING
        return _read_color(bits, profile)
    except ValueError:
        return NOTHING


def _read_color(bits: Bits, profile: int) -> VideoParameters:
    """Read color_config (6.2.2)."""
    depth = (12 if bits.flag() else 10) if profile >= 2 else 8
    space = bits.take(3)
    chroma = "4:4:4" if space == _RGB else "4:2:0"
    if space != _RGB:
        bits.skip(1)  # color_range
        if profile & 1:
            across, down = bits.flag(), bits.flag()
            chroma = ("4:2:0" if down else "4:2:2") if across else ("4:4:0" if down else "4:4:4")
    # The other color spaces do not say which primaries and transfer they mean.
    return VideoParameters(f"profile {profile}", None, depth, chroma, is_identity=space == _RGB, scan="progressive")
