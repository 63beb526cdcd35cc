"""The ffmpeg arguments that change a video or audio file, without the file names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from preflight.formats import AUDIO, DEMUXERS, IMAGE
from preflight.media import NONE
from preflight.plans import encoding
from preflight.plans.changes import Changes
from preflight.plans.encoders import PASSES, EncodingRate
from preflight.plans.encoding import MP4_FAMILY, MUXERS
from preflight.plans.filters import color_args, needed_filters, video_filters
from preflight.plans.tracks import AudioTarget, VideoTarget

_DECODERS_OF_ALPHA: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""By codec, the decoder that reads transparency, where the usual one does not."""
_WITH_SUBTITLES: Final = (frozenset(("mkv",)), frozenset(("m4v", "mov", "mp4")))
"""Groups of formats among which subtitles can be copied."""
_WITH_COVERS: Final = (frozenset(("flac",)), frozenset(("mp3",)), frozenset(("m4a", "mp4")))
"""Groups of formats of audio among which a cover picture can be copied."""
_PLAUSIBLE_BITS: Final = 0.4
"""Bits per pixel and frame that a nearly lossless video hardly ever exceeds."""
_CAP_SHARE: Final = 0.9
"""Maximum bit rate of a video that is not compressed, as a share of the rate that the size limit allows."""
_TIME_BASE: Final = "1:90000"
"""Time base for variable frame rates: with the default one, frame times would be rounded to a constant rate."""
_WITH_KEYS: Final = frozenset(("m4v", "mov", "mp4"))
"""Formats that keep QuickTime metadata under its own keys; by default, ffmpeg keeps few of them."""
_BRAND_KEYS: Final = ("major_brand", "minor_version", "compatible_brands")
"""Keys that ffmpeg would copy from the source although they describe its container."""
_LOCATION_KEYS: Final = (
    "location", "location-eng", "com.apple.quicktime.location.ISO6709",
    "com.apple.quicktime.location.accuracy.horizontal", "com.apple.quicktime.location.name",
)  # fmt: skip
_SURROUND_OF_OPUS: Final = "aformat=channel_layouts=7.1|6.1|5.1|5.0|quad|3.0|stereo|mono"
"""Channel layouts that the Opus encoder accepts; `5.1(side)`, which many videos have, is not one of them."""
_LOOPED_AUDIO: Final = f"aloop=loop=-1:size={(1 << 31) - 1}"
"""Repeats all samples: `-stream_loop` leaves gaps, which most audio formats cannot express."""
_WITHOUT_GAPS: Final = "aresample=async=1"
_STEREO: Final = 2
_ANIMATED: Final = {"png": "apng", "webp": "webp_anim"}
"""By format, ffmpeg's demuxer for animations where it differs from the one for still pictures."""
_WEBP_DECODER: Final = "webp_anim"
"""ffmpeg's decoder of animated WebP, which versions before 8 lack."""


class FfmpegArgs(NamedTuple):
    """The ffmpeg arguments for a video or audio file, without the file names.

    demuxer  the format of the source for `-f`
    source  the options of the source, before its `-i`
    inputs  further inputs, each with its options and its `-i`
    output  the options of the output
    muxer   the format for `-f` before the output's name; `null` in the first of two passes, which writes no file
    """

    demuxer: str
    source: tuple[str, ...]
    inputs: tuple[str, ...]
    output: tuple[str, ...]
    muxer: str


class Needs(NamedTuple):
    """The encoders, muxers, filters and decoders that ffmpeg needs for the changes."""

    encoders: frozenset[str] = frozenset()
    muxers: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()
    decoders: frozenset[str] = frozenset()


def passes(changes: Changes) -> int:
    """Return the number of passes for a bit rate: 2 if the video encoder supports two."""
    return PASSES.get(changes.video.video_codec, 1) if changes.video is not None else 1


def args_for(
    changes: Changes, bit_rate: int | None = None, pass_number: int | None = None, log_name: str = "preflight-pass"
) -> FfmpegArgs | None:
    """Return the ffmpeg arguments that change a video or audio file; None if ffmpeg cannot.

    bit_rate     bit/s of the video or audio to reach instead of a quality; `changes.budget` has the first one
    pass_number  1 or 2, with a bit rate, where `passes` is 2
    log_name     the file between two passes; all of them run in its folder. It has no `:` and no `=`.
    """
    if changes.written not in MUXERS or any(coding is None for coding in _codings(changes).values()):
        return None
    filters = video_filters(changes) if changes.video is not None else []
    if filters is None:
        return None
    is_first = pass_number == 1
    highest = _highest_rate(changes) if bit_rate is None else None
    rate = EncodingRate(changes.choices.quality, highest, bit_rate, pass_number, log_name)
    output = [
        *_maps(changes, is_first=is_first),
        *_codec_args(changes, filters, rate, is_first=is_first),
        *_length(changes),
    ]
    if is_first:
        return FfmpegArgs(_demuxer(changes), _source_args(changes), (), tuple(output), "null")
    output += _container(changes)
    source, inputs = _source_args(changes), _silence(changes)
    return FfmpegArgs(_demuxer(changes), source, inputs, tuple(output), MUXERS[changes.written])


