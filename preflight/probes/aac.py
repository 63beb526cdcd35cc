"""AAC in ADTS: every frame has its own length and no header counts them, so a duration means walking the file."""

from __future__ import annotations

from typing import Final

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import ID3, tags_after, tags_before
from preflight.probes.mpeg_audio.adts import locate
from preflight.probes.mpeg_audio.frames import walk
from preflight.sources import Source

ADIF: Final = b"ADIF"
"""ISO/IEC 14496-3 1.A.2: the identifier at the start of a file with one header."""
_SBR_CORE: Final = 24000
"""Up to this core rate SBR may double the samples and PS the channels without a word in the header (14496-3 1.6.5)."""


def read(source: Source, need: Need, name: str) -> Media:
    """Facts of an ADTS file. Larger than `need.max_bytes`: no duration. ADIF, which has one header, is a library's."""
    if source.read_at(0, len(ADIF)) == ADIF:
        from preflight.probes import fallback as foreign  # hardly any file has this format

        return foreign.read(source, need, name)
    tags = tags_before(source)
    notes: tuple[str, ...] = ("cover_art",) if tags.picture else ()
    place = locate(source, tags.end)
    if place is None and tags.overlong(source):
        place = locate(source, ID3)
        notes += ("bad_header",) if place else ()
    if place is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=(*notes, "truncated"))
    if place.at > tags.end:
        notes += ("leading_garbage",)
    counted, end = None, place.at
    wanted = source.size is not None and not need.facts.isdisjoint(("bit_rate", "duration"))
    if wanted and source.size is not None and source.size - place.at <= need.max_bytes:
        end = tags_after(source, place.at, source.size)
        counted = walk(source, place.at, end, place.kind)
    if wanted and counted is None:
        notes += ("read_limit",)
    doubled = place.kind.rate <= _SBR_CORE
    return Media(
        kind="audio",
        format="aac",
        size=source.size,
        duration=counted.seconds if counted else None,
        video_codec=NONE,
        audio_codec="aac",
        sample_rate=None if doubled else place.kind.rate,
        channels=None if doubled and place.channels == 1 else place.channels,
        bit_rate=round(counted.coded * 8 / counted.seconds) if counted else None,
        notes=(*notes, "trailing_data") if counted and counted.end < end else notes,
    )
