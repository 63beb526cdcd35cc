"""Picture formats: what can be written, which reader opens a file, and what replaces a format that is not accepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact
from preflight.plans.tracks import is_accepted

PICTURE_READERS: Final = {
    **{name: (name.upper(),) for name in ("bmp", "dds", "gif", "icns", "ico", "png", "psd", "tiff", "webp")},
    **dict.fromkeys(("avif", "heif"), ("HEIF", "AVIF")),
    "heic": ("HEIF",),
    "jp2": ("JPEG2000",),
    "jpeg": ("JPEG", "MPO"),
}
"""By format, the readers of Pillow: it must not guess one from untrusted bytes."""
MAX_SIDES: Final = {
    "jpeg": 65_500, "png": 1 << 31, "webp": 16_383, "gif": 65_535, "bmp": 1 << 31, "tiff": 1 << 31,
    "heic": 16_384, "avif": 65_536,
}  # fmt: skip
"""The formats that can be written, with the longest side that they can have, in px."""
ANIMATED_FORMATS: Final = frozenset(("avif", "gif", "png", "webp"))
"""Formats that can be written with several frames."""
EVEN_SIDES: Final = frozenset(("heic",))
"""Formats whose encoder writes odd sides as a part (`clap`) of a larger picture, which many readers show completely."""
OPAQUE: Final = frozenset(("jpeg", "bmp"))
"""Formats that are written without transparency."""
WITHOUT_METADATA: Final = frozenset(("bmp", "gif"))
LOSSY: Final = frozenset(("avif", "heic", "jpeg", "webp"))
"""Formats whose size depends on a quality."""
_SUBSAMPLINGS: Final = {
    "jpeg": ("4:4:4", "4:2:2", "4:2:0"),
    "heic": ("4:4:4", "4:2:2", "4:2:0"),
    "avif": ("4:4:4", "4:2:2", "4:2:0"),
    "webp": ("4:2:0",),
}
_LOSSLESS_SOURCES: Final = frozenset(("bmp", "dds", "gif", "icns", "ico", "png", "psd"))
_PHOTOGRAPHS: Final = ("jpeg", "webp", "heic", "avif", "png", "tiff", "bmp", "gif")
_DRAWINGS: Final = ("png", "webp", "tiff", "bmp", "jpeg", "heic", "avif", "gif")
_TRANSPARENT: Final = ("png", "webp", "tiff", "avif", "heic", "gif", "jpeg", "bmp")
_MOVING: Final = ("webp", "gif", "avif")


def is_lossless(media: Subject) -> bool:
    """Return whether no pixel of the source was changed by its coding, as far as that is known."""
    if media.format in _LOSSLESS_SOURCES:
        return True
    return media.format in ("jp2", "tiff", "webp") and media.coding == "lossless"


def target_formats(media: Subject, accepted: Iterable[str], *, keeps_frames: bool = True) -> list[str]:
    """Return the accepted formats that a picture can be converted to, the preferred one first.

    keeps_frames  an animation may stay one
    """
    preferred: tuple[str, ...] = _DRAWINGS if is_lossless(media) else _PHOTOGRAPHS
    if media.has_alpha or (media.has_alpha is None and is_lossless(media)):
        preferred = _TRANSPARENT
    if media.animated and keeps_frames:
        preferred = (*_MOVING, *[name for name in preferred if name not in _MOVING])
    listed = frozenset(accepted)
    return [name for name in preferred if name in listed]


def chroma_for(media: Subject | None, written: str, limits: LimitsByFact) -> str | None:
    """Return the chroma subsampling of the result: that of the source, else the finest accepted; None: not stated."""
    possible = _SUBSAMPLINGS.get(written, ())
    own = (media.chroma,) if media is not None and media.chroma in possible else ()
    return next((name for name in (*own, *possible) if is_accepted(limits, "chroma", name)), None)
