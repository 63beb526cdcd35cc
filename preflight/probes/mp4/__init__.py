"""MP4, QuickTime, M4A, M4V and 3GP: one box structure, told apart by brand (ISO/IEC 14496-12; QuickTime File Format).

The length is that of the movie header, which is what players show and other readers state, unless the tracks contradict
it; of a fragmented file it is what the fragments hold, from the first to the last.
"""

from __future__ import annotations

from typing import Any, Final

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need
from preflight.probes.codec_names import STILL_CODECS
from preflight.probes.mp4.duration import Duration, duration_of
from preflight.probes.mp4.layout import Layout, Survey
from preflight.probes.mp4.movie import PICTURES, SOUND, Movie, Track
from preflight.probes.mp4.timing import read_stts
from preflight.sources import Source

_BRANDS: Final = {
    b"qt  ": "mov",
    b"M4A ": "m4a",
    b"M4B ": "m4a",
    b"M4P ": "m4a",
    b"M4V ": "m4v",
    b"M4VH": "m4v",
    b"M4VP": "m4v",
}
_TIMES: Final = frozenset(("bit_rate", "duration", "fps", "frames", "variable_fps"))
_LATE: Final = 1.0
"""s before the first frame of a fragmented file that other readers add to its duration."""


def read(source: Source, need: Need, name: str) -> Media:
    """The facts of a file of the MP4 family. Reads the movie box, of fragmented files the fragment headers too."""
    survey = Survey(source, need)
    layout = survey.run()
    movie = layout.movie
    size = source.size
    if movie is None:
        return Media(None, _format(layout), size, streamable=layout.streamable, notes=_lost(layout))
    films, covers = _films(movie, _format(layout) == "m4a")
    film, sound = _played(films), _played([track for track in movie.tracks if track.handler == SOUND])
    if movie.fragmented and not need.facts.isdisjoint(_TIMES):
        survey.follow(film)
    lasting = duration_of(movie, film or sound)
    duration = _seconds(survey, movie, lasting)
    absent = NONE if movie.whole and (film or sound) else None
    return Media(
        kind=VIDEO if film else AUDIO if sound else None,
        format=_format(layout),
        size=size,
        duration=duration,
        bit_rate=round(size * 8 / duration) if duration and size else None,
        encrypted=_encrypted(movie),
        streamable=layout.streamable,
        notes=_notes(layout, movie, lasting, duration, len(films) > 1, covers),
        **_film_facts(layout, movie, film, absent),
        **_sound_facts(sound, absent),
    )


def _format(layout: Layout) -> str:
    """By major brand. Without one it is QuickTime, which is older than brands; fragments are not."""
    brand = layout.brand
    if brand is None:
        return "mp4" if layout.segment else "mov"
    return "3gp" if brand.startswith(b"3g") else _BRANDS.get(brand, "mp4")


def _films(movie: Movie, song: bool) -> tuple[list[Track], bool]:
    """The tracks that are films, and whether others are covers or the pictures of chapters.

    Tracks of depth or thumbnails, which say that they only help another, are neither. One still picture beside another
    film, or in a file whose brand says that it is a song, is its cover; beside sound alone it is what players show.
    """
    chapters = frozenset[int]().union(*(track.chapters for track in movie.tracks))
    pictures = [track for track in movie.tracks if track.handler == PICTURES and not track.auxiliary]
    accompanied = len(pictures) > 1 or (song and any(track.handler == SOUND for track in movie.tracks))
    films = []
    for track in pictures:
        codec = track.entry.codec if track.entry else None
        if track.id not in chapters and not (accompanied and track.samples == 1 and codec in STILL_CODECS):
            films.append(track)
    return films, len(films) < len(pictures)


def _played(tracks: list[Track]) -> Track | None:
    """The first that is switched on; where none is, the writer did not know the flag."""
    return next((track for track in tracks if track.enabled), tracks[0] if tracks else None)


