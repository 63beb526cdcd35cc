"""Choose formats and codecs that pass, and the tracks that can be copied unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from preflight.facts import MEDIA_FACTS
from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.limit import Limit
from preflight.media import NONE, Media

_WRITTEN: Final = {
    IMAGE: ("png", "jpeg"),
    VIDEO: ("mp4", "mov", "mkv", "webm", "m4v", "3gp"),
    AUDIO: ("wav", "mp3", "flac", "m4a", "ogg", "mp4"),
}
"""By kind, the formats to convert to: less lossy and more widely supported ones first."""
_DEFAULT_CODECS: Final = {
    "mp4": ("h264", "aac"),
    "mov": ("h264", "aac"),
    "m4v": ("h264", "aac"),
    "3gp": ("h264", "aac"),
    "mkv": ("h264", "aac"),
    "mpegts": ("h264", "aac"),
    "flv": ("h264", "aac"),
    "webm": ("vp9", "opus"),
    "wav": (NONE, "pcm"),
    "mp3": (NONE, "mp3"),
    "flac": (NONE, "flac"),
    "m4a": (NONE, "aac"),
    "ogg": (NONE, "opus"),
}
"""By container, its usual video and audio codec."""
ENCODERS: Final = {
    "aac": ("aac",),
    "ac3": ("ac3",),
    "alac": ("alac",),
    "av1": ("libsvtav1",),
    "eac3": ("eac3",),
    "flac": ("flac",),
    "h264": ("libx264",),
    "hevc": ("libx265",),
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
    "pcm": ("pcm_s16le",),
    "vorbis": ("libvorbis",),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
}
"""By codec, the encoder of ffmpeg with its options."""
MUXERS: Final = {
    "3gp": "3gp", "flac": "flac", "flv": "flv", "m4a": "ipod", "m4v": "ipod", "mkv": "matroska", "mov": "mov",
    "mp3": "mp3", "mp4": "mp4", "mpegts": "mpegts", "ogg": "ogg", "wav": "wav", "webm": "webm",
}  # fmt: skip
"""By format, ffmpeg's muxer."""

MP4_FAMILY: Final = frozenset(("3gp", "m4a", "m4v", "mov", "mp4"))
"""Formats that differ by brand and packaging only."""

_REMUXABLE: Final = MP4_FAMILY | {"flv", "mkv", "mpegts", "webm"}
"""Formats whose packets have timestamps that ffmpeg can copy."""
_REMUXABLE_AUDIO: Final = _REMUXABLE | {"aac", "mp3", "ogg", "wav"}
"""Likewise of audio; not FLAC, whose header would keep the old length after a cut."""
_CODECS: Final[Mapping[str, frozenset[str]]] = {
    "3gp": frozenset(("h263", "h264", "mpeg4", "aac", "amr")),
    "flac": frozenset(("flac",)),
    "flv": frozenset(("h264", "aac", "mp3")),
    "m4a": frozenset(("aac", "alac")),
    "m4v": frozenset(("h264", "hevc", "mpeg4", "aac", "ac3", "alac")),
    "mkv": frozenset(
        ("av1", "h264", "hevc", "mpeg4", "vp8", "vp9", "aac", "ac3", "dts", "eac3", "flac", "mp3", "opus", "vorbis")
    ),
    "mov": frozenset(("h264", "hevc", "mjpeg", "mpeg4", "prores", "aac", "ac3", "alac", "mp3", "pcm")),
    "mp3": frozenset(("mp3",)),
    "mp4": frozenset(("av1", "h264", "hevc", "mpeg4", "aac", "ac3", "alac", "eac3", "mp3")),
    "mpegts": frozenset(("h264", "hevc", "mpeg1video", "mpeg2video", "aac", "ac3", "mp2", "mp3")),
    "ogg": frozenset(("flac", "opus", "vorbis")),
    "wav": frozenset(("pcm",)),
    "webm": frozenset(("av1", "vp8", "vp9", "opus", "vorbis")),
}
"""Codecs that players expect, by container."""
LOSSLESS: Final = frozenset(("alac", "ape", "flac", "pcm", "tta", "wavpack", "wmalossless"))
"""Audio codecs from which encoding again loses nothing that they have not lost."""
GEOMETRY: Final = frozenset(
    ("width", "height", "long_side", "short_side", "side_sum", "dimensions", "aspect_ratio", "pixels")
)
"""The facts that follow from width and height."""
_TRACK_FACTS: Final = {
    track: frozenset(fact.name for fact in MEDIA_FACTS.values() if fact.track == track) | {track, "edit_list"}
    for track in ("video_codec", "audio_codec")
}
"""By track, the facts that change only if it is encoded again; an edit list is applied by that."""


