"""Confirm that a picture is damaged when a library could not decode it.

A failure of one library is no proof: it may not know the coding, or be wrong. Only a second, independent check makes it
a fault of the file: our reader of the header, the file's structure, or another decoder.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, NamedTuple

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.media import Media
from preflight.probes.libraries import ffmpeg, structure
from preflight.processes import Limits
from preflight.sources import Source

_DEMUXERS: Final = {
    **{name: f"{name}_pipe" for name in ("bmp", "jpeg", "png", "tiff", "webp")},
    **dict.fromkeys(("avif", "heic", "heif"), "mov"),
    "gif": "gif",
}
"""ffmpeg's demuxers of formats that it decodes itself. Its JPEG 2000 decoder rejects valid files."""
_COMPLETE: Final = frozenset(("gif", "jpeg", "png", "webp"))
"""Formats that ffmpeg supports in full: a file that it cannot open is damaged. Other formats prove nothing."""
_UNABLE: Final = (
    *("not supported", "unsupported", "not implemented", "not yet implemented", "unknown", "not found"),
    "picture size",  # of a JPEG whose height follows its picture (DNL, T.81 B.2.5)
)


class Confirmation(NamedTuple):
    """What a second check found. `code`: `truncated` or `corrupt`."""

    code: str
    detail: str


def confirm_damage(source: Source, media: Media, limits: Limits, opened: bool) -> Confirmation | None:
    """Look for a second check that agrees; `opened`: the first library could read the header."""
    if "truncated" in media.notes:
        return Confirmation("truncated", "the file ends before its own structure does")
    try:
        fault = structure(source, limits, media.format or "")
        if fault is not None:
            return Confirmation(*fault)
        if "bad_header" in media.notes:
            return Confirmation("corrupt", "its header contradicts the format's specification")
        return _decoder(source, media, limits, opened)
    except (WorkerTimeout, WorkerCrashed, ReadLimit):
        return None  # a check that does not finish proves nothing


def _decoder(source: Source, media: Media, limits: Limits, opened: bool) -> Confirmation | None:
    demuxer = _DEMUXERS.get(media.format or "")
    if demuxer is None or find_spec("av") is None or not (opened or media.format in _COMPLETE):
        return None
    failed = ffmpeg(source, limits, demuxer)
    if not failed or any(word in failed.lower() for word in _UNABLE):
        return None
    return Confirmation("corrupt", f"ffmpeg: {failed}")
