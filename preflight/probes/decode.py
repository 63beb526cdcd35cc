"""The second look of `--deep`: a library decodes or parses the whole file, and shows what the header could not.

A failure of one library proves nothing about a file: `confirmation.py` looks for a second check. Libraries that are
known to be wrong are not asked. What is compared is listed here format by format; what is missing was measured to be
wrong in the library: any size that libmediainfo gives of a picture, the duration of fragments, of edit lists, of
compressed WAV and of MP3 without a frame count, sample rates of Opus and of AAC with SBR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.formats import AUDIO, CAMERA_RAW, IMAGE
from preflight.media import Media
from preflight.probes.full_read import complete_facts
from preflight.probes.libraries import Opinion, ffmpeg, mediainfo, mutagen, pillow, structure
from preflight.processes import Limits
from preflight.sources import Source

LIMITS: Final = Limits(seconds=30, memory=2 << 30, max_bytes=1 << 40, wall=140)

TRUNCATED: Final = "truncated"
UNCONFIRMED: Final = "decode_unconfirmed"
UNSUPPORTED: Final = "decode_unsupported"
DISAGREEMENT: Final = "probe_disagreement"


@dataclass(frozen=True, slots=True)
class Deep:
    """What decoding showed.

    facts     of pictures `frames`, where there may be several, and the `duration` of an animation in s; of streams
              whatever only the whole file tells
    problems  (code of `preflight.codes`, what was seen), the graver ones first
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()


def deepen(source: Source, media: Media, limits: Limits = LIMITS) -> Deep:
    """Decode the file of which the header said `media`. A decoder that dies is a problem of it, no exception."""
    if media.kind is None or media.format in CAMERA_RAW:  # no decoder here makes a picture of a camera raw
        return Deep()
    try:
        return _deepen_image(source, media, limits) if media.kind == IMAGE else _deepen_stream(source, media, limits)
    except (WorkerTimeout, WorkerCrashed, ReadLimit) as error:
        return Deep(problems=((error.code, str(error).removeprefix(f"{source.name}: ")),))


# --- pictures: Pillow and pillow-heif decode them

_PILLOW: Final[dict[str, tuple[str, ...]]] = {
    "avif": ("AVIF", "HEIF"),  # by brand one or the other of its plugins takes it
    "bmp": ("BMP", "DIB"),
    "gif": ("GIF",),
    "heic": ("HEIF",),
    "heif": ("HEIF", "AVIF"),
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "tiff": ("TIFF",),
    "webp": ("WEBP",),
}
_TURNED: Final = frozenset(("HEIF", "TIFF"))
"""Pillow gives their size as displayed, that of all others as stored."""
_COUNTED: Final = frozenset(("avif", "gif", "png", "tiff", "webp"))
_UNABLE: Final = (
    *("unsupported", "not supported", "not implemented", "not been built in", "not available", "unknown"),
    "not enough image data",  # of a run-length coded BMP that ends early, as it may
)
_UNUSUAL: Final = frozenset(("apple_cgbi", "uncommon_coding"))
"""Notes of codings that Pillow need not know."""
_UNREAD: Final = frozenset(("jxl",))
"""Formats of pictures for which Pillow has no reader."""


def _deepen_image(source: Source, media: Media, limits: Limits) -> Deep:
    said = pillow(source, limits, pixels=True)
    if said.refused or said.failed:
        _blame_memory(source, media, limits)
    if said.refused:
        return Deep(problems=(_judged(source, media, limits, f"Pillow does not open it: {said.refused}", False),))
    problems = [_judged(source, media, limits, _place(said), True)] if said.failed else []
    problems += _image_disagreements(media, said)
    counted = media.format in _COUNTED and not said.failed
    facts: dict[str, Any] = {"frames": said.media.frames, "duration": said.media.duration} if counted else {}
    if media.format == "gif" and facts.get("frames") and _notes_of_counted(media, facts["frames"]) != media.notes:
        facts["notes"] = _notes_of_counted(media, facts["frames"])
    return Deep({name: value for name, value in facts.items() if value is not None}, tuple(problems))


def _notes_of_counted(media: Media, frames: int) -> tuple[str, ...]:
    """The notes of a GIF of which all pictures were seen: the header may announce a loop of one, or hide others."""
    kept = tuple(note for note in media.notes if note not in ("animated", "read_limit"))
    return ("animated", *kept) if frames > 1 else kept


def _blame_memory(source: Source, media: Media, limits: Limits) -> None:
    """A decoder that gets no memory says anything but that: no word against a file that could not fit."""
    if limits.memory is not None and 8 * (media.pixels or 0) > limits.memory:
        raise WorkerCrashed(source.name, f"may not take the memory that {media.pixels:,} pixels need")