def _seconds(survey: Survey, movie: Movie, lasting: Duration) -> float | None:
    """The length of what the file holds; where its fragments could not all be seen, what a header promises."""
    fragments = survey.layout.fragments
    if fragments is not None and survey.layout.in_fragments:
        span = fragments.span if fragments.ended else None
        seen = span[1] - span[0] if span else survey.promised_seconds()
        if seen:
            return seen
        # A movie header beside samples of its own may count them alone, without the fragments (8.2.2.3, 8.8.2).
        return None if any(track.samples for track in movie.tracks) else movie.seconds
    seconds = lasting.seconds
    if seconds is None:
        tracks = [track for track in movie.tracks if track.handler in (PICTURES, SOUND)]
        seconds = max((track.stated_seconds(movie.timescale) or 0 for track in tracks), default=0) or None
    if seconds is None and (fragments is None or not fragments.ended):
        seconds = survey.promised_seconds()  # a promise of fragments that are visibly not there is none
    return seconds


def _film_facts(layout: Layout, movie: Movie, film: Track | None, absent: str | None) -> dict[str, Any]:
    if film is None:
        return {"video_codec": absent}
    entry = film.entry
    width = entry.width if entry and entry.width else film.width or None
    height = entry.height if entry and entry.height else film.height or None
    rotation = (film.rotation + movie.rotation) % 360
    facts: dict[str, Any] = {
        "width": height if rotation % 180 else width,
        "height": width if rotation % 180 else height,
        "stored_width": width,
        "stored_height": height,
        "rotation": rotation,
        "pixel_aspect_ratio": entry.pixel_aspect_ratio if entry else None,
        "video_codec": entry.codec if entry else None,
    }
    fragments = layout.fragments
    if fragments is not None and layout.in_fragments:
        timing, counted = fragments.timing(film), fragments.ended and not fragments.skipped
    else:
        timing, counted = read_stts(movie.data, *film.lengths), True
    if timing is not None and timing.frames and (counted or timing.constant):
        facts["frames"] = timing.frames if counted else None
        negative = timing.negative
        ticks = film.duration if negative else timing.ticks
        facts["fps"] = timing.frames * film.timescale / ticks if ticks and film.timescale else None
        facts["variable_fps"] = None if negative else timing.variable
    return facts


def _sound_facts(sound: Track | None, absent: str | None) -> dict[str, Any]:
    if sound is None or sound.entry is None:
        return {"audio_codec": absent if sound is None else None}
    return {"audio_codec": sound.entry.codec, "sample_rate": sound.entry.rate, "channels": sound.entry.channels}


def _encrypted(movie: Movie) -> bool | None:
    entries = [track.entry for track in movie.tracks if track.entry is not None]
    if any(entry.encrypted for entry in entries):
        return True
    return False if entries and movie.whole else None


def _lost(layout: Layout) -> tuple[str, ...]:
    """Return the notes that say why there are no facts."""
    if layout.broken:
        return ("bad_header",)
    if layout.limited:
        return ("read_limit",)
    missing = ("no_moov",) if layout.streamable is None else ()
    return (*missing, "truncated") if layout.cut else missing


def _notes(
    layout: Layout, movie: Movie, lasting: Duration, seconds: float | None, several: bool, covers: bool
) -> tuple[str, ...]:
    tracks = [track for track in movie.tracks if track.handler in (PICTURES, SOUND)]
    cut = layout.cut or not movie.complete
    span = layout.fragments.span if layout.fragments is not None else None
    whole = not layout.in_fragments  # of fragments the headers of the movie box know nothing
    unseen = seconds is None and layout.fragments is not None and not (layout.fragments.ended or layout.broken)
    stopped = not movie.timescale or any(not track.timescale for track in tracks)
    seen = {
        "bad_header": stopped or (whole and lasting.contradicted),
        "cover_art": covers or movie.cover_art,
        "edit_list": lasting.edited,
        # If no duration is needed, fragments are not read, and only `mvex` announces them.
        "fragmented": movie.fragmented if layout.fragments is None else layout.in_fragments,
        "late_start": span is not None and span[0] > _LATE,
        "multiple_video_tracks": several,
        "no_media_data": layout.has_media is False and not cut,
        "nothing_shown": whole and lasting.nothing_shown,
        "read_limit": movie.limited or unseen,
        "truncated": cut,
    }
    return tuple(note for note, applies in seen.items() if applies)
