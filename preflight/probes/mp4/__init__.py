"""Read MP4, QuickTime, M4A, M4V and 3GP: one box structure, distinguished by brand.

ISO/IEC 14496-12 for all of them; QTFF: Apple's QuickTime File Format.

The duration is that of the movie header, which players show and other readers state, unless the tracks contradict it.
The duration of a fragmented file is that of its fragments, from the first to the last.
"""

from __future__ import annotations

from typing import Final

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need
from preflight.probes.codec_names import STILL_CODECS
from preflight.probes.isobmff import brand_name
from preflight.probes.mp4.edits import more_than_delay
from preflight.probes.mp4.layout import Layout, LayoutReader
from preflight.probes.mp4.movie import AUDIO_HANDLER, VIDEO_HANDLER, Movie, Track
from preflight.probes.mp4.pictures import VideoCoding
from preflight.probes.mp4.timing import Duration, duration_of
from preflight.probes.mp4.tracks import AudioFacts, VideoFacts, audio_facts, coding_facts, video_facts
from preflight.sources import Source

_FORMATS: Final = {
    b"qt  ": "mov",
    b"M4A ": "m4a",
    b"M4B ": "m4a",
    b"M4P ": "m4a",
    b"M4V ": "m4v",
    b"M4VH": "m4v",
    b"M4VP": "m4v",
}
"""The format by major brand; any other brand is MP4."""
_FRAGMENT_FACTS: Final = frozenset(
    (
        *("audio_bit_rate", "bit_rate", "duration", "fps", "fragmented", "frames"),
        *("keyframe_interval", "variable_fps", "video_bit_rate"),
    )
)
"""Facts of fragmented files for which the fragments are read."""
_LATE_START: Final = 1.0
"""s before the first frame of a fragmented file that other readers add to its duration."""


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a file of the MP4 family. Read the moov box, and the fragment headers of fragmented files."""
    reader = LayoutReader(source, need)
    layout = reader.find_movie()
    movie = layout.movie
    size = source.size
    if movie is None:
        return _without_movie(layout, size)
    videos, covers, chapters = _video_tracks(movie, is_audio_brand=_format(layout) == "m4a")
    video, audio = _played(videos), _played([track for track in movie.tracks if track.handler == AUDIO_HANDLER])
    if movie.fragmented and not need.facts.isdisjoint(_FRAGMENT_FACTS):
        reader.read_fragments(video)
    stated = duration_of(movie, video or audio)
    duration = _seconds(reader, movie, stated)
    absent = NONE if movie.is_fully_read and (video or audio) else None
    notes = {
        **_notes(layout, movie, stated, duration),
        "cover_art": covers + chapters > 0 or movie.cover_art,
        "multiple_video_tracks": len(videos) > 1,
    }
    return Media(
        kind=VIDEO if video else AUDIO if audio else None,
        format=_format(layout),
        size=size,
        duration=duration,
        bit_rate=round(size * 8 / duration) if duration and size else None,
        encrypted=_encrypted(movie),
        streamable=layout.streamable,
        fragmented=_is_fragmented(layout, movie),
        edit_list=more_than_delay(movie) if "edit_list" in need.facts else None,
        brand=_brand(layout),
        location=True if movie.located else False if movie.is_fully_read else None,
        notes=tuple(sorted(note for note, applies in notes.items() if applies)),
        video_tracks=_count_tracks(movie, VIDEO_HANDLER, covers),
        audio_tracks=_count_tracks(movie, AUDIO_HANDLER),
        **(video_facts(layout, movie, video, need) if video else VideoFacts(video_codec=absent)),
        **(coding_facts(source, movie, video, need) if video else VideoCoding()),
        **(audio_facts(layout, movie, audio, need) if audio else AudioFacts(audio_codec=absent)),
    )


def _without_movie(layout: Layout, size: int | None) -> Media:
    return Media(
        format=_format(layout),
        size=size,
        streamable=layout.streamable,
        fragmented=layout.is_segment or None,
        brand=_brand(layout),
        notes=_notes_without_movie(layout),
    )


def _brand(layout: Layout) -> str | None:
    """Return the major brand without trailing blanks, `none` without a brand, None if it is not a word."""
    return brand_name(layout.brand) if layout.brand is not None else NONE


def _format(layout: Layout) -> str:
    """Return the format by major brand. Without one it is QuickTime, which predates brands, unless it is a segment."""
    brand = layout.brand
    if brand is None:
        return "mp4" if layout.is_segment else "mov"
    return "3gp" if brand.startswith(b"3g") else _FORMATS.get(brand, "mp4")


def _video_tracks(movie: Movie, *, is_audio_brand: bool) -> tuple[list[Track], int, int]:
    """Return the tracks that are videos, the number of covers, and the number of tracks with pictures of chapters.

    Tracks of depth or thumbnails, which declare that they only help another, are neither. A still picture next to
    another video track, or in a file whose brand says that it is audio, is its cover; next to audio alone it is what
    players show.
    """
    chapters = frozenset[int]().union(*(track.chapters for track in movie.tracks))
    pictures = [track for track in movie.tracks if track.handler == VIDEO_HANDLER and not track.auxiliary]
    has_audio = any(track.handler == AUDIO_HANDLER for track in movie.tracks)
    accompanied = len(pictures) > 1 or (is_audio_brand and has_audio)
    videos = []
    covers = 0
    for track in pictures:
        codec = track.entry.codec if track.entry else None
        if accompanied and track.samples == 1 and codec in STILL_CODECS:
            covers += 1
        elif track.id not in chapters:
            videos.append(track)
    return videos, covers, len(pictures) - len(videos) - covers


def _played(tracks: list[Track]) -> Track | None:
    """Return the first enabled track, or the first one if the writer did not set the flag on any."""
    return next((track for track in tracks if track.enabled), tracks[0] if tracks else None)


def _seconds(reader: LayoutReader, movie: Movie, stated: Duration) -> float | None:
    """Return the duration of the samples, or the one that a header states if not all fragments could be read."""
    layout = reader.layout
    fragments = layout.fragments
    if fragments is not None and layout.is_fragmented:
        span = fragments.span if fragments.ended else None
        read = span[1] - span[0] if span else reader.stated_seconds()
        if read:
            return read
        # A movie header next to samples of its own may count only those, without the fragments (8.2.2.3, 8.8.2).
        return None if any(track.samples for track in movie.tracks) else movie.seconds
    seconds = stated.seconds
    if seconds is None:
        tracks = [track for track in movie.tracks if track.handler in (VIDEO_HANDLER, AUDIO_HANDLER)]
        seconds = max((track.stated_seconds(movie.timescale) or 0 for track in tracks), default=0) or None
    if seconds is None and (fragments is None or not fragments.ended):
        seconds = reader.stated_seconds()  # unless the file visibly lacks the announced fragments
    return seconds


def _is_fragmented(layout: Layout, movie: Movie) -> bool | None:
    """Return whether there are fragments; None if they are announced and were not looked for, or not to the end."""
    fragments = layout.fragments
    if fragments is None:
        return None if movie.fragmented else False
    return True if fragments.count else False if fragments.ended or layout.broken else None


def _count_tracks(movie: Movie, handler: bytes, covers: int = 0) -> int | None:
    found = [track.handler for track in movie.tracks].count(handler) - covers
    return found if movie.is_fully_read else None


def _encrypted(movie: Movie) -> bool | None:
    entries = [track.entry for track in movie.tracks if track.entry is not None]
    if any(entry.encrypted for entry in entries):
        return True
    return False if entries and movie.is_fully_read else None


def _notes_without_movie(layout: Layout) -> tuple[str, ...]:
    """Return the notes that say why there are no facts."""
    if layout.broken:
        return ("bad_header",)
    if layout.limited:
        return ("read_limit",)
    missing = ("no_moov",) if layout.streamable is None else ()
    return (*missing, "truncated") if layout.truncated else missing


def _notes(layout: Layout, movie: Movie, stated: Duration, seconds: float | None) -> dict[str, bool]:
    tracks = [track for track in movie.tracks if track.handler in (VIDEO_HANDLER, AUDIO_HANDLER)]
    fragments = layout.fragments
    truncated = layout.truncated or not movie.complete
    span = fragments.span if fragments is not None else None
    in_movie = not layout.is_fragmented  # the headers of the moov box do not describe fragments
    unread = seconds is None and fragments is not None and not (fragments.ended or layout.broken)
    without_clock = not movie.timescale or any(not track.timescale for track in tracks)
    return {
        "bad_header": without_clock or (in_movie and stated.contradicted),
        "edit_list": stated.edited,
        # If no duration is needed, fragments are not read, and only `mvex` announces them.
        "fragmented": movie.fragmented if fragments is None else layout.is_fragmented,
        "late_start": span is not None and span[0] > _LATE_START,
        "no_media_data": layout.has_media is False and not truncated,
        "nothing_shown": in_movie and stated.nothing_shown,
        "read_limit": movie.limited or unread,
        "truncated": truncated,
    }
