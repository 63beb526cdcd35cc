"""Read MP4, QuickTime, M4A, M4V and 3GP: one box structure, distinguished by brand.

ISO/IEC 14496-12 for all of them; QTFF: Apple's QuickTime File Format.

The duration is that of the movie header, which players show and other readers state, unless the tracks contradict it.
The duration of a fragmented file is that of its fragments, from the first to the last.
"""

from __future__ import annotations

from typing import Final, TypedDict

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.codec_names import STILL_CODECS
from preflight.probes.isobmff import brand_name
from preflight.probes.mp4.edits import more_than_delay
from preflight.probes.mp4.fragments import TrackFragments
from preflight.probes.mp4.layout import Layout, LayoutReader
from preflight.probes.mp4.movie import AUDIO_HANDLER, VIDEO_HANDLER, Movie, Track
from preflight.probes.mp4.pictures import VideoCoding, video_coding
from preflight.probes.mp4.samples import KeyFrames, total_bytes
from preflight.probes.mp4.timing import Duration, duration_of, media_ticks, read_stts
from preflight.probes.parameter_sets import frames
from preflight.probes.window import is_cheap
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
_CODING_FACTS: Final = frozenset(VideoCoding.__annotations__)
_UNCOMPRESSED: Final = frozenset(("alaw", "mulaw", "pcm"))
_OLD_CODECS: Final = frozenset(("adpcm", "mace"))
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
        edit_list=more_than_delay(movie),
        brand=_brand(layout),
        location=True if movie.located else False if movie.is_fully_read else None,
        notes=tuple(sorted(note for note, applies in notes.items() if applies)),
        video_tracks=_count_tracks(movie, VIDEO_HANDLER, covers),
        audio_tracks=_count_tracks(movie, AUDIO_HANDLER),
        **(_video_facts(layout, movie, video, need) if video else _VideoFacts(video_codec=absent)),
        **(_coding(source, movie, video, need) if video else VideoCoding()),
        **(_audio_facts(layout, movie, audio, need) if audio else _AudioFacts(audio_codec=absent)),
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
    found = sum(track.handler == handler for track in movie.tracks) - covers
    return found if movie.is_fully_read else None


class _VideoFacts(TypedDict, total=False):
    """The facts of a video track, apart from those of its coding."""

    width: int | None
    height: int | None
    stored_width: int | None
    stored_height: int | None
    rotation: int
    pixel_aspect_ratio: float | None
    frames: int | None
    fps: float | None
    variable_fps: bool | None
    keyframe_interval: float | None
    video_codec: str | None
    video_bit_rate: int | None


def _video_facts(layout: Layout, movie: Movie, video: Track, need: Need) -> _VideoFacts:
    entry = video.entry
    width = (entry and entry.width) or video.width
    height = (entry and entry.height) or video.height
    rotation = (video.rotation + movie.rotation) % 360
    size = size_facts(width, height, transposed=rotation in (90, 270))
    frames, fps, variable = _frame_rate(layout, movie, video)
    facts = _VideoFacts(
        width=size["width"],
        height=size["height"],
        stored_width=size["stored_width"],
        stored_height=size["stored_height"],
        rotation=rotation,
        frames=frames,
        fps=fps,
        variable_fps=variable,
    )
    if entry is not None:
        facts["video_codec"] = entry.codec
        facts["pixel_aspect_ratio"] = entry.pixel_aspect_ratio
    if "video_bit_rate" in need.facts:
        facts["video_bit_rate"] = _bit_rate(layout, movie, video)
    if "keyframe_interval" in need.facts:
        facts["keyframe_interval"] = _keyframe_interval(layout, movie, video)
    return facts