def _codings(changes: Changes) -> dict[str, VideoTarget | AudioTarget | None]:
    """Return, by codec fact, how each track that is not copied is encoded; None if it cannot be."""
    codings = {"video_codec": changes.video, "audio_codec": changes.audio}
    return {fact: codings[fact] for fact in changes.codecs}


def _highest_rate(changes: Changes) -> int | None:
    """Return the maximum bit/s of a nearly lossless video whose size may exceed the limit; None without one."""
    budget, size, fps = changes.budget, changes.size, changes.fps
    if budget is None or budget.video_bit_rate is None:
        return None
    highest = int(budget.video_bit_rate * _CAP_SHARE)
    if size is not None and fps and highest > size[0] * size[1] * fps * _PLAUSIBLE_BITS:
        return None
    return max(highest, 1)


def _demuxer(changes: Changes) -> str:
    name = changes.media.format or ""
    return _ANIMATED.get(name, DEMUXERS.get(name, name)) if changes.is_animation else DEMUXERS.get(name, name)


def _source_args(changes: Changes) -> tuple[str, ...]:
    decoder = _DECODERS_OF_ALPHA.get(changes.media.video_codec or "")
    args = ["-c:v", decoder] if decoder is not None and changes.flattens else []
    is_repeated = changes.timing.extended is not None and changes.choices.extend == "loop"
    if is_repeated and changes.media.kind != AUDIO:
        args += ["-stream_loop", "-1"]
    if changes.timing.start > 0:
        args += ["-ss", f"{changes.timing.start:g}"]
    return tuple(args)


def _codec_args(changes: Changes, filters: list[str], rate: EncodingRate, *, is_first: bool) -> Iterator[str]:
    """Yield the options of all tracks; the first of two passes needs only the video."""
    if changes.remuxes:
        yield from ("-c", "copy")
    else:
        if changes.media.kind != AUDIO:
            yield from _video_args(changes, filters, rate)
        if not is_first:
            yield from _audio_args(changes, rate.bit_rate)
            yield from ("-c:s", "copy") if keeps_subtitles(changes) else ()
    codec = changes.video.video_codec if changes.video is not None else changes.media.video_codec
    is_new = changes.video is not None or not {changes.media.format, changes.written} <= MP4_FAMILY
    if codec == "hevc" and is_new and changes.written in MP4_FAMILY:
        yield from ("-tag:v", "hvc1")
    if keeps_cover(changes):
        yield from (
            ("-disposition:v", "attached_pic")
            if changes.remuxes
            else ("-c:v", "copy", "-disposition:v", "attached_pic")
        )


def _maps(changes: Changes, *, is_first: bool) -> Iterator[str]:
    """Yield the options that select the tracks: by default, ffmpeg takes one of each kind, and cover art as video."""
    only = ":0" if changes.one_of_each else ""
    if changes.media.kind == AUDIO:
        yield from ("-map", "0:a:0" if changes.one_audio_track else "0:a")
        yield from ("-map", "0:v?") if keeps_cover(changes) else ()
        return
    yield from ("-map", f"0:V{only if changes.remuxes else ':0'}")
    if is_first:
        return
    if changes.adds_silence:
        yield from ("-map", "1:a")
    elif changes.media.audio_codec != NONE and "audio_codec" not in _removed(changes):
        yield from ("-map", f"0:a{only}?")
    if keeps_subtitles(changes):
        yield from ("-map", "0:s?")


def keeps_subtitles(changes: Changes) -> bool:
    """Return whether the subtitles of a video are copied."""
    same_times = not changes.timing.start and changes.timing.extended is None
    are_wanted = changes.media.kind != AUDIO and not changes.main_tracks_only
    return are_wanted and same_times and _are_in(changes, _WITH_SUBTITLES)


def keeps_cover(changes: Changes) -> bool:
    """Return whether the cover picture of an audio file is copied."""
    return changes.media.kind == AUDIO and _are_in(changes, _WITH_COVERS)


def _are_in(changes: Changes, groups: tuple[frozenset[str], ...]) -> bool:
    return any({changes.media.format, changes.written} <= group for group in groups)


def _removed(changes: Changes) -> frozenset[str]:
    removed = changes.audio is not None and changes.audio.audio_codec == NONE
    return frozenset(("audio_codec",)) if removed else frozenset()


