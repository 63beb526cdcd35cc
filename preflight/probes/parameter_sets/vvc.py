"""Read VVC: VvcDecoderConfigurationRecord (ISO/IEC 14496-15 11.2.4.2)."""

from __future__ import annotations

from typing import Final

from preflight.probes.parameter_sets.record import CHROMA_BY_IDC, NOTHING, VideoParameters

_PROFILES: Final = {
    1: "main 10",
    17: "multilayer main 10",
    33: "main 10 4:4:4",
    49: "multilayer main 10 4:4:4",
    65: "main 10 still picture",
    97: "main 10 4:4:4 still picture",
}


def read_vvcc(data: bytes) -> VideoParameters:
    """Return what the body of a `vvcC` states, which begins with version and flags."""
    if len(data) < 11 or not data[4] & 1:  # ptl_present_flag
        return NOTHING
    return VideoParameters(
        _PROFILES.get(data[9] >> 1),
        _level(data[10]),
        8 + (data[7] >> 5),
        CHROMA_BY_IDC[data[6] & 3],
        scan="progressive",
        states_color=False,
    )


def _level(code: int) -> float | None:
    """Return the level of general_level_idc: 16 to each integer and 3 to each tenth (H.266 A.4)."""
    return code // 16 + code % 16 // 3 / 10 if code else None