def _frame_rate(layout: Layout, movie: Movie, video: Track) -> tuple[int | None, float | None, bool | None]:
    """Return frames, frames/s and whether they vary, by the fragments if there are any, else by the sample table."""
    fragments = layout.fragments
    if fragments is not None and layout.is_fragmented:
        timing, complete = fragments.tracks[video.id].timing, fragments.ended and not fragments.skipped
    else:
        timing, complete = read_stts(movie.data, *video.stts), True
    if timing is None or not timing.frames or not (complete or timing.is_constant):
        return None, None, None
    ticks = video.duration if timing.has_negative else timing.ticks
    return (
        timing.frames if complete else None,
        timing.frames * video.timescale / ticks if ticks and video.timescale else None,
        None if timing.has_negative else timing.is_variable,
    )


def _coding(source: Source, movie: Movie, video: Track, need: Need) -> VideoCoding:
    entry = video.entry
    if entry is None or need.facts.isdisjoint(_CODING_FACTS):
        return VideoCoding()
    return video_coding(movie.data, entry, _first_frame(source, video) if entry.codec in frames.BY_CODEC else b"")


def _first_frame(source: Source, video: Track) -> bytes:
    """Return the start of the first frame; empty if it is encrypted, not there, or costs a request."""
    start, end = video.first, video.first + frames.FIRST_BYTES
    is_there = source.size is not None and 0 < start < source.size
    if not is_there or not is_cheap(source, end) or video.entry is None or video.entry.encrypted:
        return b""
    return source.read_at(start, frames.FIRST_BYTES)


class _AudioFacts(TypedDict, total=False):
    """The facts of an audio track."""

    audio_codec: str | None
    audio_profile: str | None
    audio_bit_rate: int | None
    sample_rate: int | None
    channels: int | None
    sample_bits: int | None


def _audio_facts(layout: Layout, movie: Movie, audio: Track, need: Need) -> _AudioFacts:
    facts = _AudioFacts()
    if "audio_bit_rate" in need.facts:
        facts["audio_bit_rate"] = _bit_rate(layout, movie, audio)
    entry = audio.entry
    if entry is not None:
        facts["audio_codec"] = entry.codec
        facts["audio_profile"] = entry.profile
        facts["sample_rate"] = entry.rate
        facts["channels"] = entry.channels
        facts["sample_bits"] = entry.sample_bits
    return facts


def _fragments_of(layout: Layout, track: Track) -> TrackFragments | None:
    fragments = layout.fragments
    return fragments.tracks[track.id] if fragments is not None and layout.is_fragmented else None


def _ticks_of(layout: Layout, movie: Movie, track: Track) -> int | None:
    """Return the ticks of all samples of a track; None if not all were read.

    In fragments they are those from the first to the end of the last: some writers leave durations at 0.
    """
    found = _fragments_of(layout, track)
    if found is not None:
        assert layout.fragments is not None
        is_whole = layout.fragments.ended and not layout.fragments.skipped
        return found.end - found.start if is_whole and found.start is not None and found.end is not None else None
    if not movie.complete or movie.fragmented:
        return None
    ticks = media_ticks(movie, track)
    return track.duration if ticks is None else ticks


def _bit_rate(layout: Layout, movie: Movie, track: Track) -> int | None:
    """Return the bits/s of a track. QuickTime writes sizes of 1 for PCM and ADPCM, whose own rate counts if known."""
    entry = track.entry
    if entry is not None and entry.codec in _UNCOMPRESSED and entry.rate and entry.channels and entry.sample_bits:
        return entry.rate * entry.channels * entry.sample_bits
    ticks = _ticks_of(layout, movie, track)
    found = _fragments_of(layout, track)
    size = (total_bytes(movie.data, track) if found is None else found.bytes) if ticks else None
    if not size or not ticks or (size == track.samples and entry is not None and entry.codec in _OLD_CODECS):
        return None
    return round(size * 8 * track.timescale / ticks) if track.timescale else None


def _keyframe_interval(layout: Layout, movie: Movie, video: Track) -> float | None:
    """Return the longest time between two key frames, in s; with a single one, the duration of the track."""
    ticks = _ticks_of(layout, movie, video)
    if not ticks:
        return None
    found = _fragments_of(layout, video)
    keys = found.keys if found is not None else None
    if keys is None:
        keys = KeyFrames()
        keys.add_track(movie.data, video)
    return keys.seconds(video.timescale, ticks)


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