def _place(said: Opinion) -> str:
    frame = (said.media.frames or 0) + 1
    return f"Pillow cannot decode {'it' if frame == 1 else f'frame {frame}'}: {said.failed}"


def _judged(source: Source, media: Media, limits: Limits, complaint: str, opened: bool) -> tuple[str, str]:
    """Return the problem for an error of Pillow: a fault of the file only if a second check confirms it."""
    unusual = media.format in _UNREAD or not _UNUSUAL.isdisjoint(media.notes)
    if unusual or any(word in complaint.lower() for word in _UNABLE):
        return UNSUPPORTED, complaint
    confirmation = confirm_damage(source, media, limits, opened)
    if confirmation is None:
        return UNCONFIRMED, f"{complaint}; the library may be at fault"
    return confirmation.code, f"{complaint}; {confirmation.detail}"


def _image_disagreements(media: Media, said: Opinion) -> list[tuple[str, str]]:
    name, problems = said.media.format or "", []
    expected = _PILLOW.get(media.format or "")
    if expected and name not in expected:
        problems.append(_differ("format", media.format, name, "Pillow"))
    stored = (media.stored_width, media.stored_height)
    ours = (media.width, media.height) if name in _TURNED else stored
    theirs = (said.media.width, said.media.height)
    # A GIF's frame may be larger than its canvas, which Pillow then takes to be larger too.
    if expected and None not in ours and ours != theirs and name != "GIF":
        problems.append(_differ("size", "×".join(map(str, ours)), "×".join(map(str, theirs)), "Pillow"))
    if media.format in _COUNTED and media.frames and not said.failed and media.frames != said.media.frames:
        problems.append(_differ("frames", media.frames, said.media.frames, "Pillow"))
    return problems


def _differ(fact: str, ours: object, theirs: object, library: str) -> tuple[str, str]:
    return DISAGREEMENT, f"{fact}: the header says {ours}, {library} {theirs}"


# --- video and sound: libmediainfo parses them to the end, mutagen measures sounds

_MP4: Final = ("stored_width", "stored_height", "video_codec", "audio_codec", "duration")
_MEDIAINFO: Final[dict[str, tuple[str, ...]]] = {
    "3gp": _MP4,
    "aac": ("audio_codec",),
    "avi": _MP4,
    "flac": ("audio_codec", "sample_rate", "channels", "duration"),
    "m4a": _MP4,
    "m4v": _MP4,
    "mkv": _MP4,
    "mov": _MP4,
    "mp3": ("audio_codec", "sample_rate"),
    "mp4": _MP4,
    "ogg": ("audio_codec",),
    "wav": ("audio_codec", "sample_rate", "channels"),
    "webm": _MP4,
}
_MEASURED: Final = frozenset(("3gp", "avi", "m4a", "m4v", "mov", "mp4"))
"""Formats whose parts state their sizes: there it knows what is cut off. A streamed WAV or WebM it calls so by mistake,
and an MP3 for the sake of its last frame."""
_SAME: Final = frozenset((("msmpeg4v1", "mpeg4"), ("msmpeg4v2", "mpeg4"), ("msmpeg4v3", "mpeg4"), ("pcm", "adpcm")))
"""Our word and the coarser one of libmediainfo, which also calls A-law ADPCM."""
_MUTAGEN: Final[dict[str, tuple[str, ...]]] = {
    "flac": ("sample_rate", "channels", "duration"),
    "mp3": ("sample_rate", "duration"),
}
_SLACK: Final = 0.2
"""s: mutagen leaves out what an encoder put before and behind the sound, others do not."""
_UNKNOWN_LENGTH: Final = (2**32 - 1) / 1000
"""s: an unknown length of MP4, all ones in ms, that libmediainfo takes for a number."""
_UNSURE: Final[dict[str, frozenset[str]]] = {
    "duration": frozenset(("edit_list", "estimated_duration", "fragmented", "truncated")),
    "stored_height": frozenset(("multiple_video_tracks",)),
    "stored_width": frozenset(("multiple_video_tracks",)),
    "video_codec": frozenset(("cover_art", "multiple_video_tracks")),
}
"""Notes of files where the libraries were measured to err in a fact, or mean another track by it."""


