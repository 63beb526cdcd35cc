"""Run libraries on a source, in a worker process, and translate their results into our facts.

A file may have taken over the decoder, so the results are validated as untrusted input. The libraries give numbers as
int, float or text, or several at once ("44100 / 22050"); any value that is not one plausible number is None here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE, Media, size_facts
from preflight.probes import library_coding
from preflight.probes.codec_names import AUDIO_ENTRIES, by_lower_case
from preflight.probes.coded_pictures import picture_facts
from preflight.processes import Limits, call
from preflight.sources import Source

_Fields = Mapping[str, object]
_MAX_TEXT_CHARS: Final = 300
_MAX_NUMBER: Final = 1e15
_NUMBER: Final = re.compile(r"\d{1,15}(\.\d{1,12})?", re.ASCII)
_COORDINATES: Final = re.compile(r"[+-]\d+(\.\d+)?[+-]\d", re.ASCII)
"""Latitude and longitude (ISO 6709)."""
_WORDS: Final = (
    *("chroma_subsampling", "codec_id", "color_primaries", "color_space", "format_additionalfeatures"),
    *("format_profile", "scan_type", "transfer_characteristics"),
)


class LibraryResult(NamedTuple):
    """The result of one library.

    media          the facts; `format` is the library's name of the format
    refused        the reason why it cannot open the file
    failed         the error that stopped it after that
    longest_track  s of the longest video or audio track: the file's duration may be that of subtitles or telemetry
    """

    media: Media
    refused: str = ""
    failed: str = ""
    longest_track: float | None = None


def run_mediainfo(source: Source, limits: Limits, speed: float = 0) -> LibraryResult:
    """Run libmediainfo. `speed` 0 reads both ends of the file, 0.5 more of it. Raise as `processes.call` does."""
    found = _object(call("mediainfo", source, limits, speed=speed))
    general = _object(found.get("general"))
    listed = found.get("tracks")
    tracks = [_object(track) for track in listed] if isinstance(listed, list) else []
    video, audio, image = (
        next((track for track in tracks if track.get("track_type") == kind), {}) for kind in ("Video", "Audio", "Image")
    )
    picture = video or image
    kinds = [track.get("track_type") for track in tracks]
    if not picture and not audio:
        return LibraryResult(Media(format=_text(general, "format") or None), refused="finds no stream in it")
    media = Media(
        kind=VIDEO if video else IMAGE if image else AUDIO,
        format=_text(general, "format") or None,
        size=source.size,
        **size_facts(_integer(picture.get("width")), _integer(picture.get("height"))),
        pixel_aspect_ratio=_number(picture.get("pixel_aspect_ratio")),
        duration=_seconds(general.get("duration")),
        fps=_number(picture.get("frame_rate")),
        variable_fps={"CFR": False, "VFR": True}.get(_text(picture, "frame_rate_mode")),
        video_codec=_video_codec(picture) if picture else NONE,
        **(_video_facts(video) if video else {}),
        audio_codec=_audio_codec(audio) if audio else NONE,
        **(_audio_facts(audio) if audio else {}),
        sample_rate=_integer(audio.get("sampling_rate")),
        channels=_integer(audio.get("channel_s")),
        bit_rate=_integer(general.get("overall_bit_rate")),
        video_tracks=kinds.count("Video"),
        audio_tracks=kinds.count("Audio"),
        location=any(_COORDINATES.match(_text(general, name)) for name in ("location", "recorded_location")),
        encrypted=True if any("encryption" in track for track in tracks) else None,
        notes=("truncated",) if general.get("istruncated") == "Yes" else (),
    )
    played = (_seconds(track.get("duration")) for track in tracks if track.get("track_type") in ("Video", "Audio"))
    return LibraryResult(media, longest_track=max((each for each in played if each is not None), default=None))


def _video_facts(video: _Fields) -> dict[str, Any]:
    words = {name: _text(video, name) for name in _WORDS}
    parameters = library_coding.video_parameters(_video_codec(video), words, _integer(video.get("bit_depth")))
    return {
        **picture_facts(parameters, dolby_vision=_text(video, "hdr_format").startswith("Dolby Vision")),
        "scan": parameters.scan,
        "video_profile": parameters.profile,
        "video_level": parameters.level,
        "video_bit_rate": _rounded(video.get("bit_rate")),
    }


def _audio_facts(audio: _Fields) -> dict[str, Any]:
    words = {name: _text(audio, name) for name in _WORDS}
    return {
        **library_coding.audio_facts(_audio_codec(audio), words, _integer(audio.get("bit_depth"))),
        "audio_bit_rate": _rounded(audio.get("bit_rate")),
    }


def run_pillow(source: Source, limits: Limits, *, pixels: bool = False) -> LibraryResult:
    """Run Pillow (and pillow-heif): read the header alone, or decode the `pixels` of all frames."""
    found = _object(call("pixels" if pixels else "image", source, limits))
    media = Media(
        kind=IMAGE,
        format=_text(found, "format") or None,
        width=_integer(found.get("width")),
        height=_integer(found.get("height")),
        frames=_integer(found.get("frames")),
        duration=_number(found.get("duration")),
    )
    return LibraryResult(media, _text(found, "refused"), _text(found, "failed"))


def run_mutagen(source: Source, limits: Limits, name: str) -> LibraryResult:
    """Run mutagen on audio in format `name`."""
    found = _object(call("mutagen", source, limits, name=name))
    media = Media(
        kind=AUDIO,
        format=name,
        duration=_number(found.get("duration")),
        sample_rate=_integer(found.get("sample_rate")),
        channels=_integer(found.get("channels")),
    )
    return LibraryResult(media, _text(found, "refused"))


def run_ffmpeg(source: Source, limits: Limits, demuxer: str) -> str:
    """Return the first error that ffmpeg reports while it decodes a picture; empty if there is none."""
    return _text(_object(call("av", source, limits, demuxer=demuxer)), "failed")


def check_structure(source: Source, limits: Limits, name: str) -> tuple[str, str] | None:
    """Return `truncated` or `corrupt`, and why, by the structure of a picture; None if nothing is wrong."""
    found = _object(call("structure", source, limits, name=name))
    code = _text(found, "code")
    return (code, _text(found, "detail")) if code in ("truncated", "corrupt") else None


def _object(value: object) -> _Fields:
    return value if isinstance(value, dict) else {}


def _text(found: _Fields, name: str) -> str:
    value = found.get(name)
    return value[:_MAX_TEXT_CHARS] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    """Return one positive number, whether it is a number or text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 < value < _MAX_NUMBER and math.isfinite(value) else None


