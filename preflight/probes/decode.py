"""Decode or parse a whole file with libraries, to find problems that the header does not show.

A failure of one library proves nothing about a file: it may not support the coding, or be wrong. Only a second,
independent check makes it a fault of the file: our reader of the header, the file's structure, or another decoder.
Libraries that are known to be wrong are not used. The facts to compare are listed here by format; missing facts were
measured to be wrong in the library: any size that libmediainfo gives for a picture, the duration of fragments, of edit
lists, of compressed WAV and of MP3 without a frame count, sample rates of Opus and of AAC with SBR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, NamedTuple

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.formats import AUDIO, CAMERA_RAW, DEMUXERS, IMAGE
from preflight.media import Media
from preflight.probes.full_read import complete_facts
from preflight.probes.libraries import (
    LibraryResult,
    check_structure,
    run_ffmpeg,
    run_mediainfo,
    run_mutagen,
    run_pillow,
)
from preflight.processes import Limits
from preflight.sources import Source

DECODE_LIMITS: Final = Limits(seconds=30, memory=2 << 30, max_bytes=1 << 40, wall=140)

TRUNCATED: Final = "truncated"
UNCONFIRMED: Final = "decode_unconfirmed"
UNSUPPORTED: Final = "decode_unsupported"
DISAGREEMENT: Final = "probe_disagreement"


class DecodeProblem(NamedTuple):
    """One problem: a code of `preflight.codes`, and a description."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """The result of decoding.

    media     the facts of the header, completed: of pictures `frames` and the `duration` of an animation, of streams
              the facts that only the whole file gives
    problems  the most severe first
    """

    media: Media
    problems: tuple[DecodeProblem, ...] = ()


def decode_check(source: Source, media: Media, limits: Limits = DECODE_LIMITS) -> DecodeResult:
    """Decode the file whose header gave `media`. A decoder that crashes is a problem of the file, not an exception."""
    if media.kind is None or media.format in CAMERA_RAW:  # no decoder here supports camera raws
        return DecodeResult(media)
    try:
        return _check_picture(source, media, limits) if media.kind == IMAGE else _check_stream(source, media, limits)
    except (WorkerTimeout, WorkerCrashed, ReadLimit) as error:
        return DecodeResult(media, (DecodeProblem(error.code, str(error).removeprefix(f"{source.name}: ")),))


# --- pictures: Pillow and pillow-heif decode them

_PILLOW_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "avif": ("AVIF", "HEIF"),  # the brand decides which of its plugins opens it
    "bmp": ("BMP", "DIB"),
    "gif": ("GIF",),
    "heic": ("HEIF",),
    "heif": ("HEIF", "AVIF"),
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "tiff": ("TIFF",),
    "webp": ("WEBP",),
}
_DISPLAYED: Final = frozenset(("HEIF", "TIFF"))
"""Formats whose size Pillow gives as displayed, not as stored."""
_COUNTED: Final = frozenset(("avif", "gif", "png", "tiff", "webp"))
_PILLOW_UNABLE: Final = (
    *("unsupported", "not supported", "not implemented", "not been built in", "not available", "unknown"),
    "not enough image data",  # of a run-length coded BMP that ends early, as it may
)
_UNUSUAL: Final = frozenset(("apple_cgbi", "uncommon_coding"))
"""Notes of codings that Pillow need not support."""
_WITHOUT_READER: Final = frozenset(("jxl",))
"""Formats of pictures for which Pillow has no reader."""


def _check_picture(source: Source, media: Media, limits: Limits) -> DecodeResult:
    result = run_pillow(source, limits, pixels=True)
    if (result.refused or result.failed) and limits.memory is not None and 8 * (media.pixels or 0) > limits.memory:
        # The picture cannot fit into memory: decoders then fail with arbitrary messages.
        raise WorkerCrashed(source.name, f"may not take the memory that {media.pixels:,} pixels need")
    if result.refused:
        complaint = f"Pillow does not open it: {result.refused}"
        return DecodeResult(media, (_judge_failure(source, media, limits, complaint, opened=False),))
    problems = []
    if result.failed:
        frame = (result.media.frames or 0) + 1
        complaint = f"Pillow cannot decode {'it' if frame == 1 else f'frame {frame}'}: {result.failed}"
        problems.append(_judge_failure(source, media, limits, complaint, opened=True))
    problems += _picture_disagreements(media, result)
    if media.format in _COUNTED and not result.failed:
        media = _add_frames(media, result.media)
    return DecodeResult(media, tuple(problems))


def _add_frames(media: Media, decoded: Media) -> Media:
    notes, animated = media.notes, media.animated
    if media.format == "gif" and decoded.frames:
        # The header of a GIF may announce a loop of one picture, or not show that others follow.
        kept = tuple(note for note in notes if note not in ("animated", "read_limit"))
        animated = decoded.frames > 1
        notes = ("animated", *kept) if animated else kept
    return media._replace(
        frames=media.frames if decoded.frames is None else decoded.frames,
        animated=animated,
        duration=media.duration if decoded.duration is None else decoded.duration,
        notes=notes,
    )


def _judge_failure(source: Source, media: Media, limits: Limits, complaint: str, *, opened: bool) -> DecodeProblem:
    """Return the problem for an error of Pillow: a fault of the file only if a second check confirms it."""
    unusual = media.format in _WITHOUT_READER or not _UNUSUAL.isdisjoint(media.notes)
    if unusual or any(word in complaint.lower() for word in _PILLOW_UNABLE):
        return DecodeProblem(UNSUPPORTED, complaint)
    confirmed = _confirm_damage(source, media, limits, opened=opened)
    if confirmed is None:
        return DecodeProblem(UNCONFIRMED, f"{complaint}; the library may be at fault")
    return DecodeProblem(confirmed.code, f"{complaint}; {confirmed.detail}")


def _picture_disagreements(media: Media, result: LibraryResult) -> list[DecodeProblem]:
    name, problems = result.media.format or "", []
    expected = _PILLOW_FORMATS.get(media.format or "")
    if expected and name not in expected:
        problems.append(_disagreement("format", media.format, name, "Pillow"))
    stored = (media.stored_width, media.stored_height)
    ours = (media.width, media.height) if name in _DISPLAYED else stored
    theirs = (result.media.width, result.media.height)
    # A frame of a GIF may be larger than its canvas, and Pillow then enlarges the canvas too.
    if expected and None not in ours and ours != theirs and name != "GIF":
        problems.append(_disagreement("size", "×".join(map(str, ours)), "×".join(map(str, theirs)), "Pillow"))
    if media.format in _COUNTED and media.frames and not result.failed and media.frames != result.media.frames:
        problems.append(_disagreement("frames", media.frames, result.media.frames, "Pillow"))
    return problems


def _disagreement(fact: str, ours: object, theirs: object, library: str) -> DecodeProblem:
    return DecodeProblem(DISAGREEMENT, f"{fact}: the header says {ours}, {library} {theirs}")


# --- the second check of a picture

_FULLY_SUPPORTED: Final = frozenset(("gif", "jpeg", "png", "webp"))
"""Formats of which a file that ffmpeg cannot open is damaged. A failure with other formats proves nothing."""
_FFMPEG_UNABLE: Final = (
    *("not supported", "unsupported", "not implemented", "not yet implemented", "unknown", "not found"),
    "picture size",  # of a JPEG whose height follows its picture (DNL, T.81 B.2.5)
)


def _confirm_damage(source: Source, media: Media, limits: Limits, *, opened: bool) -> DecodeProblem | None:
    """Return the damage that a second check finds; `opened`: the first library could read the header."""
    if "truncated" in media.notes:
        return DecodeProblem(TRUNCATED, "the file ends before its own structure does")
    try:
        fault = check_structure(source, limits, media.format or "")
        if fault is not None:
            return DecodeProblem(*fault)
        if "bad_header" in media.notes:
            return DecodeProblem("corrupt", "its header contradicts the format's specification")
        return _confirm_with_ffmpeg(source, media, limits, opened=opened)
    except (WorkerTimeout, WorkerCrashed, ReadLimit):
        return None  # a check that does not finish proves nothing


def _confirm_with_ffmpeg(source: Source, media: Media, limits: Limits, *, opened: bool) -> DecodeProblem | None:
    demuxer = DEMUXERS.get(media.format or "")
    if demuxer is None or find_spec("av") is None or not (opened or media.format in _FULLY_SUPPORTED):
        return None
    failed = run_ffmpeg(source, limits, demuxer)
    if not failed or any(word in failed.lower() for word in _FFMPEG_UNABLE):
        return None
    return DecodeProblem("corrupt", f"ffmpeg: {failed}")


# --- video and audio: libmediainfo parses them to the end, mutagen measures audio

_STREAM_FACTS: Final = ("stored_width", "stored_height", "video_codec", "audio_codec", "duration")
_MEDIAINFO_FACTS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("3gp", "avi", "m4a", "m4v", "mkv", "mov", "mp4", "webm"), _STREAM_FACTS),
    "aac": ("audio_codec",),
    "flac": ("audio_codec", "sample_rate", "channels", "duration"),
    "mp3": ("audio_codec", "sample_rate"),
    "ogg": ("audio_codec",),
    "wav": ("audio_codec", "sample_rate", "channels"),
}
_MUTAGEN_FACTS: Final[dict[str, tuple[str, ...]]] = {
    "flac": ("sample_rate", "channels", "duration"),
    "mp3": ("sample_rate", "duration"),
}
_SIZED: Final = frozenset(("3gp", "avi", "m4a", "m4v", "mov", "mp4"))
"""Formats whose parts state their sizes, so that libmediainfo detects truncation. It reports it wrongly for a streamed
WAV or WebM, and for an MP3 because of its last frame."""
_SAME_CODEC: Final = frozenset(
    (("msmpeg4v1", "mpeg4"), ("msmpeg4v2", "mpeg4"), ("msmpeg4v3", "mpeg4"), ("pcm", "adpcm"))
)
"""Our name and the coarser one of libmediainfo, which also calls A-law ADPCM."""
_SLACK: Final = 0.2
"""s: mutagen does not count what an encoder added before and after the audio, others do."""
_UNKNOWN_DURATION: Final = (2**32 - 1) / 1000
"""s: an unknown duration of MP4, all ones in ms, that libmediainfo takes for a number."""
_UNRELIABLE: Final[dict[str, frozenset[str]]] = {
    "duration": frozenset(("edit_list", "estimated_duration", "fragmented", "truncated")),
    "stored_height": frozenset(("multiple_video_tracks",)),
    "stored_width": frozenset(("multiple_video_tracks",)),
    "video_codec": frozenset(("cover_art", "multiple_video_tracks")),
}
"""Notes of files in which the libraries were measured to be wrong in a fact, or describe another track."""


def _check_stream(source: Source, media: Media, limits: Limits) -> DecodeResult:
    media = complete_facts(source, media, limits.max_bytes)
    problems: list[DecodeProblem] = []
    name = media.format or ""
    if name in _MEDIAINFO_FACTS:
        facts = _MEDIAINFO_FACTS[name]
        problems += _compare(source, media, "libmediainfo", facts, lambda: run_mediainfo(source, limits, speed=0.5))
    if name in _MUTAGEN_FACTS and media.kind == AUDIO:
        problems += _compare(source, media, "mutagen", _MUTAGEN_FACTS[name], lambda: run_mutagen(source, limits, name))
    return DecodeResult(media, tuple(problems))


def _compare(
    source: Source, media: Media, library: str, facts: tuple[str, ...], run_library: Callable[[], LibraryResult]
) -> list[DecodeProblem]:
    """Return the problems that a library finds in a stream, or the problem that it did not finish."""
    try:
        result = run_library()
    except (WorkerTimeout, WorkerCrashed) as error:
        reason = str(error).removeprefix(f"{source.name}: ")
        return [DecodeProblem(UNCONFIRMED, f"{library} did not finish ({reason}); the library may be at fault")]
    if result.refused:
        message = f"{library} {result.refused}; the library may be at fault"
        return [] if library == "mutagen" else [DecodeProblem(UNCONFIRMED, message)]
    problems = []
    if media.format in _SIZED and "truncated" in result.media.notes:
        complaint = f"{library} finds that the file ends before its last part"
        if "truncated" in media.notes:
            problems.append(DecodeProblem(TRUNCATED, f"{complaint}, and its own structure confirms it"))
        else:
            problems.append(DecodeProblem(UNCONFIRMED, f"{complaint}; the library may be at fault"))
    return problems + _stream_disagreements(media, result, facts, library)


def _stream_disagreements(
    ours: Media, result: LibraryResult, facts: tuple[str, ...], library: str
) -> list[DecodeProblem]:
    problems = []
    for fact in facts:
        mine, theirs = getattr(ours, fact), getattr(result.media, fact)
        if mine is None or theirs is None or not _UNRELIABLE.get(fact, frozenset()).isdisjoint(ours.notes):
            continue
        if fact == "duration":
            longest = result.longest_track
            agree = _durations_agree(mine, theirs) or (longest is not None and _durations_agree(mine, longest))
        elif fact in ("stored_width", "stored_height"):  # libmediainfo's of Matroska are cropped
            agree = theirs in (mine, getattr(ours, fact.removeprefix("stored_")))
        else:
            agree = mine == theirs or (mine, theirs) in _SAME_CODEC
        if not agree:
            problems.append(_disagreement(fact, mine, theirs, library))
    return problems


def _durations_agree(mine: float, theirs: float) -> bool:
    return abs(mine - theirs) <= max(_SLACK, 0.01 * mine) or theirs >= _UNKNOWN_DURATION
