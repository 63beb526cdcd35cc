"""The one table of facts: of a media file, of how a server delivers it, and of files used together.

Labels, units, columns, JSON Schemas, finding codes and the words of rule files derive from it. To add a fact, add it
here and to the class that holds its value (`preflight.media`), and let a reader set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

from preflight.formats import (
    AUDIO_CODECS,
    CHROMAS,
    COLOR_MODELS,
    FORMATS,
    HDR_KINDS,
    KINDS,
    PICTURE_CODINGS,
    PRIMARIES,
    SCANS,
    TRANSFERS,
    VIDEO_CODECS,
)

Unit = Literal["bytes", "s", "px", "Hz", "bit/s", "fps", "characters"]
FactGroup = Literal["", "geometry", "time", "picture", "video", "audio", "container", "other"]
GROUPS: Final[tuple[FactGroup, ...]] = get_args(FactGroup)
"""The groups of facts of a media file, in the order of reports."""
SectionName = Literal["image", "video", "audio", "url", "data_uri", "request"]
ValueType = type[str | int | float | bool | tuple[str, ...]]


class Fact(NamedTuple):
    """The description of a fact.

    type          type of the value; `None` always stands for a value that could not be read
    help          one sentence for documentation and editors
    label         name of the fact in messages and headings
    unit          unit of the value, if it has one
    group         heading under which `probe` prints it; empty: at the top
    sections      sections of a rule file that may limit the fact; for facts of a media file, the kinds that have it
    track         codec fact that is `none` if the track that this fact describes is absent
    derived_from  facts from which it is computed
    words         the only values that a rule file may list; empty if any value is allowed
    is_optional   whether servers often leave it out, so that a limit on it accepts an unknown value
    bound_codes   finding codes for a value below the lower and above the upper bound
    choice_code   finding code for a value that is not among the accepted ones
    absence_code  finding code for an absent value that a limit requires; empty: `choice_code`
    presence_code finding code for a value where a limit only accepts `none`; empty: `choice_code`
    """

    name: str
    type: ValueType
    help: str
    label: str = ""
    unit: Unit | None = None
    group: FactGroup = ""
    sections: tuple[SectionName, ...] = ()
    track: Literal["video_codec", "audio_codec"] | None = None
    derived_from: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    is_optional: bool = False
    bound_codes: tuple[str, str] = ("value_too_low", "value_too_high")
    choice_code: str = "value_not_accepted"
    absence_code: str = ""
    presence_code: str = ""


def _table(*facts: Fact) -> Mapping[str, Fact]:
    return MappingProxyType({fact.name: _complete(fact) for fact in facts})


def _complete(fact: Fact) -> Fact:
    return fact._replace(
        label=fact.label or fact.name,
        absence_code=fact.absence_code or fact.choice_code,
        presence_code=fact.presence_code or fact.choice_code,
    )


_IMAGE_AND_VIDEO: Final[tuple[SectionName, ...]] = ("image", "video")
_VIDEO_AND_AUDIO: Final[tuple[SectionName, ...]] = ("video", "audio")
_ALL_KINDS: Final[tuple[SectionName, ...]] = ("image", "video", "audio")

MEDIA_FACTS: Final = _table(
    Fact("kind", str, "Kind of media: image, video or audio.", words=KINDS),
    Fact(
        "format", str, "Format of the content, whatever the file is called.",
        sections=_ALL_KINDS, words=tuple(FORMATS), choice_code="format_unsupported",
    ),
    Fact(
        "mime", str, "MIME type of the content, e.g. image/jpeg.",
        sections=_ALL_KINDS, derived_from=("kind", "format"),
    ),
    Fact(
        "size", int, "Bytes of the file. MB is 10^6 bytes, MiB is 2^20.", "file size", "bytes",
        sections=(*_ALL_KINDS, "data_uri"), bound_codes=("file_size_too_small", "file_size_too_large"),
    ),
    Fact(
        "width", int, "Pixels as displayed, after rotation.", unit="px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec",
        bound_codes=("width_too_small", "width_too_large"),
    ),
    Fact(
        "height", int, "Pixels as displayed, after rotation.", unit="px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec",
        bound_codes=("height_too_small", "height_too_large"),
    ),
    Fact(
        "long_side", int, "The larger of displayed width and height.", "long side", "px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height"),
        bound_codes=("long_side_too_small", "long_side_too_large"),
    ),
    Fact(
        "short_side", int, "The smaller of displayed width and height.", "short side", "px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height"),
        bound_codes=("short_side_too_small", "short_side_too_large"),
    ),
    Fact(
        "side_sum", int, "Width + height as displayed.", "width + height", "px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height"),
        bound_codes=("side_sum_too_small", "side_sum_too_large"),
    ),
    Fact(
        "dimensions", str, 'Width and height as displayed, e.g. "1280x720".',
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height"),
        choice_code="dimensions_not_accepted",
    ),
    Fact(
        "stored_width", int, "Pixels as coded, before rotation.", "stored width", "px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec",
    ),
    Fact(
        "stored_height", int, "Pixels as coded, before rotation.", "stored height", "px",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec",
    ),
    Fact(
        "rotation", int, "Clockwise degrees to display: 0, 90, 180 or 270.",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec",
    ),
    Fact("orientation", int, "EXIF orientation, 1 to 8.", group="geometry", sections=_IMAGE_AND_VIDEO),
    Fact(
        "pixel_aspect_ratio", float, "Width of a pixel / height of a pixel; 1 is square.", "pixel aspect ratio",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec",
    ),
    Fact(
        "aspect_ratio", float, "Width / height as displayed.", "aspect ratio",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height"),
        bound_codes=("aspect_ratio_too_small", "aspect_ratio_too_large"),
    ),
    Fact(
        "pixels", int, "Width × height as displayed: the total, not a side.",
        group="geometry", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height"),
        bound_codes=("pixel_count_too_small", "pixel_count_too_large"),
    ),
    Fact(
        "frames", int, "Pictures in an image file, or frames of a video. Only a deep check counts those of animations.",
        group="time", sections=_IMAGE_AND_VIDEO, track="video_codec",
    ),
    Fact(
        "animated", bool, "Whether an image file has several frames that are shown one after another.",
        group="picture", sections=("image",), choice_code="animation_not_accepted",
    ),
    Fact(
        "multi_picture", bool, "Whether a JPEG has further pictures behind the first (MPO).", "several pictures",
        group="picture", sections=("image",),
    ),
    Fact(
        "duration", float, "Playing time in seconds.", unit="s",
        group="time", sections=_ALL_KINDS, bound_codes=("duration_too_short", "duration_too_long"),
    ),
    Fact(
        "fps", float, "Average frames per second.", "frame rate", "fps",
        group="time", sections=("video",), track="video_codec", bound_codes=("fps_too_low", "fps_too_high"),
    ),
    Fact(
        "variable_fps", bool, "Whether the time between frames varies.", "variable frame rate",
        group="time", sections=("video",), track="video_codec",
    ),
    Fact(
        "pixel_frames", int, "Width × height × frames: what a decoder has to process.", "pixels of all frames",
        group="time", sections=_IMAGE_AND_VIDEO, track="video_codec", derived_from=("width", "height", "frames"),
        bound_codes=("value_too_low", "pixel_frames_too_many"),
    ),
    Fact(
        "keyframe_interval", float, "Longest time between key frames, in seconds; the duration if there is only one.",
        "key-frame interval", "s",
        group="time", sections=("video",), track="video_codec", bound_codes=("value_too_low", "keyframes_too_rare"),
    ),
    Fact(
        "bit_depth", int, "Bits of one color component; of a palette, the bits of an index.", "bit depth",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec",
        bound_codes=("bit_depth_too_low", "bit_depth_too_high"),
    ),
    Fact(
        "color_model", str, "What the components of a pixel are, as coded.", "color model",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec", words=COLOR_MODELS,
        choice_code="color_model_unsupported",
    ),
    Fact(
        "chroma", str, 'Chroma subsampling of YCbCr; "4:0:0" has no color.', "chroma subsampling",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec", words=CHROMAS,
        choice_code="chroma_unsupported",
    ),
    Fact(
        "primaries", str, "Color primaries, in ffprobe's words.", "color primaries",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec", words=PRIMARIES,
        choice_code="color_space_unsupported",
    ),
    Fact(
        "transfer", str, "Transfer characteristics, in ffprobe's words.", "transfer characteristics",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec", words=TRANSFERS,
        choice_code="color_space_unsupported",
    ),
    Fact(
        "hdr", str, 'Kind of high dynamic range; "none" is standard range.', "HDR",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec", words=HDR_KINDS, choice_code="hdr_unsupported",
        presence_code="hdr_unsupported",
    ),
    Fact(
        "coding", str, "How the picture data is coded.",
        group="picture", sections=("image",), words=PICTURE_CODINGS, choice_code="coding_unsupported",
    ),
    Fact(
        "scan", str, "Whether whole frames or interlaced fields are coded.",
        group="picture", sections=("video",), track="video_codec", words=SCANS, choice_code="scan_unsupported",
    ),
    Fact(
        "video_codec", str, "Codec of the video track.", "video codec",
        group="video", sections=("video",), track="video_codec", words=VIDEO_CODECS,
        choice_code="video_codec_unsupported",
    ),
    Fact(
        "video_profile", str, "Profile of the video codec, in ffprobe's words and lower case.", "video profile",
        group="video", sections=("video",), track="video_codec", choice_code="video_profile_unsupported",
    ),
    Fact(
        "video_level", float, "Level of the video codec, e.g. 4.1.", "video level",
        group="video", sections=("video",), track="video_codec", bound_codes=("value_too_low", "video_level_too_high"),
    ),
    Fact(
        "video_bit_rate", int, "Bits per second of the video track.", "video bit rate", "bit/s",
        group="video", sections=("video",), track="video_codec",
        bound_codes=("video_bit_rate_too_low", "video_bit_rate_too_high"),
    ),
    Fact(
        "audio_codec", str, 'Codec of the audio track; "none" is a video without one.', "audio codec",
        group="audio", sections=_VIDEO_AND_AUDIO, words=AUDIO_CODECS,
        choice_code="audio_codec_unsupported", absence_code="audio_track_required",
        presence_code="audio_track_forbidden",
    ),
    Fact(
        "audio_profile", str, "Profile of AAC: lc, he, he_v2, xhe and others.", "audio profile",
        group="audio", sections=_VIDEO_AND_AUDIO, track="audio_codec", choice_code="audio_profile_unsupported",
    ),
    Fact(
        "audio_bit_rate", int, "Bits per second of the audio track.", "audio bit rate", "bit/s",
        group="audio", sections=_VIDEO_AND_AUDIO, track="audio_codec",
        bound_codes=("audio_bit_rate_too_low", "audio_bit_rate_too_high"),
    ),
    Fact(
        "sample_rate", int, "Audio samples per second.", "sample rate", "Hz",
        group="audio", sections=_VIDEO_AND_AUDIO, track="audio_codec", absence_code="audio_track_required",
    ),
    Fact(
        "channels", int, "Audio channels.",
        group="audio", sections=_VIDEO_AND_AUDIO, track="audio_codec", absence_code="audio_track_required",
    ),
    Fact(
        "sample_bits", int, "Bits of one sample of PCM or lossless audio.", "bits per sample",
        group="audio", sections=_VIDEO_AND_AUDIO, track="audio_codec",
    ),
    Fact(
        "bit_rate", int, "Bits per second, of all tracks.", "bit rate", "bit/s",
        group="container", sections=_VIDEO_AND_AUDIO,
    ),
    Fact(
        "video_tracks", int, "Number of video tracks; cover pictures do not count.", "video tracks",
        group="container", sections=_VIDEO_AND_AUDIO, bound_codes=("value_too_low", "video_tracks_too_many"),
    ),
    Fact(
        "audio_tracks", int, "Number of audio tracks.", "audio tracks",
        group="container", sections=_VIDEO_AND_AUDIO, bound_codes=("value_too_low", "audio_tracks_too_many"),
    ),
    Fact(
        "has_alpha", bool, "Whether it has transparency.", "transparency",
        group="picture", sections=_IMAGE_AND_VIDEO, track="video_codec",
    ),
    Fact("encrypted", bool, "Whether a track is encrypted.", group="container", sections=_VIDEO_AND_AUDIO),
    Fact(
        "streamable", bool, "MP4 family: whether the index (moov box) precedes the media data.",
        group="container", sections=_VIDEO_AND_AUDIO,
    ),
    Fact(
        "fragmented", bool, "MP4 family: whether the media data is in fragments, each with its own index.",
        group="container", sections=_VIDEO_AND_AUDIO, choice_code="fragmented_not_accepted",
    ),
    Fact(
        "edit_list", bool, "MP4 family: whether an edit list does more than compensate for the delay of a codec.",
        "edit list", group="container", sections=_VIDEO_AND_AUDIO, choice_code="edit_list_not_accepted",
    ),
    Fact("brand", str, "Major brand of the MP4 family and of HEIF, e.g. isom.", group="container", sections=_ALL_KINDS),
    Fact(
        "camera_raw", bool, "Whether the file holds a camera's unprocessed sensor data.", "camera raw",
        group="other", sections=_IMAGE_AND_VIDEO, derived_from=("format",), choice_code="camera_raw",
    ),
    Fact(
        "location", bool, "Whether the file says where it was recorded (GPS).", "recording location",
        group="other", sections=_ALL_KINDS, choice_code="location_not_accepted",
    ),
    Fact("notes", tuple, "Words for what a user should know; each is explained by `preflight.codes.NOTES`."),
)  # fmt: skip
"""The facts of a media file (`preflight.media.Media`), in the order of reports."""

DELIVERY_FACTS: Final = _table(
    Fact(
        "scheme", str, 'Scheme of the URL: "https" or "http".',
        sections=("url",), choice_code="scheme_unsupported",
    ),
    Fact("host", str, "Host name in the URL.", sections=("url",)),
    Fact(
        "url_length", int, "Characters of the URL, or of the data URI.", "URL length", "characters",
        sections=("url", "data_uri"), bound_codes=("value_too_low", "url_too_long"),
    ),
    Fact("port", int, "Port of the URL."),
    Fact(
        "host_is_ip", bool, "Whether the host is an IP address, not a name.", "host is an IP address",
        sections=("url",), choice_code="host_is_ip",
    ),
    Fact(
        "public", bool, "Whether every address of every host is on the public internet.", "host is public",
        sections=("url",), is_optional=True, choice_code="address_not_public",
    ),
    Fact("status", int, "HTTP status of the response, after redirects.", sections=("url",)),
    Fact(
        "redirects", int, "Number of redirects that were followed.",
        sections=("url",), bound_codes=("value_too_low", "redirects_too_many"),
    ),
    Fact(
        "redirected_host", bool, "Whether a redirect led to another host.", "redirect to another host",
        sections=("url",),
    ),
    Fact(
        "insecure_redirect", bool, "Whether a redirect led from https to http.", "redirect from https to http",
        sections=("url",),
    ),
    Fact(
        "content_type", str, "Content-Type that the server declares, without parameters.", "Content-Type",
        sections=("url",), is_optional=True, choice_code="content_type_unsupported",
    ),
    Fact(
        "content_type_matches", bool, "Whether the Content-Type is one of the content's format.",
        "Content-Type is that of the content",
        sections=("url",), is_optional=True, choice_code="content_type_mismatch",
    ),
    Fact(
        "content_length", int, "Bytes of the whole file, as the server states them.", "Content-Length", "bytes",
        sections=("url",), is_optional=True, absence_code="content_length_missing",
    ),
    Fact("etag", str, "ETag of the response."),
    Fact(
        "ranges", bool, "Whether the server supports Range requests.", "Range requests",
        sections=("url",), is_optional=True, choice_code="ranges_missing",
    ),
    Fact(
        "head_ok", bool, "Whether a HEAD request is answered with the length of the file.", "HEAD",
        sections=("url",), choice_code="head_fails",
    ),
    Fact(
        "download_seconds", float, "Seconds that a download would take at the measured rate.", "download", "s",
        sections=("url",), is_optional=True, bound_codes=("value_too_low", "download_slow"),
    ),
    Fact(
        "expires_in", float, "Seconds until the signature of the URL expires.", "the URL's signature", "s",
        sections=("url",), is_optional=True, bound_codes=("url_expired", "url_expired"),
    ),
    Fact(
        "page", str, 'Kind of web page that is served in place of the file; "none" if it is the file.',
        sections=("url",), is_optional=True, choice_code="web_page",
    ),
)  # fmt: skip
"""The facts of a delivery (`preflight.media.Delivery`), which `[url]` limits."""

ENCODED_FACTS: Final = _table(
    Fact(
        "base64_size", int, "Bytes of the file in Base64, as in the body of a request: 4 for each 3, rounded up.",
        "size in Base64", "bytes",
        sections=(*_ALL_KINDS, "data_uri"), derived_from=("size",),
        bound_codes=("file_size_too_small", "file_size_too_large"),
    ),
)  # fmt: skip
"""Facts that limits may be on and that reports do not repeat, since they follow from another."""

REQUEST_FACTS: Final = _table(
    Fact(
        "files", int, "Number of files.",
        sections=("request",), bound_codes=("too_few_files", "too_many_files"),
    ),
    Fact(
        "total_duration", float, "Playing time of all files together, in seconds.", "total duration", "s",
        sections=("request",), bound_codes=("total_duration_too_short", "total_duration_too_long"),
    ),
    Fact(
        "total_size", int, "Bytes of all files together.", "total size", "bytes",
        sections=("request",), bound_codes=("total_size_too_small", "total_size_too_large"),
    ),
    Fact(
        "total_base64_size", int, "Bytes of all files together in Base64, without the rest of the request's body.",
        "total size in Base64", "bytes",
        sections=("request",), bound_codes=("total_size_too_small", "total_size_too_large"),
    ),
)  # fmt: skip
"""The facts of files used together, which `[request]` limits."""

FACTS: Final[Mapping[str, Fact]] = MappingProxyType({**MEDIA_FACTS, **ENCODED_FACTS, **DELIVERY_FACTS, **REQUEST_FACTS})
"""Every fact by its name."""


def section_facts(section: SectionName) -> Mapping[str, Fact]:
    """Return the facts that a section of a rule file may limit."""
    return {name: fact for name, fact in FACTS.items() if section in fact.sections}


def label(name: str) -> str:
    """Return the label of a fact for messages and headings; an unknown name is returned unchanged."""
    fact = FACTS.get(name)
    return fact.label if fact is not None else name
