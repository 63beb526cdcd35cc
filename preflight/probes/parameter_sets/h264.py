"""Read H.264: AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1), sequence parameter sets (H.264 7.3.2.1.1)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.bits import Bits, color_description, payload
from preflight.probes.parameter_sets.record import CHROMA_BY_IDC, NOTHING, VideoParameters, color_names

_PROFILES: Final = {
    44: "cavlc 4:4:4",
    66: "baseline",
    77: "main",
    88: "extended",
    100: "high",
    110: "high 10",
    118: "multiview high",
    122: "high 4:2:2",
    128: "stereo high",
    144: "high 4:4:4",
    244: "high 4:4:4 predictive",
}
_INTRA: Final = {110: "high 10 intra", 122: "high 4:2:2 intra", 244: "high 4:4:4 intra"}
_WITH_CHROMA_FORMAT: Final = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244))
"""Profiles whose parameter sets state chroma format and bit depth; all others have 4:2:0 and 8 bits."""
_CONSTRAINT_1: Final = 0x40
_CONSTRAINT_3: Final = 0x10
_LEVEL_1B: Final = 9


def read_avcc(data: bytes) -> VideoParameters:
    """Return what an `avcC` states; without a parameter set (`avc3`), only profile and level."""
    if len(data) < 8 or not data[5] & 31:
        return VideoParameters(_profile(data), _level(data[3]), states_color=False) if len(data) >= 4 else NOTHING
    return read_sps(data[8 : 8 + int.from_bytes(data[6:8])])


def read_sps(unit: bytes) -> VideoParameters:
    """Return what the NAL unit of a sequence parameter set states."""
    if len(unit) < 4:
        return NOTHING
    chroma = depth = scan = color = None
    states_color = False
    bits = Bits(payload(unit, 4))
    try:
        bits.skip_codes(1)  # seq_parameter_set_id
        chroma, depth = _sample_format(bits) if unit[1] in _WITH_CHROMA_FORMAT else ("4:2:0", 8)
        _skip_order_counts(bits)
        bits.skip_codes(1)  # max_num_ref_frames
        bits.skip(1)
        bits.skip_codes(2)  # size in macroblocks
        frames_only = bits.flag()
        scan = "progressive" if frames_only else "interlaced"
        bits.skip(1 if frames_only else 2)  # mb_adaptive_frame_field_flag, direct_8x8_inference_flag
        if bits.flag():  # frame_cropping_flag
            bits.skip_codes(4)
        color = color_description(bits) if bits.flag() else None
        states_color = True
    except (ValueError, IndexError):
        pass  # what was read before the fault counts
    return VideoParameters(_profile(unit), _level(unit[3]), depth, chroma, *color_names(color), scan, states_color)


def _profile(data: bytes) -> str | None:
    """Return the name of profile_idc and the constraint flags, which follow one byte (Annex A)."""
    profile, constraints = data[1], data[2]
    if profile == 66 and constraints & _CONSTRAINT_1:
        return "constrained baseline"
    return (_INTRA.get(profile) if constraints & _CONSTRAINT_3 else None) or _PROFILES.get(profile)


def _level(level_idc: int) -> float | None:
    return 1.0 if level_idc == _LEVEL_1B else level_idc / 10 or None


def _sample_format(bits: Bits) -> tuple[str, int]:
    """Return chroma and bits of luma."""
    chroma = bits.code()
    if chroma == 3:
        bits.skip(1)  # separate_colour_plane_flag
    depth = 8 + bits.code()
    if depth > 14:
        raise ValueError("impossible bit depth")
    bits.skip_codes(1)  # bit_depth_chroma_minus8
    bits.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():  # seq_scaling_matrix_present_flag
        for index in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return CHROMA_BY_IDC[chroma], depth


def _skip_scaling_list(bits: Bits, size: int) -> None:
    """Skip a scaling list, which ends where the next scale would be 0 (7.3.2.1.1.1)."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_code()) % 256
        last = following or last


def _skip_order_counts(bits: Bits) -> None:
    bits.skip_codes(1)  # log2_max_frame_num_minus4
    kind = bits.code()  # pic_order_cnt_type
    if kind == 0:
        bits.skip_codes(1)
    elif kind == 1:
        bits.skip(1)
        bits.skip_codes(2)
        bits.skip_codes(min(bits.code(), 255))