def _integer(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _rounded(value: object) -> int | None:
    number = _number(value)
    return None if number is None else round(number) or None


def _seconds(milliseconds: object) -> float | None:
    number = _number(milliseconds)
    return None if number is None else round(number / 1000, 6)


# --- libmediainfo's names

CONTAINERS: Final[dict[str, str]] = {
    **by_lower_case("AIFF AMR AU CAF DSF DTS DV HEVC IVF MXF TTA WavPack"),
    "AC-3": "ac3",
    "ADIF": "aac",
    "AVC": "h264",
    "BDAV": "mpegts",
    "E-AC-3": "eac3",
    "Flash Video": "flv",
    "MPEG Video": "mpeg",
    "MPEG-PS": "mpeg",
    "MPEG-TS": "mpegts",
    "Monkey's Audio": "ape",
    "Musepack SV7": "musepack",
    "Musepack SV8": "musepack",
    "RealMedia": "rm",
    "Wave64": "w64",
    "Windows Media": "asf",
}
"""Our names of the containers that it recognizes by a signature and that none of our readers reads."""

_VIDEO_CODECS: Final[dict[str, str]] = {
    **by_lower_case("AV1 Cinepak FFV1 HEVC PNG ProRes Theora VP6 VP8 VP9 VVC WMV1 WMV2"),
    "AVC": "h264",
    "DV": "dvvideo",
    "FLV": "flv1",
    "H.263": "h263",
    "JPEG": "mjpeg",
    "JPEG 2000": "jpeg2000",
    "MPEG-4 Visual": "mpeg4",
    "RealVideo 2": "rv20",
    "RealVideo 3": "rv30",
    "RealVideo 4": "rv40",
    "Sorenson Spark": "flv1",
    "VC-1": "vc1",
}
_AUDIO_CODECS: Final[dict[str, str]] = {
    **by_lower_case("AAC ADPCM ALAC AMR DSD DTS FLAC Musepack Nellymoser Opus PCM Speex TTA Vorbis WavPack"),
    "AC-3": "ac3",
    "AC-4": "ac4",
    "E-AC-3": "eac3",
    "MLP FBA": "truehd",
    "Monkey's Audio": "ape",
    "WMA Lossless": "wmalossless",
}
_G711: Final = re.compile(r"\b(a|u|mu)-?law\b", re.IGNORECASE)
_LAYER: Final = re.compile(r"Layer ([123])")


def _video_codec(track: _Fields) -> str | None:
    """Return our name for a video track's Format, with Format_Version and CodecID where the Format is ambiguous."""
    name, version, codec_id = (_text(track, field) for field in ("format", "format_version", "codec_id"))
    if name == "MPEG Video":
        return {"Version 1": "mpeg1video", "Version 2": "mpeg2video"}.get(version)
    if name == "VC-1" and codec_id.upper() == "WMV3":
        return "wmv3"
    return _VIDEO_CODECS.get(name)


def _audio_codec(track: _Fields) -> str | None:
    """Return our name for an audio track's Format, with Format_Version, Format_Profile and CodecID."""
    fields = ("format", "format_version", "format_profile", "codec_id")
    name, version, profile, codec_id = (_text(track, field) for field in fields)
    if name == "MPEG Audio":
        layer = _LAYER.search(profile)
        return f"mp{layer[1]}" if layer else None
    if name == "WMA":
        return {"Version 1": "wmav1", "Version 2": "wmav2"}.get(version, "wmapro" if profile == "Pro" else None)
    if name in ("PCM", "ADPCM"):
        return _pcm_codec(name.lower(), profile, codec_id)
    return _AUDIO_CODECS.get(name)


def _pcm_codec(family: str, profile: str, codec_id: str) -> str:
    """Return the actual codec of PCM or ADPCM: libmediainfo reports G.711 as either, and all audio in AIFF as PCM."""
    for word in (profile, codec_id):
        law = _G711.search(word)
        if law:
            return "alaw" if law[1].lower() == "a" else "mulaw"
    return AUDIO_ENTRIES.get(codec_id.encode("ascii", "replace"), family)
