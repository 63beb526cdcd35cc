"""Find the changes that bring a media file inside its limits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE
from preflight.plans import colors, encoding, geometry, timing, tracks
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.colors import Colors
from preflight.plans.encoding import ENCODERS, GEOMETRY, Subject, can_copy, can_remux
from preflight.plans.geometry import LimitsByFact, Shape
from preflight.plans.picture_formats import target_formats
from preflight.plans.tracks import AudioTarget, VideoTarget
from preflight.report import Obstacle
from preflight.ruleset import Section

_NO_CODECS: Final[Mapping[str, str | None]] = MappingProxyType({})


class Changes(NamedTuple):
    """The necessary changes of a media file.

    wrong    the facts outside their limits
    limits   those of the format that is written
    written  the format of the result; empty if no accepted format can be written
    tracks   the codec facts of the tracks that the result has
    remuxes  whether nothing has to be encoded again
    shape    None: the geometry stays the same
    codecs   of each track that is encoded again, the codec; None if no accepted one can be written
    video    how the video track is encoded again; None if it is not, or cannot be; likewise audio
    colors   the colors to convert to; None: they stay the same
    choices  what the user chose where there are several ways
    obstacles  why the geometry or the colors cannot be changed
    """

    media: Subject
    wrong: frozenset[str]
    limits: LimitsByFact
    written: str
    tracks: tuple[str, ...]
    remuxes: bool
    shape: Shape | None = None
    codecs: Mapping[str, str | None] = _NO_CODECS
    video: VideoTarget | None = None
    audio: AudioTarget | None = None
    colors: Colors | None = None
    choices: Choices = DEFAULT_CHOICES
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def deinterlaces(self) -> bool:
        """Return whether fields become frames: encoders write whole frames."""
        return self.video is not None and self.media.scan == "interlaced"


def changes_for(wrong: frozenset[str], media: Subject, section: Section, choices: Choices = DEFAULT_CHOICES) -> Changes:
    """Return the smallest changes that bring the `wrong` facts inside the limits, as far as possible."""
    formats = [media.format or ""]
    if "format" in wrong:
        formats = _written_formats(wrong, media, section) or [""]
    facts = ("audio_codec",) if media.kind == AUDIO else ("video_codec", "audio_codec")
    present = tuple([fact for fact in facts if getattr(media, fact) != NONE])
    found = []
    for name in formats:
        limits = section.by_fact(name or None)
        remuxes = can_remux(media, present, wrong, limits, name)
        found.append(Changes(media, wrong, limits, name, present, remuxes, choices=choices))
        if found[-1].remuxes:  # preferred: all tracks can be copied into this format
            break
    changes = found[-1] if found[-1].remuxes else found[0]
    changes = _with_picture(changes)
    return changes if changes.remuxes or media.kind == IMAGE else _with_codings(changes)


def _with_picture(changes: Changes) -> Changes:
    """Add how geometry and colors are changed, or why they cannot be."""
    media, choices = changes.media, changes.choices
    shape = geometry.shape(media, changes.limits, choices) if needs_shape(changes) else None
    converted = colors.converted(media, changes.wrong, choices)
    return changes._replace(
        shape=None if isinstance(shape, Obstacle) else shape,
        colors=None if isinstance(converted, Obstacle) else converted,
        obstacles=tuple([each for each in (shape, converted) if isinstance(each, Obstacle)]),
    )


def _written_formats(wrong: frozenset[str], media: Subject, section: Section) -> list[str]:
    limit = section.by_fact(None).get("format")
    if media.kind != IMAGE or limit is None:
        return encoding.written_formats(media.kind, limit)
    return target_formats(media, limit.any_of or (), keeps_frames=wrong.isdisjoint(("animated", "frames")))


def _with_codings(changes: Changes) -> Changes:
    """Add how each track that cannot be copied is encoded again."""
    media, limits, written = changes.media, changes.limits, changes.written
    encoded = [fact for fact in changes.tracks if not can_copy(fact, media, changes.wrong, limits, written)]
    codecs = {fact: encoding.codec(fact, limits.get(fact), written) for fact in encoded}
    video_codec, audio_codec = codecs.get("video_codec"), codecs.get("audio_codec")
    size = changes.shape.result if changes.shape is not None else None
    if size is None and media.width and media.height:
        size = (media.width, media.height)
    fps = timing.fps(media.fps, limits["fps"]) if "fps" in changes.wrong and "fps" in limits else media.fps
    audio = tracks.audio(audio_codec, media, limits) if audio_codec else None
    if audio is None and written == media.format and media.audio_codec in ENCODERS and "audio_codec" in codecs:
        audio = tracks.audio(media.audio_codec, media, limits)  # Vorbis has sample rates that Opus has not
    video = tracks.video(video_codec, media, size, fps, limits) if video_codec else None
    return changes._replace(codecs=codecs, video=video, audio=audio)


def needs_shape(changes: Changes) -> bool:
    """Return whether the geometry is wrong, or has odd sides, which encoders of 4:2:0 do not accept."""
    media = changes.media
    if not changes.wrong.isdisjoint(GEOMETRY | {"pixel_aspect_ratio"}):
        return True
    if media.kind != VIDEO or can_copy("video_codec", media, changes.wrong, changes.limits, changes.written):
        return False
    return (media.width or 0) % 2 == 1 or (media.height or 0) % 2 == 1
