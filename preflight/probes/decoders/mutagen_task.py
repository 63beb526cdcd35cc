"""mutagen: the second opinion on how long a sound is."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import mutagen
from mutagen.flac import FLAC
from mutagen.mp3 import MP3, BitrateMode

TYPES: Final[dict[str, type]] = {"flac": FLAC, "mp3": MP3}
"""By format as we found it: left alone mutagen would also weigh the file's name."""


def stream(file: BinaryIO, name: str) -> dict[str, Any]:
    """duration in s if a header states it, sample_rate in Hz, channels; or `refused`: why it does not open the file."""
    try:
        found = mutagen.File(file, options=[TYPES[name]])
    except mutagen.MutagenError as error:
        return {"refused": f"{type(error).__name__}: {error}"[:300]}
    if found is None:
        return {"refused": "not recognised"}
    info = found.info
    guessed = getattr(info, "bitrate_mode", None) == BitrateMode.UNKNOWN  # from the bit rate of the first frame
    return {
        "duration": None if guessed else info.length,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
    }
