"""mutagen: the second opinion on how long a sound is."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import mutagen
from mutagen.aac import AAC
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggtheora import OggTheora
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

TYPES: Final[dict[str, tuple[type, ...]]] = {
    "aac": (AAC,),
    "flac": (FLAC,),
    "mp3": (MP3,),
    "ogg": (OggVorbis, OggOpus, OggFLAC, OggSpeex, OggTheora),
    "wav": (WAVE,),
}
"""By format as we found it: left alone mutagen would also weigh the file's name."""


def stream(file: BinaryIO, name: str) -> dict[str, Any]:
    """duration in s, sample_rate in Hz, channels; or under `refused` why mutagen does not open the file."""
    try:
        found = mutagen.File(file, options=TYPES[name])
    except mutagen.MutagenError as error:
        return {"refused": f"{type(error).__name__}: {error}"[:300]}
    if found is None:
        return {"refused": "not recognised"}
    info = found.info
    return {
        "duration": getattr(info, "length", None),
        "sample_rate": getattr(info, "sample_rate", None),
        "channels": getattr(info, "channels", None),
    }
