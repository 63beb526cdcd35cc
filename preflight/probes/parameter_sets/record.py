"""The record that all readers of parameter sets return."""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.formats import PRIMARIES_BY_CODE, TRANSFER_BY_CODE

CHROMA_BY_IDC: Final = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
"""Names of chroma_format_idc (H.264 table 6-1)."""
_IDENTITY: Final = 0
"""matrix_coefficients of green, blue and red that are coded without conversion (ITU-T H.273 table 4)."""


class VideoParameters(NamedTuple):
    """What a configuration states about pictures, in the words of the facts of `Media`; None: not stated.

    is_identity   the components are green, blue and red
    states_color  a color that is not stated is not stated in the coded data either
    """

    profile: str | None = None
    level: float | None = None
    bit_depth: int | None = None
    chroma: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    is_identity: bool | None = None
    scan: str | None = None
    states_color: bool = True

    @property
    def color_model(self) -> str | None:
        """Return what the components are: YCbCr unless stated otherwise."""
        if self.chroma == "4:0:0":
            return "gray"
        if self.is_identity:
            return "rgb"
        return "ycbcr" if self.chroma is not None or self.is_identity is not None else None


NOTHING: Final = VideoParameters(states_color=False)


def color_names(code_points: tuple[int, int, int] | None) -> tuple[str | None, str | None, bool | None]:
    """Return primaries, transfer and `is_identity` by three code points of ITU-T H.273; None: not stated."""
    if code_points is None:
        return None, None, None
    primaries, transfer, matrix = code_points
    return PRIMARIES_BY_CODE.get(primaries), TRANSFER_BY_CODE.get(transfer), matrix == _IDENTITY
