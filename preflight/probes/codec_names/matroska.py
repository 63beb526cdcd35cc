"""What Matroska's codecs are called (codec mappings: draft-ietf-cellar-codec, matroska.org/technical/codec_specs)."""

from __future__ import annotations

from typing import Final

from preflight.probes.codec_names.fourcc import video_codec
from preflight.probes.codec_names.sample_entries import AUDIO, VIDEO, name_of
from preflight.probes.wave_format import coding_of

_VIDEO: Final = {
    "V_AV1": "av1",
    "V_AVS2": "avs2",
    "V_AVS3": "avs3",
    "V_DIRAC": "dirac",
    "V_FFV1": "ffv1",
    "V_MJPEG": "mjpeg",
    "V_MPEG1": "mpeg1video",
    "V_MPEG2": "mpeg2video",
    "V_MPEG4/ISO/AP": "mpeg4",
    "V_MPEG4/ISO/ASP": "mpeg4",
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEG4/ISO/SP": "mpeg4",
    "V_MPEG4/MS/V3": "msmpeg4v3",
    "V_MPEGH/ISO/HEVC": "hevc",
    "V_MPEGI/ISO/VVC": "vvc",
    "V_PRORES": "prores",
    "V_REAL/RV10": "rv10",
    "V_REAL/RV20": "rv20",
    "V_REAL/RV30": "rv30",
    "V_REAL/RV40": "rv40",
    "V_SNOW": "snow",
    "V_THEORA": "theora",
    "V_UNCOMPRESSED": "rawvideo",
    "V_VP8": "vp8",
    "V_VP9": "vp9",
}
_AUDIO: Final = {
    "A_AAC": "aac",
    "A_AC3": "ac3",
    "A_ALAC": "alac",
    "A_DTS": "dts",
    "A_EAC3": "eac3",
    "A_FLAC": "flac",
    "A_MLP": "mlp",
    "A_MPEG/L1": "mp1",
    "A_MPEG/L2": "mp2",
    "A_MPEG/L3": "mp3",
    "A_OPUS": "opus",
    "A_PCM": "pcm",
    "A_TRUEHD": "truehd",
    "A_TTA1": "tta",
    "A_VORBIS": "vorbis",
    "A_WAVPACK4": "wavpack",
}


def codec_of(name: str, private: bytes) -> str | None:
    """Our name for a track's CodecID and, where that only says whose structure it is, its CodecPrivate."""
    if name == "V_MS/VFW/FOURCC":
        return video_codec(private[16:20]) if len(private) >= 20 else None
    if name in ("V_QUICKTIME", "A_QUICKTIME"):  # a sample description: its size, then its type
        return name_of(private[4:8], VIDEO if name[0] == "V" else AUDIO) if len(private) >= 8 else None
    if name == "A_MS/ACM":
        return coding_of(private, "little").codec if len(private) >= 14 else None
    # A name may go on with a profile: A_AAC/MPEG4/LC/SBR, A_PCM/INT/LIT, A_DTS/EXPRESS.
    return _VIDEO.get(name) or _AUDIO.get(name) or _AUDIO.get(name.partition("/")[0])