def _deepen_stream(source: Source, media: Media, limits: Limits) -> Deep:
    facts = complete_facts(source, media, limits.max_bytes)
    media = replace(media, **facts)
    problems: list[tuple[str, str]] = []
    name = media.format or ""
    if name in _MEDIAINFO:
        problems += _asked(
            source, media, "libmediainfo", _MEDIAINFO[name], lambda: mediainfo(source, limits, speed=0.5)
        )
    if name in _MUTAGEN and media.kind == AUDIO:
        problems += _asked(source, media, "mutagen", _MUTAGEN[name], lambda: mutagen(source, limits, name))
    return Deep(facts, tuple(problems))


def _asked(
    source: Source, media: Media, library: str, facts: tuple[str, ...], ask: Callable[[], Opinion]
) -> list[tuple[str, str]]:
    """Return the problems that a library finds in a stream, or that it did not finish."""
    try:
        said = ask()
    except (WorkerTimeout, WorkerCrashed) as error:
        how = str(error).removeprefix(f"{source.name}: ")
        return [(UNCONFIRMED, f"{library} did not finish ({how}); the library may be at fault")]
    if said.refused:
        return [] if library == "mutagen" else [(UNCONFIRMED, f"{library} {said.refused}; the library may be at fault")]
    problems = []
    if media.format in _MEASURED and "truncated" in said.media.notes:
        problems.append(_ends_early(media, f"{library} finds that the file ends before its last part"))
    return problems + _stream_disagreements(media, said, facts, library)


def _ends_early(media: Media, complaint: str) -> tuple[str, str]:
    if "truncated" in media.notes:
        return TRUNCATED, f"{complaint}, and its own structure confirms it"
    return UNCONFIRMED, f"{complaint}; the library may be at fault"


def _stream_disagreements(ours: Media, said: Opinion, facts: tuple[str, ...], library: str) -> list[tuple[str, str]]:
    problems = []
    for fact in facts:
        mine, other = getattr(ours, fact), getattr(said.media, fact)
        if mine is None or other is None or not _UNSURE.get(fact, frozenset()).isdisjoint(ours.notes):
            continue
        if fact == "duration" and said.played is not None and _agree(fact, mine, said.played, ours):
            continue
        if not _agree(fact, mine, other, ours):
            problems.append(_differ(fact, mine, other, library))
    return problems


def _agree(fact: str, mine: Any, other: Any, ours: Media) -> bool:
    if fact == "duration":
        return bool(abs(mine - other) <= max(_SLACK, 0.01 * mine) or other >= _UNKNOWN_LENGTH)
    if fact in ("stored_width", "stored_height"):
        return other in (mine, getattr(ours, fact.removeprefix("stored_")))  # Matroska's as cropped
    return bool(mine == other) or (mine, other) in _SAME


_DEMUXERS: Final = {
    **{name: f"{name}_pipe" for name in ("bmp", "jpeg", "png", "tiff", "webp")},
    **dict.fromkeys(("avif", "heic", "heif"), "mov"),
    "gif": "gif",
}
"""ffmpeg's demuxers of formats that it decodes itself. Its JPEG 2000 decoder rejects valid files."""
_COMPLETE: Final = frozenset(("gif", "jpeg", "png", "webp"))
"""Formats that ffmpeg supports in full: a file that it cannot open is damaged. Other formats prove nothing."""
_FFMPEG_UNABLE: Final = (
    *("not supported", "unsupported", "not implemented", "not yet implemented", "unknown", "not found"),
    "picture size",  # of a JPEG whose height follows its picture (DNL, T.81 B.2.5)
)


class Confirmation(NamedTuple):
    """What a second check found. `code`: `truncated` or `corrupt`."""

    code: str
    detail: str


def confirm_damage(source: Source, media: Media, limits: Limits, opened: bool) -> Confirmation | None:
    """Look for a second check that agrees; `opened`: the first library could read the header."""
    if "truncated" in media.notes:
        return Confirmation("truncated", "the file ends before its own structure does")
    try:
        fault = structure(source, limits, media.format or "")
        if fault is not None:
            return Confirmation(*fault)
        if "bad_header" in media.notes:
            return Confirmation("corrupt", "its header contradicts the format's specification")
        return _decoder(source, media, limits, opened)
    except (WorkerTimeout, WorkerCrashed, ReadLimit):
        return None  # a check that does not finish proves nothing


def _decoder(source: Source, media: Media, limits: Limits, opened: bool) -> Confirmation | None:
    demuxer = _DEMUXERS.get(media.format or "")
    if demuxer is None or find_spec("av") is None or not (opened or media.format in _COMPLETE):
        return None
    failed = ffmpeg(source, limits, demuxer)
    if not failed or any(word in failed.lower() for word in _FFMPEG_UNABLE):
        return None
    return Confirmation("corrupt", f"ffmpeg: {failed}")
