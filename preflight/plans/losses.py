"""Describe what is lost by the changes of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from preflight.formats import AUDIO, IMAGE
from preflight.media import NONE, Media
from preflight.plans import geometry, pictures
from preflight.plans.budgets import SIZE_FACTS
from preflight.plans.changes import Changes
from preflight.plans.encoding import LOSSLESS
from preflight.plans.ffmpeg_args import keeps_cover, keeps_subtitles

_WITH_SUBTITLES: Final = frozenset(("m4v", "mkv", "mov", "mp4", "mpegts"))
"""Formats of videos that often have subtitles."""
_SHORTEST: Final = 0.05
"""Seconds; a shorter cut is not reported."""


def losses(changes: Changes, media: Media) -> tuple[str, ...]:
    """Return what is lost by the changes of a media file, each as a phrase: `crops 12 % of the picture`."""
    shape, choices = changes.shape, changes.choices
    found = list(geometry.losses(shape, changes.media, choices)) if shape is not None else []
    if changes.media.kind == IMAGE:
        return (*found, *pictures.losses(changes, media))
    found += [
        *_of_time(changes, media),
        *_of_coding(changes, media),
        *_of_picture(changes, media),
        *_of_audio(changes, media),
        *_of_tracks(changes, media),
    ]
    if changes.choices.strip_metadata:
        found.append("drops the metadata")
    elif "location" in changes.wrong or (changes.choices.strip_location and media.location is not False):
        found.append("drops the recording location")
    return tuple(found)


def _of_time(changes: Changes, media: Media) -> Iterator[str]:
    times = changes.timing
    if times.kept is not None and media.duration is None:
        yield f"keeps only {times.kept:g} s"
    elif times.kept is not None and (dropped := (media.duration or 0.0) - times.kept) > _SHORTEST:
        where = {"start": "at the end", "middle": "at both ends together", "end": "at the beginning"}
        yield f"drops {dropped:.3g} s {where[changes.choices.trim]}"
    if times.fps is not None and media.fps is not None and times.fps < media.fps:
        yield f"lowers the frame rate from {media.fps:.4g} to {times.fps:.4g} frames per second"


def _of_coding(changes: Changes, media: Media) -> Iterator[str]:
    """Yield which tracks are encoded again, and how much smaller the file becomes."""
    removes = changes.audio is not None and changes.audio.audio_codec == NONE
    encodes_audio = changes.audio is not None and not removes and not changes.adds_silence
    exact = encodes_audio and changes.audio is not None and {changes.audio.audio_codec, media.audio_codec} <= LOSSLESS
    if media.kind == AUDIO:
        if encodes_audio and not exact:
            yield "re-encodes the audio"
    elif changes.video is not None and encodes_audio:
        yield "re-encodes the video and the audio"
    elif changes.video is not None:
        keeps = media.audio_codec != NONE and not removes
        yield "re-encodes the video, keeps the audio" if keeps else "re-encodes the video"
    elif encodes_audio:
        yield "re-encodes the audio, keeps the video"
    if (
        changes.budget is not None
        and changes.compresses
        and media.size
        and not exact
        and not changes.wrong.isdisjoint(SIZE_FACTS)
    ):
        yield f"compresses it to {changes.budget.max_bytes / media.size * 100:.0f} % of its size"


def _of_picture(changes: Changes, media: Media) -> Iterator[str]:
    video = changes.video
    if video is None:
        return
    if media.has_alpha:
        yield "drops the transparency"
    if changes.deinterlaces:
        yield "deinterlaces the video"
    if changes.colors is not None:
        yield (
            "tone-maps HDR to standard dynamic range"
            if changes.colors.is_tone_mapped
            else "converts the colors to BT.709"
        )
    elif media.hdr == "pq":
        yield "drops the mastering metadata of HDR10, if there is any"
    if media.bit_depth is not None and media.bit_depth > video.pixels.bit_depth:
        yield f"reduces the bit depth from {media.bit_depth} to {video.pixels.bit_depth}"
    is_full = media.chroma in ("4:4:4", "4:2:2") or media.color_model == "rgb"
    if is_full and video.pixels.chroma != media.chroma and not changes.is_animation:
        yield f"reduces the chroma resolution to {video.pixels.chroma}"


def _of_audio(changes: Changes, media: Media) -> Iterator[str]:
    audio = changes.audio
    if audio is None or changes.adds_silence:
        return
    if audio.audio_codec == NONE:
        yield "drops the audio"
        return
    if audio.channels is not None and media.channels is not None and audio.channels < media.channels:
        yield f"downmixes {media.channels} channels to {audio.channels}"
    if audio.sample_rate is not None and media.sample_rate is not None and audio.sample_rate < media.sample_rate:
        yield f"resamples the audio from {media.sample_rate:,} to {audio.sample_rate:,} Hz"
    if audio.sample_bits is not None and media.sample_bits is not None and audio.sample_bits < media.sample_bits:
        yield f"reduces the sample depth from {media.sample_bits} to {audio.sample_bits} bits"


def _of_tracks(changes: Changes, media: Media) -> Iterator[str]:
    videos, audios = media.video_tracks or 0, media.audio_tracks or 0
    if videos > 1 and (changes.one_of_each or not changes.remuxes):
        yield f"drops {videos - 1} of {videos} video tracks"
    is_removed = changes.audio is not None and changes.audio.audio_codec == NONE
    if audios > 1 and not is_removed and changes.one_audio_track:
        yield f"drops {audios - 1} of {audios} audio tracks"
    if media.kind != AUDIO and media.format in _WITH_SUBTITLES and not keeps_subtitles(changes):
        yield "drops subtitles, if there are any"
    if media.kind == AUDIO and "cover_art" in media.notes and not keeps_cover(changes):
        yield "drops the cover art"
