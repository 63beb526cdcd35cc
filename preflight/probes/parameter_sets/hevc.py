"""Read HEVC: HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1), sequence parameter sets (H.265 7.3.2.2)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.bits import Bits, color_description, payload
from preflight.probes.parameter_sets.record import CHROMA_BY_IDC, NOTHING, VideoParameters, color_names

_PROFILES: Final = {
    1: "main",
    2: "main 10",
    3: "main still picture",
    4: "rext",
    5: "high throughput",
    6: "multiview main",
    7: "scalable main",
    8: "3d main",
    9: "scc",
}
_SPS: Final = 33
_MAX_ARRAYS: Final = 16
_MAX_UNITS: Final = 16
_RECORD_BYTES: Final = 23
_PROFILE_BYTES: Final = 13
_SOURCE_FLAGS: Final = 0xC0
"""general_progressive_source_flag and general_interlaced_source_flag, in the byte after the compatibility flags."""
_INTERLACED: Final = 0x40
_MAX_SHORT_TERM_SETS: Final = 64
_MAX_LONG_TERM_PICTURES: Final = 32
_MAX_PICTURES: Final = 16


def read_hvcc(data: bytes, *, with_color: bool = True) -> VideoParameters:
    """Return what an `hvcC` states. Its parameter set decides: some writers leave the fields of the record at 0.

    with_color  read on to the color and the coding of fields, which are at the end of a parameter set
    """
    if len(data) < _RECORD_BYTES:
        return NOTHING
    unit = _parameter_set(data)
    if unit:
        return read_sps(unit, with_color=with_color)
    profile, level, scan = _profile_tier_level(data)
    return VideoParameters(
        profile, level, 8 + (data[17] & 7), CHROMA_BY_IDC[data[16] & 3], scan=scan, states_color=False
    )


def _parameter_set(data: bytes) -> bytes:
    """Return the first sequence parameter set of the base layer among the arrays of NAL units; empty if none."""
    at = _RECORD_BYTES
    for _ in range(min(data[22], _MAX_ARRAYS)):
        kind, count = data[at : at + 1], int.from_bytes(data[at + 1 : at + 3])
        at += 3
        for _ in range(min(count, _MAX_UNITS)):
            end = at + 2 + int.from_bytes(data[at : at + 2])
            if kind and kind[0] & 63 == _SPS and data[at + 2 : at + 4] < b"\x42\x08":  # nuh_layer_id 0
                return data[at + 2 : end]
            at = end
    return b""


def read_sps(unit: bytes, *, with_color: bool = True) -> VideoParameters:
    """Return what the NAL unit of a sequence parameter set of the base layer states."""
    body = payload(unit, 2)
    if len(body) < _PROFILE_BYTES:
        return NOTHING
    profile, level, scan = _profile_tier_level(body)
    chroma = depth = color = None
    states_color = False
    bits = Bits(body[_PROFILE_BYTES:])
    sub_layers = body[0] >> 1 & 7
    try:
        if sub_layers:
            _skip_sub_layers(bits, sub_layers)
        bits.skip_codes(1)  # sps_seq_parameter_set_id
        chroma, depth = _sample_format(bits)
        if with_color:
            _skip_to_vui(bits, sub_layers)
            if bits.flag():  # vui_parameters_present_flag
                color, codes_fields = _read_vui(bits)
                scan = "interlaced" if codes_fields else scan
            states_color = True
    except (ValueError, IndexError):
        pass  # what was read before the fault counts
    return VideoParameters(profile, level, depth, chroma, *color_names(color), scan, states_color)


def _read_vui(bits: Bits) -> tuple[tuple[int, int, int] | None, bool]:
    """Return the code points of the color, and field_seq_flag (E.2.1)."""
    color = color_description(bits)
    if bits.flag():  # chroma_loc_info_present_flag
        bits.skip_codes(2)
    bits.skip(1)  # neutral_chroma_indication_flag
    return color, bits.flag()


def _profile_tier_level(data: bytes) -> tuple[str | None, float | None, str]:
    """Return profile, level and scan by general_profile_idc and what follows it, behind one byte (7.3.3)."""
    scan = "interlaced" if data[6] & _SOURCE_FLAGS == _INTERLACED else "progressive"
    return _PROFILES.get(data[1] & 31), round(data[12] / 30, 1) or None, scan


def _sample_format(bits: Bits) -> tuple[str, int]:
    """Return chroma and bits of luma, between which is the size."""
    chroma = bits.code()
    if chroma == 3:
        bits.skip(1)  # separate_colour_plane_flag
    bits.skip_codes(2)  # size
    if bits.flag():  # conformance_window_flag
        bits.skip_codes(4)
    depth = 8 + bits.code()
    if depth > 16:
        raise ValueError("impossible bit depth")
    return CHROMA_BY_IDC[chroma], depth


def _skip_sub_layers(bits: Bits, count: int) -> None:
    """Skip the profiles and levels of sub-layers (7.3.3)."""
    present = [(bits.flag(), bits.flag()) for _ in range(count)]
    bits.skip(2 * (8 - count))
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)


def _skip_to_vui(bits: Bits, sub_layers: int) -> None:
    bits.skip_codes(1)  # bit_depth_chroma_minus8
    order_bits = 4 + bits.code()
    bits.skip_codes(3 * (sub_layers + 1 if bits.flag() else 1))  # sub_layer_ordering_info_present_flag
    bits.skip_codes(6)  # sizes of blocks
    if bits.flag() and bits.flag():  # scaling_list_enabled_flag, sps_scaling_list_data_present_flag
        _skip_scaling_lists(bits)
    bits.skip(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag():  # pcm_enabled_flag
        bits.skip(8)
        bits.skip_codes(2)
        bits.skip(1)
    _skip_short_term_sets(bits)
    if bits.flag():  # long_term_ref_pics_present_flag
        count = bits.code()
        if count > _MAX_LONG_TERM_PICTURES:
            raise ValueError("impossible number of long-term pictures")
        bits.skip(count * (order_bits + 1))
    bits.skip(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag


def _skip_scaling_lists(bits: Bits) -> None:
    """Skip scaling_list_data (7.3.4)."""
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():  # scaling_list_pred_mode_flag
                bits.skip_codes(1)
            else:
                bits.skip_codes((1 if size > 1 else 0) + min(64, 1 << 4 + 2 * size))


def _skip_short_term_sets(bits: Bits) -> None:
    """Skip the st_ref_pic_sets (7.3.7), whose lengths depend on the numbers of pictures of earlier ones."""
    count = bits.code()
    if count > _MAX_SHORT_TERM_SETS:
        raise ValueError("impossible number of short-term sets")
    pictures = 0
    for index in range(count):
        if index and bits.flag():  # inter_ref_pic_set_prediction_flag
            bits.skip(1)
            bits.skip_codes(1)
            kept = 0
            for _ in range(pictures + 1):
                kept += bits.flag() or bits.flag()  # used_by_curr_pic_flag, use_delta_flag
            pictures = kept
        else:
            pictures = bits.code() + bits.code()
            if pictures > _MAX_PICTURES:
                raise ValueError("impossible number of pictures")
            for _ in range(pictures):
                bits.skip_codes(1)
                bits.skip(1)