class Subject(NamedTuple):
    """The facts of a media file that its plan depends on: many files in a folder have the same.

    moving  whether an image file has several frames

    The facts from `size` on differ from file to file: only an exact plan has them.
    """

    kind: str | None
    format: str | None
    width: int | None
    height: int | None
    fps: float | None
    video_codec: str | None
    audio_codec: str | None
    has_alpha: bool | None
    bit_depth: int | None
    color_model: str | None
    primaries: str | None
    transfer: str | None
    hdr: str | None
    scan: str | None
    sample_rate: int | None
    channels: int | None
    rotation: int | None
    orientation: int | None
    pixel_aspect_ratio: float | None
    chroma: str | None
    sample_bits: int | None
    variable_fps: bool | None
    coding: str | None
    animated: bool | None
    multi_picture: bool | None
    moving: bool = False
    size: int | None = None
    duration: float | None = None
    frames: int | None = None
    bit_rate: int | None = None
    video_bit_rate: int | None = None
    audio_bit_rate: int | None = None
    video_tracks: int | None = None
    audio_tracks: int | None = None

    @property
    def is_exact(self) -> bool:
        """Return whether it has the facts that differ from file to file."""
        return self.size is not None

    @classmethod
    def of(cls, media: Media, *, exact: bool = False) -> Subject:
        """Return those facts of a media file; `exact`: also those that differ from file to file."""
        moving = (media.frames or 1) > 1 or media.animated is True or "animated" in media.notes
        return cls._make((*_facts_of(media), moving, *(_exact_facts_of(media) if exact else _UNKNOWN)))


_SHARED_FACTS: Final = Subject._fields.index("moving")
_facts_of: Final = attrgetter(*Subject._fields[:_SHARED_FACTS])
_exact_facts_of: Final = attrgetter(*Subject._fields[_SHARED_FACTS + 1 :])
_UNKNOWN: Final = (None,) * (len(Subject._fields) - _SHARED_FACTS - 1)


def bounds(limit: Limit) -> tuple[float, float]:
    """Return the lowest and the highest value of a limit, 0 and infinity if it has none."""
    return limit.low or 0.0, limit.high if limit.high is not None else float("inf")


def accepts(limit: Limit, *, value: bool) -> bool:
    """Return whether a limit on a yes-or-no fact accepts a value."""
    return limit.side(value) == 0


def written_formats(kind: str | None, limit: Limit | None) -> list[str]:
    """Return the accepted formats that can be written, the preferred one first."""
    written = _WRITTEN.get(kind or "", ())
    if limit is None or limit.any_of is None:
        return list(written)
    return [name for name in written if name in limit.any_of]


def codecs(fact: str, limit: Limit | None, container: str, own: str | None = None) -> list[str]:
    """Return the accepted codecs to encode `video_codec` or `audio_codec` with, the preferred one first.

    own  the codec of the track, which is kept where it can be
    """
    default = _DEFAULT_CODECS.get(container, (None, None))[fact == "audio_codec"]
    if default is None:
        return []
    held = _CODECS.get(container, frozenset())
    accepted = limit.any_of if limit is not None else None
    choices = dict.fromkeys(name for name in (own, default, *(accepted or ())) if name is not None)
    written = [name for name in choices if name in ENCODERS and name in held]
    if NONE in choices:  # a track is removed only where no accepted codec can be written
        written.append(NONE)
    return [name for name in written if accepted is None or name in accepted]


def codec(fact: str, limit: Limit | None, container: str, own: str | None = None) -> str | None:
    """Return the preferred codec to encode `video_codec` or `audio_codec` with; None if none can be written."""
    return next(iter(codecs(fact, limit, container, own)), None)


def can_copy(fact: str, media: Subject, wrong: frozenset[str], limits: Mapping[str, Limit], container: str) -> bool:
    """Return whether the track of `video_codec` or `audio_codec` can be copied into the container.

    wrong   facts outside their limits: a track with such a fact must be encoded again, and so must a track that is cut
    limits  those of the container
    """
    track_facts = _TRACK_FACTS[fact]
    if fact == "video_codec" or media.kind == AUDIO:
        track_facts |= {"bit_rate"}
    remuxable = _REMUXABLE_AUDIO if fact == "audio_codec" else _REMUXABLE
    if media.format not in remuxable or "duration" in wrong or not wrong.isdisjoint(track_facts):
        return False
    codec: str | None = getattr(media, fact)
    if container == media.format:
        return True
    limit = limits.get(fact)
    is_held = codec in _CODECS.get(container, ()) and (codec != "pcm" or container == "mov")
    return is_held and (limit is None or limit.side(codec) == 0)


def can_remux(
    media: Subject, tracks: tuple[str, ...], wrong: frozenset[str], limits: Mapping[str, Limit], to: str
) -> bool:
    """Return whether all tracks can be copied, so that nothing is encoded again."""
    present = [fact for fact in tracks if getattr(media, fact) != NONE]
    return bool(present) and all(can_copy(fact, media, wrong, limits, to) for fact in present)


def copy_options(media: Subject, container: str) -> list[str]:
    """Return ffmpeg's options for copying all tracks; subtitles are dropped if the container may not support them."""
    if container == media.format or {container, media.format} <= MP4_FAMILY:
        return ["-c", "copy"]
    tag = ["-tag:v", "hvc1"] if media.video_codec == "hevc" and container in MP4_FAMILY else []
    return ["-c", "copy", "-sn", *tag]