def _video_args(changes: Changes, filters: list[str], rate: EncodingRate) -> Iterator[str]:
    if changes.video is None:
        yield from ("-c:v", "copy")
        return
    if changes.timing.extended is not None and changes.choices.extend == "hold":
        filters = [*filters, f"tpad=stop_mode=clone:stop_duration={changes.timing.extended:g}"]
    yield from ("-vf", ",".join(filters)) if filters else ()
    yield from changes.video.options(rate)
    yield from color_args(changes)
    if changes.timing.fps is None and (changes.media.variable_fps or changes.is_animation):
        yield from ("-fps_mode", "vfr", "-enc_time_base", _TIME_BASE)


def _audio_args(changes: Changes, bit_rate: int | None) -> Iterator[str]:
    if changes.audio is None:
        if changes.media.audio_codec != NONE:
            yield from ("-c:a", "copy")
        return
    if changes.audio.audio_codec != NONE and (filters := _audio_filters(changes, changes.audio)):
        yield from ("-af", ",".join(filters))
    budget = changes.budget
    rate = budget.audio_bit_rate if budget is not None and (changes.compresses or bit_rate is not None) else None
    if bit_rate is not None and changes.media.kind == AUDIO:
        rate = bit_rate
    yield from changes.audio.options(rate)


def _audio_filters(changes: Changes, audio: AudioTarget) -> list[str]:
    filters = []
    if changes.timing.extended is not None:
        looping = _LOOPED_AUDIO if changes.media.kind == AUDIO else _WITHOUT_GAPS
        held = f"apad=whole_dur={changes.timing.extended:g}"
        filters.append(looping if changes.choices.extend == "loop" else held)
    if audio.audio_codec == "opus" and (audio.channels or changes.media.channels or _STEREO) > _STEREO:
        filters.append(_SURROUND_OF_OPUS)
    return filters


def _silence(changes: Changes) -> tuple[str, ...]:
    """Return the input of a silent track."""
    if not changes.adds_silence or changes.audio is None:
        return ()
    rate, channels = changes.audio.sample_rate or 48_000, changes.audio.channels or _STEREO
    duration = changes.timing.duration(changes.media)
    length = ("-t", f"{duration:g}") if duration is not None else ()
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
    return ("-f", "lavfi", *length, "-i", f"anullsrc=channel_layout={layout}:sample_rate={rate}")


def _length(changes: Changes) -> tuple[str, ...]:
    length = changes.timing.extended or changes.timing.kept
    if length is not None:
        return ("-t", f"{length:g}")
    return ("-shortest",) if changes.adds_silence and changes.media.duration is None else ()


def _container(changes: Changes) -> list[str]:
    """Return the options for the metadata, the brand and the index."""
    keeps_keys = changes.media.format == "mov" and changes.written in _WITH_KEYS and not changes.choices.strip_metadata
    flags = [*_index(changes), *(["+use_metadata_tags"] if keeps_keys else [])]
    options = ["-movflags", "".join(flags)] if flags else []
    brand = changes.limits.get("brand") if "brand" in changes.wrong else None
    if brand is not None and brand.any_of and changes.written in MP4_FAMILY:
        options += ["-brand", str(brand.any_of[0])]
    if changes.choices.strip_metadata:
        options += ["-map_metadata", "-1"]
    cleared: tuple[str, ...] = _BRAND_KEYS if keeps_keys else ()
    if not changes.choices.strip_metadata and ("location" in changes.wrong or changes.choices.strip_location):
        cleared += _LOCATION_KEYS
    options += [word for key in cleared for word in ("-metadata", f"{key}=")]
    if changes.flattens:
        options += ["-metadata:s:v:0", "alpha_mode="]  # of Matroska, which would be copied
    return options


def _index(changes: Changes) -> list[str]:
    """Return the flag that puts the index before the media data, unless a limit excludes it."""
    limit = changes.limits.get("streamable")
    if changes.written not in MP4_FAMILY or (limit is not None and not encoding.accepts(limit, value=True)):
        return []
    return ["+faststart"]


def needs_of(changes: Changes) -> Needs:
    """Return what ffmpeg needs to change a video or audio file."""
    args = args_for(changes)
    if args is None or changes.media.kind == IMAGE:
        return Needs()
    pairs = tuple(pairwise((*args.inputs, *args.output)))
    encoders = frozenset(name for option, name in pairs if option in ("-c:v", "-c:a")) - {"copy"}
    audio_filters = [text for option, text in pairs if option == "-af" or text.startswith("anullsrc=")]
    filters = {each.partition("=")[0] for text in audio_filters for each in text.split(",")}
    if any(option == "-vf" and "tpad=" in text for option, text in pairs):
        filters.add("tpad")
    decoders = {word for word in args.source if word in _DECODERS_OF_ALPHA.values()}
    if changes.is_animation and changes.media.format == "webp":
        decoders.add(_WEBP_DECODER)
    every_filter = needed_filters(changes).union(filters) if changes.video is not None else frozenset(filters)
    return Needs(encoders, frozenset((args.muxer,)), every_filter, frozenset(decoders))
