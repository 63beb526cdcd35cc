"""Find tracks that can be copied unchanged: remuxing is lossless and fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from preflight.media import NONE
from preflight.ruleset import Limit

MP4_FAMILY: Final = frozenset(("3gp", "m4a", "m4v", "mov", "mp4"))
"""Formats that differ by brand and packaging only."""

_REMUXABLE: Final = MP4_FAMILY | {"flv", "mkv", "mpegts", "webm"}
"""Formats whose packets have timestamps that ffmpeg can copy."""
_CODECS: Final[Mapping[str, frozenset[str]]] = {
    "3gp": frozenset(("h263", "h264", "mpeg4", "aac", "amr")),
    "m4a": frozenset(("aac", "alac")),
    "m4v": frozenset(("h264", "hevc", "mpeg4", "aac", "ac3", "alac")),
    "mkv": frozenset(
        ("av1", "h264", "hevc", "mpeg4", "vp8", "vp9", "aac", "ac3", "dts", "eac3", "flac", "mp3", "opus", "vorbis")
    ),
    "mov": frozenset(("h264", "hevc", "mjpeg", "mpeg4", "prores", "aac", "ac3", "alac", "mp3", "pcm")),
    "mp4": frozenset(("av1", "h264", "hevc", "mpeg4", "aac", "ac3", "alac", "eac3", "mp3")),
    "webm": frozenset(("av1", "vp8", "vp9", "opus", "vorbis")),
}
"""Codecs that players expect, by container."""
_VIDEO_FACTS: Final = frozenset(("width", "height", "aspect_ratio", "pixels", "fps", "video_codec"))


class CodecFacts(Protocol):
    """The container and codecs of a media file."""

    @property
    def format(self) -> str | None: ...
    @property
    def video_codec(self) -> str | None: ...
    @property
    def audio_codec(self) -> str | None: ...


def can_copy(fact: str, media: CodecFacts, wrong: frozenset[str], limits: Mapping[str, Limit], container: str) -> bool:
    """Return whether the track of `video_codec` or `audio_codec` can be copied into the container.

    wrong   facts outside their limits: what is wrong with the track has to be encoded anew, and so has a cut
    limits  those of the container
    """
    of_the_track = _VIDEO_FACTS if fact == "video_codec" else frozenset((fact,))
    if media.format not in _REMUXABLE or "duration" in wrong or not wrong.isdisjoint(of_the_track):
        return False
    codec: str | None = getattr(media, fact)
    if container == media.format:
        return True
    limit = limits.get(fact)
    return codec in _CODECS.get(container, ()) and (limit is None or limit.side(codec) == 0)


def can_remux(
    media: CodecFacts, tracks: tuple[str, ...], wrong: frozenset[str], limits: Mapping[str, Limit], to: str
) -> bool:
    """Return whether all tracks can be copied, so that nothing is encoded again."""
    there = [fact for fact in tracks if getattr(media, fact) != NONE]
    return bool(there) and all(can_copy(fact, media, wrong, limits, to) for fact in there)


def options(media: CodecFacts, container: str) -> list[str]:
    """Return ffmpeg's options for copying all tracks: subtitles are dropped if the container may not support them."""
    if container == media.format or {container, media.format} <= MP4_FAMILY:
        return ["-c", "copy"]
    tag = ["-tag:v", "hvc1"] if media.video_codec == "hevc" and container in MP4_FAMILY else []
    return ["-c", "copy", "-sn", *tag]
