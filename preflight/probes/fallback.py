"""Read formats for which we have no reader with a library."""

from __future__ import annotations

from typing import Any, Final

from preflight.errors import ReadLimit
from preflight.formats import only_kind
from preflight.media import Media, Need
from preflight.probes import flv
from preflight.probes.libraries import CONTAINERS, run_mediainfo, run_pillow
from preflight.probes.picture_headers import colors_of
from preflight.processes import Limits
from preflight.sources import Source

CPU_SECONDS: Final = 3.0
"""s of processor time. A typical file takes some milliseconds; a slow machine must not change the facts."""
WALL_SECONDS: Final = 30.0
MEMORY_BYTES: Final = 128 << 20

_PILLOW_FORMATS: Final = {"dds": "DDS", "icns": "ICNS", "ico": "ICO", "jp2": "JPEG2000", "psd": "PSD"}
"""Formats that Pillow reads, and its names for them. libmediainfo describes only one picture of an icon."""
_UNREADABLE: Final = frozenset(("jxl",))
"""Neither library gives their size."""
_MAX_AIFF_CHUNKS: Final = 64
_NO_DURATION: Final = frozenset(("au", "caf", "h264", "hevc"))
"""libmediainfo's durations are wrong: twice the true one for 16-bit AU, 0.7 s for 5 s of CAF, a few frames of video."""
_FLV_FACTS: Final = frozenset(flv.FlvRates.__annotations__)
_G711_RATE: Final = 8000
"""Hz of G.711 in a Flash video, whose field for the rate has no such value."""
_ESTIMATED_DURATION: Final = frozenset(("aac", "ac3", "dts", "eac3", "mpeg", "mpegts"))
"""Formats whose duration is estimated from the clock at both ends, or from the bit rate of the first frames."""


def read(source: Source, need: Need, name: str) -> Media:
    """Return a library's facts for the sniffed format `name`; no facts if it is empty because nothing was recognized.

    Raise `WorkerTimeout` or `WorkerCrashed`.
    """
    limits = Limits(CPU_SECONDS, MEMORY_BYTES, need.max_bytes, WALL_SECONDS)
    media, limited = None, False
    try:
        if name in _PILLOW_FORMATS:
            media = _picture(source, limits, name)
        elif name and name not in _UNREADABLE and (name != "aiff" or _has_common_chunk(source)):
            media = _streams(source, limits, name)
            if media is not None and name == "flv" and not need.facts.isdisjoint(_FLV_FACTS):
                media = media._replace(**flv.measure_rates(source))  # libmediainfo measures the start of it
    except ReadLimit:
        limited = True
    notes = ("read_limit",) if limited else ()
    return media or Media(kind=only_kind(name), format=name or None, size=source.size, notes=notes)


def _has_common_chunk(source: Source) -> bool:
    """Return whether an AIFF file has the chunk that describes its audio; without it libmediainfo may never return."""
    offset = 12
    for _ in range(_MAX_AIFF_CHUNKS):
        header = source.read_at(offset, 8)
        if header[:4] == b"COMM" or len(header) < 8:
            return header[:4] == b"COMM"
        size = int.from_bytes(header[4:])
        offset += 8 + size + size % 2
    return False


def _picture(source: Source, limits: Limits, name: str) -> Media | None:
    media = run_pillow(source, limits).media
    if media.format != _PILLOW_FORMATS[name] or media.width is None or media.height is None:
        return None
    media = media._replace(format=name, size=source.size, stored_width=media.width, stored_height=media.height)
    return media._replace(**colors_of(source, name))


def _audio_rate(media: Media) -> dict[str, Any]:
    """Return the bit rate of PCM by the size of a sample: libmediainfo says half of it for 16-bit AU."""
    bits, rate, channels = media.sample_bits, media.sample_rate, media.channels
    return {"audio_bit_rate": bits * rate * channels if bits and rate and channels else None}


def _streams(source: Source, limits: Limits, name: str) -> Media | None:
    media = run_mediainfo(source, limits).media
    known = CONTAINERS.get(media.format or "")
    if media.kind is None or known is None or name != known:
        return None
    # The duration of audio that is coded in blocks is wrong, too: 0.02 s for 1.5 s.
    unknown = known in _NO_DURATION or (known in ("aiff", "w64") and media.audio_codec == "adpcm")
    return media._replace(
        format=known,
        duration=None if unknown else media.duration,
        sample_rate=_G711_RATE if known == "flv" and media.audio_codec in ("alaw", "mulaw") else media.sample_rate,
        variable_fps=None if known == "mpegts" else media.variable_fps,  # its clock makes each stream look variable
        **_audio_rate(media) if known == "au" else {},
        notes=media.notes + (("estimated_duration",) if known in _ESTIMATED_DURATION and media.duration else ()),
    )
