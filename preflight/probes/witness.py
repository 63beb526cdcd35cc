"""Whether anything else agrees with a library that could not decode a picture.

A library that stumbles is no proof: it may not know the coding, or err. Only what a second, independent witness shows
too is a fault of the file: our reader of the header, its structure, or another decoder.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, NamedTuple

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.media import Media
from preflight.probes.opinions import ffmpeg, structure
from preflight.sources import Source
from preflight.worker import Limits

_DEMUXERS: Final = {
    **{name: f"{name}_pipe" for name in ("bmp", "jpeg", "png", "tiff", "webp")},
    **dict.fromkeys(("avif", "heic", "heif"), "mov"),
    "gif": "gif",
}
"""ffmpeg's demuxers of formats that it decodes itself. Its JPEG 2000 refuses files that are in order."""
_COMPLETE: Final = frozenset(("gif", "jpeg", "png", "webp"))
"""Formats that ffmpeg knows in full: that it cannot open one says something of the file. Of others it may not."""
_UNABLE: Final = (
    *("not supported", "unsupported", "not implemented", "not yet implemented", "unknown", "not found"),
    "picture size",  # of a JPEG whose height follows its picture (DNL, T.81 B.2.5)
)


class Witness(NamedTuple):
    """What a second witness shows. `code`: `truncated` or `corrupt`."""

    code: str
    detail: str


def second_witness(source: Source, media: Media, limits: Limits, opened: bool) -> Witness | None:
    """Ask for one who agrees that a picture cannot be decoded; `opened`: the first library did read its header."""
    if "truncated" in media.notes:
        return Witness("truncated", "the file ends before its own structure does")
    try:
        fault = structure(source, limits, media.format or "")
        if fault is not None:
            return Witness(*fault)
        if "bad_header" in media.notes:
            return Witness("corrupt", "its header contradicts the format's specification")
        return _decoder(source, media, limits, opened)
    except (WorkerTimeout, WorkerCrashed, ReadLimit):
        return None  # who does not come to an end says nothing


def _decoder(source: Source, media: Media, limits: Limits, opened: bool) -> Witness | None:
    demuxer = _DEMUXERS.get(media.format or "")
    if demuxer is None or find_spec("av") is None or not (opened or media.format in _COMPLETE):
        return None
    failed = ffmpeg(source, limits, demuxer)
    if not failed or any(word in failed.lower() for word in _UNABLE):
        return None
    return Witness("corrupt", f"ffmpeg: {failed}")
