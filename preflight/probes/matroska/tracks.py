"""The tracks of a Matroska file (RFC 9559 5.1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from preflight.probes.codec_names import AUDIO_ENTRIES, VIDEO_ENTRIES, fourcc_codec, sample_entry_codec
from preflight.probes.matroska import ebml
from preflight.probes.wave_format import coding_of

PICTURES: Final = 1
SOUND: Final = 2

_ENTRY: Final = 0xAE
_NUMBER, _TYPE, _DEFAULT_FLAG, _CODEC, _PRIVATE, _DEFAULT_DURATION = 0xD7, 0x83, 0x88, 0x86, 0x63A2, 0x23E383
_VIDEO, _AUDIO = 0xE0, 0xE1
_ENCODINGS, _ENCODING, _ENCODING_TYPE = 0x6D80, 0x6240, 0x5033
_WIDTH, _HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
_ALPHA, _PROJECTION, _ROLL, _YAW, _PITCH = 0x53C0, 0x7670, 0x7675, 0x7673, 0x7674
_RATE, _OUTPUT_RATE, _CHANNELS = 0xB5, 0x78B5, 0x9F
_UNIT_UNKNOWN: Final = 4
_OPUS_RATE: Final = 48000
"""Hz at which Opus decodes, whatever rate a muxer took over from the original (RFC 7845 5.1)."""
_ENCRYPTED: Final = 1
_MANY: Final = 128
"""Tracks that are looked at."""

Fields = dict[int, tuple[int, int]]


@dataclass(slots=True)
class Track:
    """One track. picture and sound: the facts that it gives of a media."""

    number: int
    type: int
    codec: str | None
    default: bool
    encrypted: bool
    picture: dict[str, Any] = field(default_factory=dict)
    sound: dict[str, Any] = field(default_factory=dict)


def tracks_of(data: bytes) -> list[Track]:
    """The entries of a Tracks element, in their order."""
    entries = [(start, end) for identifier, start, end in ebml.children(data) if identifier == _ENTRY]
    return [_track(data, *entry) for entry in entries[:_MANY]]


def _track(data: bytes, start: int, end: int) -> Track:
    fields = _fields(data, start, end)
    private = slice(*fields.get(_PRIVATE, (0, 0)))
    track = Track(
        number=_unsigned(data, fields, _NUMBER),
        type=_unsigned(data, fields, _TYPE),
        codec=codec_of(ebml.text(data, *fields.get(_CODEC, (0, 0))), data[private]),
        default=_unsigned(data, fields, _DEFAULT_FLAG, 1) == 1,
        encrypted=_encrypted(data, fields),
    )
    if track.type == PICTURES:
        track.picture = _picture(data, _fields(data, *fields.get(_VIDEO, (0, 0))))
        track.picture["fps"] = _rate(_unsigned(data, fields, _DEFAULT_DURATION))
    elif track.type == SOUND:
        track.sound = _sound(data, _fields(data, *fields.get(_AUDIO, (0, 0))))
        if track.codec == "opus":
            track.sound["sample_rate"] = _OPUS_RATE
    return track


def _fields(data: bytes, start: int, end: int) -> Fields:
    """The first of each kind of child."""
    fields: Fields = {}
    for identifier, begin, stop in ebml.children(data, start, end):
        fields.setdefault(identifier, (begin, stop))
    return fields


def _unsigned(data: bytes, fields: Fields, identifier: int, default: int = 0) -> int:
    return ebml.unsigned(data, *fields[identifier]) if identifier in fields else default


def _encrypted(data: bytes, fields: Fields) -> bool:
    """ContentEncodingType 1: encryption; the other, which is the default, is compression."""
    for identifier, start, end in ebml.children(data, *fields.get(_ENCODINGS, (0, 0))):
        if identifier == _ENCODING and _unsigned(data, _fields(data, start, end), _ENCODING_TYPE) == _ENCRYPTED:
            return True
    return False


def _picture(data: bytes, fields: Fields) -> dict[str, Any]:
    stored_width, stored_height = _unsigned(data, fields, _WIDTH), _unsigned(data, fields, _HEIGHT)
    if not stored_width or not stored_height:
        return {}
    left, right, top, bottom = (
        _unsigned(data, fields, side) for side in (_CROP_LEFT, _CROP_RIGHT, _CROP_TOP, _CROP_BOTTOM)
    )
    width, height = stored_width - left - right, stored_height - top - bottom
    if width <= 0 or height <= 0:
        width, height = stored_width, stored_height
    shape = (_unsigned(data, fields, _DISPLAY_WIDTH, width), _unsigned(data, fields, _DISPLAY_HEIGHT, height))
    known = all(shape) and _unsigned(data, fields, _DISPLAY_UNIT) != _UNIT_UNKNOWN
    rotation = _rotation(data, fields)
    turned = rotation in (90, 270)
    return {
        "stored_width": stored_width,
        "stored_height": stored_height,
        "width": height if turned else width,
        "height": width if turned else height,
        "rotation": rotation,
        "pixel_aspect_ratio": shape[0] * height / (shape[1] * width) if known else None,
        "has_alpha": _unsigned(data, fields, _ALPHA) == 1,
    }


def _rotation(data: bytes, fields: Fields) -> int:
    """Clockwise degrees: the roll of a projection turns the picture counter-clockwise (RFC 9559 5.1.4.1.28)."""
    projection = _fields(data, *fields.get(_PROJECTION, (0, 0)))
    yaw, pitch, roll = (ebml.real(data, *projection.get(angle, (0, 0))) for angle in (_YAW, _PITCH, _ROLL))
    if yaw or pitch or not roll or roll % 90:
        return 0
    return round(-roll) % 360


def _rate(nanoseconds: int) -> float | None:
    """Frames in a s. Muxers cut a frame's time to whole ns: 16,666,666 is 60 in a s, 41,708,333 is 24000/1001."""
    if not nanoseconds:
        return None
    for base in (1.0, 1.001):
        nominal = round(base * 1e9 / nanoseconds)
        if nominal and abs(base * 1e9 / nominal - nanoseconds) < 1:
            return nominal / base
    return 1e9 / nanoseconds


def _sound(data: bytes, fields: Fields) -> dict[str, Any]:
    rate = ebml.real(data, *(fields.get(_OUTPUT_RATE) or fields.get(_RATE) or (0, 0))) if _RATE in fields else 8000.0
    return {
        "sample_rate": round(rate) if rate and rate > 0 else None,
        "channels": _unsigned(data, fields, _CHANNELS, 1) or None,
    }


_VIDEO_CODECS: Final = {
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
_AUDIO_CODECS: Final = {
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
        return fourcc_codec(private[16:20]) if len(private) >= 20 else None
    if name in ("V_QUICKTIME", "A_QUICKTIME"):  # a sample description: its size, then its type
        return (
            sample_entry_codec(private[4:8], VIDEO_ENTRIES if name[0] == "V" else AUDIO_ENTRIES)
            if len(private) >= 8
            else None
        )
    if name == "A_MS/ACM":
        return coding_of(private, "little").codec if len(private) >= 14 else None
    # A name may go on with a profile: A_AAC/MPEG4/LC/SBR, A_PCM/INT/LIT, A_DTS/EXPRESS.
    return _VIDEO_CODECS.get(name) or _AUDIO_CODECS.get(name) or _AUDIO_CODECS.get(name.partition("/")[0])
