"""Read the tracks of a Matroska file (RFC 9559 5.1.4) and translate the names of their codecs.

Codec mappings: draft-ietf-cellar-codec, matroska.org/technical/codec_specs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from preflight.probes.codec_names import AUDIO_ENTRIES, VIDEO_ENTRIES, by_lower_case, fourcc_codec, sample_entry_codec
from preflight.probes.coded_pictures import DOLBY_VISION
from preflight.probes.matroska import coding, ebml
from preflight.probes.parameter_sets.record import NOTHING, VideoParameters
from preflight.probes.wav import coding_of

VIDEO_TRACK: Final = 1
AUDIO_TRACK: Final = 2

_ENTRY: Final = 0xAE
_NUMBER, _TYPE, _DEFAULT_FLAG, _CODEC, _PRIVATE, _DEFAULT_DURATION = 0xD7, 0x83, 0x88, 0x86, 0x63A2, 0x23E383
_UID, _VIDEO, _AUDIO = 0x73C5, 0xE0, 0xE1
_ENCODINGS, _ENCODING, _ENCODING_TYPE = 0x6D80, 0x6240, 0x5033
_WIDTH, _HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
_ALPHA, _PROJECTION, _ROLL, _YAW, _PITCH = 0x53C0, 0x7670, 0x7675, 0x7673, 0x7674
_RATE, _OUTPUT_RATE, _CHANNELS, _BIT_DEPTH = 0xB5, 0x78B5, 0x9F, 0x6264
_INTERLACED, _FOURCC, _COLOR, _COLOR_BITS = 0x9A, 0x2EB524, 0x55B0, 0x55B2
_MATRIX, _CHROMA_ACROSS, _CHROMA_DOWN, _TRANSFER, _PRIMARIES = 0x55B1, 0x55B3, 0x55B4, 0x55BA, 0x55BB
_MAPPING, _MAPPING_TYPE = 0x41E4, 0x41E7
_DOLBY_VISION: Final = frozenset(map(int.from_bytes, DOLBY_VISION))
"""BlockAddIDType of `dvcC`, `dvvC` and `dvwC` (Matroska block additional mappings)."""
_UNIT_UNKNOWN: Final = 4
_DEFAULT_RATE: Final = 8000.0
_OPUS_RATE: Final = 48000
"""Hz at which Opus decodes, whatever rate of the original a muxer copied (RFC 7845 5.1)."""
_ENCRYPTION: Final = 1
_MAX_TRACKS: Final = 128
"""Tracks that are read."""

_Fields = dict[int, tuple[int, int]]


class Picture(NamedTuple):
    """The facts in a Video element, under the names of `Media`."""

    stored_width: int
    stored_height: int
    width: int
    height: int
    rotation: int
    pixel_aspect_ratio: float | None
    has_alpha: bool


class TrackEntry(NamedTuple):
    """One track. `picture` to `dolby_vision` are those of a video track, `sample_rate` (Hz) and what follows of audio.

    parameters  what the coded pictures have; color and interlaced: what the track states of them
    """

    number: int
    uid: int
    type: int
    codec: str | None
    default: bool
    encrypted: bool
    picture: Picture | None = None
    fps: float | None = None
    parameters: VideoParameters = NOTHING
    color: coding.Color | None = None
    interlaced: int = 0
    dolby_vision: bool = False
    sample_rate: int | None = None
    channels: int | None = None
    profile: str | None = None
    sample_bits: int | None = None

    def video_facts(self) -> dict[str, Any]:
        """Return the facts of the coded pictures, under the names of `Media`."""
        parameters = coding.with_color(self.parameters, self.color)
        return coding.video_facts(parameters, self.interlaced, dolby_vision=self.dolby_vision)


def read_tracks(data: bytes) -> list[TrackEntry]:
    """Return the entries of a Tracks element, in their order. Raise `BoundReached`."""
    entries = [(start, end) for identifier, start, end in ebml.children(data) if identifier == _ENTRY]
    return [_read_entry(data, *entry) for entry in entries[:_MAX_TRACKS]]


def _read_entry(data: bytes, start: int, end: int) -> TrackEntry:
    fields = _fields(data, start, end)
    track_type = _uint(data, fields, _TYPE)
    codec_id = ebml.read_text(data, *fields.get(_CODEC, (0, 0)))
    private = data[slice(*fields.get(_PRIVATE, (0, 0)))]
    codec = _codec(codec_id, private)
    track = TrackEntry(
        number=_uint(data, fields, _NUMBER),
        uid=_uint(data, fields, _UID),
        type=track_type,
        codec=codec,
        default=_uint(data, fields, _DEFAULT_FLAG, 1) == 1,
        encrypted=_is_encrypted(data, fields),
    )
    if track_type == VIDEO_TRACK:
        video = _fields(data, *fields.get(_VIDEO, (0, 0)))
        return track._replace(
            picture=_read_picture(data, video),
            fps=_frame_rate(_uint(data, fields, _DEFAULT_DURATION)),
            parameters=coding.video_parameters(codec, codec_id, private, data[slice(*video.get(_FOURCC, (0, 0)))]),
            color=_read_color(data, video),
            interlaced=_uint(data, video, _INTERLACED),
            dolby_vision=_is_dolby_vision(data, start, end),
        )
    if track_type == AUDIO_TRACK:
        audio = _fields(data, *fields.get(_AUDIO, (0, 0)))
        return track._replace(
            sample_rate=_sample_rate(data, audio, codec),
            channels=_uint(data, audio, _CHANNELS, 1) or None,
            profile=coding.audio_profile(codec, codec_id, private),
            sample_bits=coding.sample_bits(codec, codec_id, private, _uint(data, audio, _BIT_DEPTH)),
        )
    return track


def _read_color(data: bytes, video: _Fields) -> coding.Color | None:
    if _COLOR not in video:
        return None
    color = _fields(data, *video[_COLOR])
    subsampled = _CHROMA_ACROSS in color and _CHROMA_DOWN in color
    return coding.Color(
        bits=_uint(data, color, _COLOR_BITS),
        chroma=(_uint(data, color, _CHROMA_ACROSS), _uint(data, color, _CHROMA_DOWN)) if subsampled else None,
        matrix=_uint(data, color, _MATRIX, coding.NOT_SPECIFIED),
        transfer=_uint(data, color, _TRANSFER, coding.NOT_SPECIFIED),
        primaries=_uint(data, color, _PRIMARIES, coding.NOT_SPECIFIED),
    )


def _is_dolby_vision(data: bytes, start: int, end: int) -> bool:
    """Return whether a BlockAdditionMapping is that of a Dolby Vision configuration (RFC 9559 5.1.4.1.17)."""
    return any(
        identifier == _MAPPING and _uint(data, _fields(data, begin, stop), _MAPPING_TYPE) in _DOLBY_VISION
        for identifier, begin, stop in ebml.children(data, start, end)
    )


def _fields(data: bytes, start: int, end: int) -> _Fields:
    """Return the range of the first child of each type."""
    fields: _Fields = {}
    for identifier, begin, stop in ebml.children(data, start, end):
        fields.setdefault(identifier, (begin, stop))
    return fields


def _uint(data: bytes, fields: _Fields, identifier: int, default: int = 0) -> int:
    return ebml.read_uint(data, *fields[identifier]) if identifier in fields else default


def _is_encrypted(data: bytes, fields: _Fields) -> bool:
    """Return whether a ContentEncodingType is 1, encryption; the default is compression (RFC 9559 5.1.4.1.31.4)."""
    for identifier, start, end in ebml.children(data, *fields.get(_ENCODINGS, (0, 0))):
        if identifier == _ENCODING and _uint(data, _fields(data, start, end), _ENCODING_TYPE) == _ENCRYPTION:
            return True
    return False


def _read_picture(data: bytes, fields: _Fields) -> Picture | None:
    stored_width, stored_height = _uint(data, fields, _WIDTH), _uint(data, fields, _HEIGHT)
    if not stored_width or not stored_height:
        return None
    left, right, top, bottom = (
        _uint(data, fields, side) for side in (_CROP_LEFT, _CROP_RIGHT, _CROP_TOP, _CROP_BOTTOM)
    )
    width, height = stored_width - left - right, stored_height - top - bottom
    if width <= 0 or height <= 0:
        width, height = stored_width, stored_height
    shown_width, shown_height = _uint(data, fields, _DISPLAY_WIDTH, width), _uint(data, fields, _DISPLAY_HEIGHT, height)
    known = shown_width and shown_height and _uint(data, fields, _DISPLAY_UNIT) != _UNIT_UNKNOWN
    rotation = _rotation(data, fields)
    transposed = rotation in (90, 270)
    return Picture(
        stored_width=stored_width,
        stored_height=stored_height,
        width=height if transposed else width,
        height=width if transposed else height,
        rotation=rotation,
        pixel_aspect_ratio=shown_width * height / (shown_height * width) if known else None,
        has_alpha=_uint(data, fields, _ALPHA) == 1,
    )


def _rotation(data: bytes, fields: _Fields) -> int:
    """Return clockwise degrees: the roll of a projection rotates counter-clockwise (RFC 9559 5.1.4.1.28)."""
    projection = _fields(data, *fields.get(_PROJECTION, (0, 0)))
    yaw, pitch, roll = (ebml.read_float(data, *projection.get(angle, (0, 0))) for angle in (_YAW, _PITCH, _ROLL))
    if yaw or pitch or not roll or roll % 90:
        return 0
    return round(-roll) % 360


def _frame_rate(nanoseconds: int) -> float | None:
    """Return frames/s by frame duration, which muxers truncate: 16,666,666 ns is 60, 41,708,333 ns is 24000/1001."""
    if not nanoseconds:
        return None
    for base in (1.0, 1.001):
        nominal = round(base * 1e9 / nanoseconds)
        if nominal and abs(base * 1e9 / nominal - nanoseconds) < 1:
            return nominal / base
    return 1e9 / nanoseconds


def _sample_rate(data: bytes, fields: _Fields, codec: str | None) -> int | None:
    if codec == "opus":
        return _OPUS_RATE
    stated = fields.get(_OUTPUT_RATE) or fields.get(_RATE) or (0, 0)
    rate = ebml.read_float(data, *stated) if _RATE in fields else _DEFAULT_RATE
    return round(rate) if rate and rate > 0 else None


# --- names of codecs

_VIDEO_CODECS: Final = {
    **by_lower_case("AV1 AVS2 AVS3 DIRAC FFV1 MJPEG PRORES SNOW THEORA VP8 VP9", "V_"),
    "V_MPEG1": "mpeg1video",
    "V_MPEG2": "mpeg2video",
    "V_MPEG4/ISO/AP": "mpeg4",
    "V_MPEG4/ISO/ASP": "mpeg4",
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEG4/ISO/SP": "mpeg4",
    "V_MPEG4/MS/V3": "msmpeg4v3",
    "V_MPEGH/ISO/HEVC": "hevc",
    "V_MPEGI/ISO/VVC": "vvc",
    "V_REAL/RV10": "rv10",
    "V_REAL/RV20": "rv20",
    "V_REAL/RV30": "rv30",
    "V_REAL/RV40": "rv40",
    "V_UNCOMPRESSED": "rawvideo",
}
_AUDIO_CODECS: Final = {
    **by_lower_case("AAC AC3 ALAC DTS EAC3 FLAC MLP OPUS PCM TRUEHD VORBIS", "A_"),
    "A_MPEG/L1": "mp1",
    "A_MPEG/L2": "mp2",
    "A_MPEG/L3": "mp3",
    "A_TTA1": "tta",
    "A_WAVPACK4": "wavpack",
}


def _codec(name: str, private: bytes) -> str | None:
    """Return the codec of a CodecID, or of its CodecPrivate if the CodecID only names another container's structure."""
    if name == "V_MS/VFW/FOURCC":
        return fourcc_codec(private[16:20]) if len(private) >= 20 else None
    if name in ("V_QUICKTIME", "A_QUICKTIME"):  # a sample description: its size, then its type
        table = VIDEO_ENTRIES if name[0] == "V" else AUDIO_ENTRIES
        return sample_entry_codec(private[4:8], table) if len(private) >= 8 else None
    if name == "A_MS/ACM":
        return coding_of(private, "little").codec if len(private) >= 14 else None
    # A name may end with a profile: A_AAC/MPEG4/LC/SBR, A_PCM/INT/LIT, A_DTS/EXPRESS.
    return _VIDEO_CODECS.get(name) or _AUDIO_CODECS.get(name) or _AUDIO_CODECS.get(name.partition("/")[0])
