"""Read the boxes that describe coded pictures, in the sample entries of MP4 and as item properties of HEIF alike.

The configuration of the codec states profile, level and sample format. `colr` states the color, by code points or else
by an ICC profile, and takes precedence over the coded data (ISO/IEC 14496-12 12.1.5). `dvcC`, `dvvC` and `dvwC`
announce Dolby Vision (Dolby Vision Streams Within the ISO Base Media File Format 2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypedDict

from preflight.formats import HDR_BY_TRANSFER
from preflight.media import NONE
from preflight.probes import color
from preflight.probes.parameter_sets import av1, h264, hevc, vp9, vvc
from preflight.probes.parameter_sets.record import VideoParameters

CONFIGURATIONS: Final[dict[bytes, Callable[[bytes], VideoParameters]]] = {
    b"av1C": av1.read_av1c,
    b"avcC": h264.read_avcc,
    b"hvcC": hevc.read_hvcc,
    b"vpcC": vp9.read_vpcc,
    b"vvcC": vvc.read_vvcc,
}
DOLBY_VISION: Final = frozenset((b"dvcC", b"dvvC", b"dvwC"))
_CODE_POINTS: Final = frozenset((b"nclx", b"nclc"))
"""Types of `colr` that hold code points of ITU-T H.273; the older has no matrix that differs."""
_MAX_PROFILE_BYTES: Final = 64 << 10
_PROFILES: Final = frozenset((b"prof", b"rICC"))
"""Types of `colr` that hold an ICC profile."""


class PictureFacts(TypedDict, total=False):
    """The facts of `Media` that coded pictures of films and of stills have."""

    bit_depth: int | None
    chroma: str | None
    color_model: str | None
    primaries: str | None
    transfer: str | None
    hdr: str | None


def with_colr(parameters: VideoParameters, bodies: Sequence[bytes]) -> VideoParameters:
    """Return the parameters with the color that the first `colr` with code points states, else the first profile."""
    for body in bodies:
        if body[:4] in _CODE_POINTS and len(body) >= 10:
            primaries, transfer, matrix = (int.from_bytes(body[at : at + 2]) for at in (4, 6, 8))
            stated = color.from_codes(primaries, transfer)
            return parameters._replace(
                primaries=stated.primaries or parameters.primaries,
                transfer=stated.transfer or parameters.transfer,
                is_identity=matrix == 0,
                states_color=True,
            )
    profile = next((body[4:] for body in bodies if body[:4] in _PROFILES), None)
    if profile is None:
        return parameters
    stated = color.from_profile(profile[:_MAX_PROFILE_BYTES])
    return parameters._replace(primaries=stated.primaries, transfer=stated.transfer, states_color=True)


def picture_facts(parameters: VideoParameters, *, dolby_vision: bool = False) -> PictureFacts:
    """Return the facts; what states no transfer has none of high dynamic range."""
    hdr = HDR_BY_TRANSFER.get(parameters.transfer or "", NONE) if parameters.states_color else None
    return PictureFacts(
        bit_depth=parameters.bit_depth,
        chroma=parameters.chroma,
        color_model=parameters.color_model,
        primaries=parameters.primaries,
        transfer=parameters.transfer,
        hdr="dolby_vision" if dolby_vision else hdr,
    )
