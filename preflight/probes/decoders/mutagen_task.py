"""Measure audio with mutagen, to compare the duration."""

from __future__ import annotations

from typing import BinaryIO, Final

import mutagen
from mutagen.flac import FLAC
from mutagen.mp3 import MP3, BitrateMode

TYPES: Final[dict[str, type]] = {"flac": FLAC, "mp3": MP3}
"""mutagen's types by our name of the format: without a type mutagen would also consider the file's name."""


def stream(file: BinaryIO, name: str) -> dict[str, object]:
    """Return duration in s if a header states it, sample_rate in Hz, channels; or `refused`: why it cannot open it."""
    try:
        found = mutagen.File(file, options=[TYPES[name]])
    except mutagen.MutagenError as error:
        return {"refused": f"{type(error).__name__}: {error}"[:300]}
    if found is None:
        return {"refused": "not recognized"}
    info = found.info
    guessed = getattr(info, "bitrate_mode", None) == BitrateMode.UNKNOWN  # from the bit rate of the first frame
    return {"duration": None if guessed else info.length, "sample_rate": info.sample_rate, "channels": info.channels}
