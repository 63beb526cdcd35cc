"""Choose how colors are converted: to those of standard dynamic range that players assume."""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.formats import HDR_BY_TRANSFER, IMAGE
from preflight.media import NONE
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact
from preflight.plans.tracks import FactValue, is_accepted
from preflight.report import Obstacle

CMYK_MODELS: Final = frozenset(("cmyk", "ycck"))
"""Color models of cyan, magenta, yellow and black; such pictures become sRGB."""
_PRIMARIES: Final = frozenset(
    ("bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "smpte428", "smpte431", "smpte432")
)
_TRANSFERS: Final = frozenset(
    ("bt709", "bt470m", "bt470bg", "smpte170m", "linear", "log100", "log316", "iec61966-2-4", "iec61966-2-1",
     "bt2020-10", "bt2020-12", "smpte2084", "arib-std-b67")
)  # fmt: skip
"""What ffmpeg's filter zscale reads."""
_FACTS: Final = frozenset(("primaries", "transfer"))
_TONE_MAPPING: Final = "t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale="
_MIN_HD_HEIGHT: Final = 720
_RESULT: Final = "p=bt709:t=bt709:m=bt709:r=tv"

_HDR_NAMES: Final = {"pq": "PQ", "hlg": "HLG", "dolby_vision": "Dolby Vision", "gain_map": "a gain map"}


class Colors(NamedTuple):
    """Colors after a conversion."""

    primaries: str
    transfer: str
    is_tone_mapped: bool

    def values(self) -> dict[str, FactValue]:
        """Return the facts of the result."""
        return {"primaries": self.primaries, "transfer": self.transfer, "hdr": NONE}

    def are_accepted(self, limits: LimitsByFact) -> bool:
        """Return whether the colors are inside their limits."""
        return all(is_accepted(limits, fact, value) for fact, value in self.values().items())


def target_colors(
    media: Subject, wrong: frozenset[str], choices: Choices = DEFAULT_CHOICES
) -> Colors | Obstacle | None:
    """Return the colors to convert to; None: they stay the same. 8 bits are too few for HDR.

    An obstacle if that is tone mapping and the choices refuse it.
    """
    is_hdr = media.hdr not in (None, NONE) and not _has_standard_base(media)
    is_wrong = "hdr" in wrong or not wrong.isdisjoint(_FACTS)
    is_cmyk = "color_model" in wrong and media.color_model in CMYK_MODELS
    if not (is_wrong or is_cmyk or (is_hdr and "bit_depth" in wrong)):
        return None
    if is_hdr and choices.hdr == "refuse":
        kind = _HDR_NAMES.get(media.hdr or "", "HDR")
        return Obstacle(f"The picture is HDR ({kind}) and would have to be tone-mapped.", "hdr")
    return Colors("bt709", "iec61966-2-1" if media.kind == IMAGE else "bt709", is_hdr)


def _has_standard_base(media: Subject) -> bool:
    """Return whether the pictures are of standard range, and Dolby Vision only adds to them (profile 8.2)."""
    return media.hdr == "dolby_vision" and media.transfer is not None and media.transfer not in HDR_BY_TRANSFER


def color_filters(media: Subject, colors: Colors) -> str | None:
    """Return ffmpeg's filters for a video; None if they could not read its colors."""
    transfer = media.transfer or "bt709"
    primaries = media.primaries or ("bt2020" if transfer in HDR_BY_TRANSFER else "bt709")
    readable = HDR_BY_TRANSFER if colors.is_tone_mapped else _TRANSFERS
    if primaries not in _PRIMARIES or transfer not in readable:
        return None
    tone_mapping = _TONE_MAPPING if colors.is_tone_mapped else ""
    return f"zscale=pin={primaries}:tin={transfer}:{_matrix(media, primaries)}{tone_mapping}{_RESULT}"


def _matrix(media: Subject, primaries: str) -> str:
    """Return the matrix of a video that states no colors, which is then a matter of its primaries and its size."""
    if media.primaries is not None or media.color_model in ("palette", "rgb"):
        return ""
    if primaries == "bt2020":
        return "min=bt2020nc:"
    return "min=bt709:" if (media.height or 0) >= _MIN_HD_HEIGHT else "min=smpte170m:"
