"""Describe the video and the audio track of a movie: size, frame rate, coding, bit rates, key frames."""

from __future__ import annotations

from typing import Final, TypedDict

from preflight.media import Need, size_facts
from preflight.probes.coded_frames import FRAME_BYTES
from preflight.probes.mp4.entries import SampleEntry
from preflight.probes.mp4.fragments import TrackFragments
from preflight.probes.mp4.layout import Layout
from preflight.probes.mp4.movie import Movie, Track
from preflight.probes.mp4.pictures import VideoCoding, video_coding
from preflight.probes.mp4.samples import KeyFrames, total_bytes
from preflight.probes.mp4.timing import media_ticks, read_stts
from preflight.probes.window import is_cheap
from preflight.sources import Source

_CODING_FACTS: Final = frozenset(VideoCoding.__annotations__)
_WITHOUT_HEADERS: Final = frozenset(("h264", "hevc", "mpeg4"))
"""Codecs whose headers are in the configuration, not in the frames."""
_UNCOMPRESSED: Final = frozenset(("alaw", "mulaw", "pcm"))
_OLD_CODECS: Final = frozenset(("adpcm", "mace"))


class VideoFacts(TypedDict, total=False):
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


def video_facts(layout: Layout, movie: Movie, video: Track, need: Need) -> VideoFacts:
    """Return size, rotation, frames and codec, and the facts among the others that are needed."""
    entry = video.entry
    width = (entry and entry.width) or video.width
    height = (entry and entry.height) or video.height
    rotation = (video.rotation + movie.rotation) % 360
    size = size_facts(width, height, transposed=rotation in (90, 270))
    frames, fps, variable = _frame_rate(layout, movie, video)
    facts = VideoFacts(
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


def coding_facts(source: Source, movie: Movie, video: Track, need: Need) -> VideoCoding:
    """Return what the sample entry states about the pictures, and their first frame if it costs no request."""
    entry = video.entry
    if entry is None or need.facts.isdisjoint(_CODING_FACTS):
        return VideoCoding()
    return video_coding(movie.data, entry, lambda: _first_frame(source, video, entry))


def _first_frame(source: Source, video: Track, entry: SampleEntry) -> bytes:
    """Return the start of the first frame; empty if that has no headers, is encrypted, missing, or costs a request."""
    start, end = video.first, video.first + FRAME_BYTES
    is_there = source.size is not None and 0 < start < source.size
    if not is_there or not is_cheap(source, end) or entry.encrypted or entry.codec in _WITHOUT_HEADERS:
        return b""
    return source.read_at(start, FRAME_BYTES)


class AudioFacts(TypedDict, total=False):
    """The facts of an audio track."""

    audio_codec: str | None
    audio_profile: str | None
    audio_bit_rate: int | None
    sample_rate: int | None
    channels: int | None
    sample_bits: int | None


def audio_facts(layout: Layout, movie: Movie, audio: Track, need: Need) -> AudioFacts:
    """Return what the sample entry states about the audio, and its bit rate if that is needed."""
    facts = AudioFacts()
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
