"""Translate libmediainfo's names into ours. Names of codecs are ffmpeg's, with (linear) pcm and adpcm as families."""

from __future__ import annotations

import re
from typing import Final

from preflight.probes.codec_names.sample_entries import AUDIO

CONTAINERS: Final[dict[str, str]] = {
    "AC-3": "ac3",
    "ADIF": "aac",
    "AIFF": "aiff",
    "AMR": "amr",
    "AU": "au",
    "AVC": "h264",
    "BDAV": "mpegts",
    "CAF": "caf",
    "DSF": "dsf",
    "DTS": "dts",
    "DV": "dv",
    "E-AC-3": "eac3",
    "Flash Video": "flv",
    "HEVC": "hevc",
    "IVF": "ivf",
    "MPEG Video": "mpeg",
    "MPEG-PS": "mpeg",
    "MPEG-TS": "mpegts",
    "MXF": "mxf",
    "Monkey's Audio": "ape",
    "Musepack SV7": "musepack",
    "Musepack SV8": "musepack",
    "RealMedia": "rm",
    "TTA": "tta",
    "WavPack": "wavpack",
    "Wave64": "w64",
    "Windows Media": "asf",
}
"""Only those that it recognises by a signature, and that no reader of ours owns."""

_VIDEO: Final[dict[str, str]] = {
    "AV1": "av1",
    "AVC": "h264",
    "Cinepak": "cinepak",
    "DV": "dvvideo",
    "FFV1": "ffv1",
    "FLV": "flv1",
    "H.263": "h263",
    "HEVC": "hevc",
    "JPEG": "mjpeg",
    "JPEG 2000": "jpeg2000",
    "MPEG-4 Visual": "mpeg4",
    "PNG": "png",
    "ProRes": "prores",
    "RealVideo 2": "rv20",
    "RealVideo 3": "rv30",
    "RealVideo 4": "rv40",
    "Sorenson Spark": "flv1",
    "Theora": "theora",
    "VC-1": "vc1",
    "VP6": "vp6",
    "VP8": "vp8",
    "VP9": "vp9",
    "VVC": "vvc",
    "WMV1": "wmv1",
    "WMV2": "wmv2",
}
_AUDIO: Final[dict[str, str]] = {
    "AAC": "aac",
    "AC-3": "ac3",
    "AC-4": "ac4",
    "ADPCM": "adpcm",
    "ALAC": "alac",
    "AMR": "amr",
    "DSD": "dsd",
    "DTS": "dts",
    "E-AC-3": "eac3",
    "FLAC": "flac",
    "MLP FBA": "truehd",
    "Monkey's Audio": "ape",
    "Musepack": "musepack",
    "Nellymoser": "nellymoser",
    "Opus": "opus",
    "PCM": "pcm",
    "Speex": "speex",
    "TTA": "tta",
    "Vorbis": "vorbis",
    "WMA Lossless": "wmalossless",
    "WavPack": "wavpack",
}
_LAW: Final = re.compile(r"\b(a|u|mu)-?law\b", re.IGNORECASE)
_LAYER: Final = re.compile(r"Layer ([123])")


def video_codec(name: str, version: str, codec_id: str) -> str | None:
    """Our name of a video track's Format, with its Format_Version and CodecID where the Format is not enough."""
    if name == "MPEG Video":
        return {"Version 1": "mpeg1video", "Version 2": "mpeg2video"}.get(version)
    if name == "VC-1" and codec_id.upper() == "WMV3":
        return "wmv3"
    return _VIDEO.get(name)


def audio_codec(name: str, version: str, profile: str, codec_id: str) -> str | None:
    """Return our name for an audio track's Format, with its Format_Version, Format_Profile and CodecID."""
    if name == "MPEG Audio":
        layer = _LAYER.search(profile)
        return f"mp{layer[1]}" if layer else None
    if name == "WMA":
        return {"Version 1": "wmav1", "Version 2": "wmav2"}.get(version, "wmapro" if profile == "Pro" else None)
    if name in ("PCM", "ADPCM"):
        return _waveform(name.lower(), profile, codec_id)
    return _AUDIO.get(name)


def _waveform(family: str, profile: str, codec_id: str) -> str:
    """Return the actual codec of PCM or ADPCM: libmediainfo reports G.711 as either, and all audio in AIFF as PCM."""
    for word in (profile, codec_id):
        law = _LAW.search(word)
        if law:
            return "alaw" if law[1].lower() == "a" else "mulaw"
    return AUDIO.get(codec_id.encode("ascii", "replace"), family)
