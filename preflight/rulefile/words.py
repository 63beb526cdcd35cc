"""Find the word of a rule file that a wrong one stands for."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from preflight.formats import FORMATS

_MEANT: Final[dict[str, str]] = {
    "bitrate": "bit_rate",
    "codec": "video_codec",
    "container": "format",
    "file_size": "size",
    "filesize": "size",
    "formats": "format",
    "frame_rate": "fps",
    "framerate": "fps",
    "gt": "above",
    "length": "duration",
    "lt": "below",
    "maximum": "max",
    "mime_type": "mime",
    "minimum": "min",
    "one_of": "any_of",
    "ratio": "aspect_ratio",
    "resolution": "pixels",
    "samplerate": "sample_rate",
    "seconds": "duration",
    "tolerance": "lenient",
    "values": "any_of",
    "avc": "h264",
    "h265": "hevc",
    "mpeg2": "mpeg2video",
    "x264": "h264",
    "x265": "hevc",
    "a-law": "alaw",
    "lpcm": "pcm",
    "mu-law": "mulaw",
    "pcm_alaw": "alaw",
    "pcm_mulaw": "mulaw",
    "u-law": "mulaw",
    "ulaw": "mulaw",
    "wave": "pcm",
}
"""What people write, and what it is called here; asked before the spelling is compared."""


def nearest(word: str, right: Iterable[str]) -> str:
    """`: did you mean "pixels"?`, or which words there are where none is near.

    >>> nearest("pixel", ["pixels", "size"]), nearest("quality", ["min", "max"])
    (': did you mean "pixels"?', ': write one of min, max')
    """
    known = list(right)
    plain = word.lower().replace("-", "_")
    near = [_MEANT[plain]] if _MEANT.get(plain) in known else get_close_matches(plain, known, n=1, cutoff=0.6)
    if near:
        return f': did you mean "{near[0]}"?'
    return f": write one of {', '.join(known)}" if len(known) <= 24 else ""


def format_problem(word: str, kind: str) -> str | None:
    """Why a word cannot be a format of this kind; None where it can.

    >>> format_problem("jpg", "image")
    '"jpg" is no format that preflight knows: did you mean "jpeg"?'
    """
    known = FORMATS.get(word)
    if known is not None:
        return None if kind in known.kinds else f'"{word}" never holds {"an" if kind != "video" else "a"} {kind}'
    of_kind = [name for name, entry in FORMATS.items() if kind in entry.kinds]
    by_extension = [name for name in of_kind if word.lower().lstrip(".") in FORMATS[name].extensions]
    near = f': did you mean "{by_extension[0]}"?' if by_extension else nearest(word, of_kind)
    return f'"{word}" is no format that preflight knows{near}'
