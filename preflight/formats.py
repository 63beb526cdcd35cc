"""The formats and codecs that preflight knows by name; for formats also kinds, MIME types and extensions."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["image", "video", "audio"]
IMAGE: Final = "image"
VIDEO: Final = "video"
AUDIO: Final = "audio"
KINDS: Final[tuple[Kind, ...]] = (IMAGE, VIDEO, AUDIO)


class Format(NamedTuple):
    """One format: the kinds of media that it may hold (none: not media), its MIME type for each, and its extensions.

    The first extension is the recommended one.
    """

    kinds: tuple[str, ...]
    mimes: tuple[str, ...]
    extensions: tuple[str, ...]


_MP4: Final = ("mp4", "m4v", "m4a", "m4b", "m4p", "m4s", "mov", "qt", "3gp", "3g2", "f4v", "cmfv", "cmfa")

_CAMERA_RAWS: Final[dict[str, Format]] = {
    "3fr": Format((IMAGE,), ("image/x-hasselblad-3fr",), ("3fr", "fff")),
    "arw": Format((IMAGE,), ("image/x-sony-arw",), ("arw", "sr2")),
    "camera_raw": Format((IMAGE,), ("image/x-raw",), ("k25", "tif")),
    "cr2": Format((IMAGE,), ("image/x-canon-cr2",), ("cr2",)),
    "cr3": Format((IMAGE,), ("image/x-canon-cr3",), ("cr3",)),
    "crm": Format((VIDEO,), ("video/x-canon-crm",), ("crm",)),
    "crw": Format((IMAGE,), ("image/x-canon-crw",), ("crw",)),
    "dcr": Format((IMAGE,), ("image/x-kodak-dcr",), ("dcr",)),
    "dng": Format((IMAGE,), ("image/x-adobe-dng",), ("dng", "gpr")),
    "erf": Format((IMAGE,), ("image/x-epson-erf",), ("erf",)),
    "iiq": Format((IMAGE,), ("image/x-raw",), ("iiq",)),
    "kdc": Format((IMAGE,), ("image/x-kodak-kdc",), ("kdc", "dcr")),
    "mef": Format((IMAGE,), ("image/x-mamiya-mef",), ("mef",)),
    "mos": Format((IMAGE,), ("image/x-raw",), ("mos",)),
    "mrw": Format((IMAGE,), ("image/x-minolta-mrw",), ("mrw",)),
    "nef": Format((IMAGE,), ("image/x-nikon-nef",), ("nef", "nrw")),
    "orf": Format((IMAGE,), ("image/x-olympus-orf",), ("orf",)),
    "pef": Format((IMAGE,), ("image/x-pentax-pef",), ("pef",)),
    "raf": Format((IMAGE,), ("image/x-fujifilm-raf",), ("raf",)),
    "rw2": Format((IMAGE,), ("image/x-panasonic-rw2",), ("rw2", "rwl")),
    "srw": Format((IMAGE,), ("image/x-samsung-srw",), ("srw",)),
    "x3f": Format((IMAGE,), ("image/x-sigma-x3f",), ("x3f",)),
}
"""Formats of unprocessed sensor data; `camera_raw` is one of unknown maker.

The extension `.raw` is missing, since many other files have it; `.tif` is that of the EOS-1D and of old backs.
"""
CAMERA_RAW: Final = frozenset(_CAMERA_RAWS)
CAMERA_RAW_EXTENSIONS: Final = frozenset(ext for fmt in _CAMERA_RAWS.values() for ext in fmt.extensions) - {"tif"}

FORMATS: Final[dict[str, Format]] = {
    "3gp": Format((VIDEO, AUDIO), ("video/3gpp", "audio/3gpp"), ("3gp", "3g2", "3gpp", "3ga", "mp4", "amr")),
    "aac": Format((AUDIO,), ("audio/aac",), ("aac", "adts")),
    "ac3": Format((AUDIO,), ("audio/ac3",), ("ac3",)),
    "aiff": Format((AUDIO,), ("audio/aiff",), ("aiff", "aif", "aifc")),
    "amr": Format((AUDIO,), ("audio/amr",), ("amr", "3ga")),
    "ape": Format((AUDIO,), ("audio/x-ape",), ("ape",)),
    "asf": Format((VIDEO, AUDIO), ("video/x-ms-asf", "audio/x-ms-asf"), ("wmv", "wma", "asf")),
    "au": Format((AUDIO,), ("audio/basic",), ("au", "snd")),
    "avi": Format((VIDEO, AUDIO), ("video/x-msvideo", "audio/x-msvideo"), ("avi",)),
    "avif": Format((IMAGE,), ("image/avif",), ("avif", "avifs", "avis", "heif", "hif")),
    "bmp": Format((IMAGE,), ("image/bmp",), ("bmp", "dib")),
    "bz2": Format((), ("application/x-bzip2",), ("bz2",)),
    "caf": Format((AUDIO,), ("audio/x-caf",), ("caf",)),
    "dds": Format((IMAGE,), ("image/vnd.ms-dds",), ("dds",)),
    "dsf": Format((AUDIO,), ("audio/x-dsf",), ("dsf",)),
    "dts": Format((AUDIO,), ("audio/vnd.dts",), ("dts",)),
    "dv": Format((VIDEO,), ("video/x-dv",), ("dv", "dif")),
    "eac3": Format((AUDIO,), ("audio/eac3",), ("eac3", "ec3")),
    "flac": Format((AUDIO,), ("audio/flac",), ("flac",)),
    "flv": Format((VIDEO, AUDIO), ("video/x-flv", "audio/x-flv"), ("flv",)),
    "gif": Format((IMAGE,), ("image/gif",), ("gif",)),
    "gzip": Format((), ("application/gzip",), ("gz", "tgz")),
    "h264": Format((VIDEO,), ("video/h264",), ("h264", "264", "avc")),
    "heic": Format((IMAGE,), ("image/heic",), ("heic", "heif", "heics", "hif")),
    "heif": Format((IMAGE,), ("image/heif",), ("heif", "heic", "heifs", "hif", "avif")),
    "hevc": Format((VIDEO,), ("video/h265",), ("hevc", "h265", "265")),
    "html": Format((), ("text/html",), ("html", "htm")),
    "icns": Format((IMAGE,), ("image/icns",), ("icns",)),
    "ico": Format((IMAGE,), ("image/vnd.microsoft.icon",), ("ico", "cur")),
    "ivf": Format((VIDEO,), ("video/x-ivf",), ("ivf",)),
    "jp2": Format((IMAGE,), ("image/jp2",), ("jp2", "j2k", "jpf", "jpx", "j2c")),
    "jpeg": Format((IMAGE,), ("image/jpeg",), ("jpg", "jpeg", "jpe", "jfif", "mpo", "thm", "insp")),
    "json": Format((), ("application/json",), ("json",)),
    "jxl": Format((IMAGE,), ("image/jxl",), ("jxl",)),
    "loas": Format((AUDIO,), ("audio/mp4a-latm",), ("loas", "latm")),
    "m4a": Format((AUDIO, VIDEO), ("audio/mp4", "video/mp4"), ("m4a", "m4b", "m4p", "m4r", "mp4", "aac")),
    "m4v": Format((VIDEO, AUDIO), ("video/x-m4v", "audio/mp4"), ("m4v", "mp4")),
    "mkv": Format((VIDEO, AUDIO), ("video/x-matroska", "audio/x-matroska"), ("mkv", "mka", "mks", "mk3d")),
    "mov": Format((VIDEO, AUDIO), ("video/quicktime", "audio/quicktime"), ("mov", "qt", "mp4", "m4v")),
    "mp1": Format((AUDIO,), ("audio/mpeg",), ("mp1",)),
    "mp2": Format((AUDIO,), ("audio/mpeg",), ("mp2", "mpa")),
    "mp3": Format((AUDIO,), ("audio/mpeg",), ("mp3",)),
    "mp4": Format((VIDEO, AUDIO), ("video/mp4", "audio/mp4"), _MP4),
    "mpeg": Format((VIDEO,), ("video/mpeg",), ("mpg", "mpeg", "vob", "m2p")),
    "mpegts": Format((VIDEO, AUDIO), ("video/mp2t", "video/mp2t"), ("ts", "m2ts", "mts")),
    "musepack": Format((AUDIO,), ("audio/musepack",), ("mpc", "mp+")),
    "mxf": Format((VIDEO, AUDIO), ("application/mxf", "application/mxf"), ("mxf",)),
    "ogg": Format((AUDIO, VIDEO), ("audio/ogg", "video/ogg"), ("ogg", "oga", "opus", "ogv", "spx")),
    "pdf": Format((), ("application/pdf",), ("pdf",)),
    "png": Format((IMAGE,), ("image/png",), ("png", "apng")),
    "postscript": Format((), ("application/postscript",), ("ps", "eps")),
    "psd": Format((IMAGE,), ("image/vnd.adobe.photoshop",), ("psd", "psb")),
    "rar": Format((), ("application/vnd.rar",), ("rar",)),
    "rm": Format((VIDEO, AUDIO), ("application/vnd.rn-realmedia", "audio/vnd.rn-realaudio"), ("rm", "rmvb", "ra")),
    "svg": Format((), ("image/svg+xml",), ("svg",)),
    "tar": Format((), ("application/x-tar",), ("tar",)),
    "text": Format((), ("text/plain",), ("txt", "md", "csv", "log")),
    "tiff": Format((IMAGE,), ("image/tiff",), ("tif", "tiff", "btf", "tf8")),
    "tta": Format((AUDIO,), ("audio/x-tta",), ("tta",)),
    "w64": Format((AUDIO,), ("audio/x-w64",), ("w64",)),
    "wav": Format((AUDIO,), ("audio/wav",), ("wav", "wave", "bwf", "rf64")),
    "wavpack": Format((AUDIO,), ("audio/x-wavpack",), ("wv",)),
    "webm": Format((VIDEO, AUDIO), ("video/webm", "audio/webm"), ("webm", "weba")),
    "webp": Format((IMAGE,), ("image/webp",), ("webp",)),
    "xml": Format((), ("application/xml",), ("xml",)),
    "xz": Format((), ("application/x-xz",), ("xz",)),
    "zip": Format((), ("application/zip",), ("zip", "docx", "xlsx", "jar", "apk", "epub")),
    "7z": Format((), ("application/x-7z-compressed",), ("7z",)),
    **_CAMERA_RAWS,
}

MEDIA_EXTENSIONS: Final = frozenset(ext for fmt in FORMATS.values() if fmt.kinds for ext in fmt.extensions) | {"svg"}
"""Extensions of media: a file that has one is judged even if its content is not media."""

KNOWN_EXTENSIONS: Final = frozenset(ext for fmt in FORMATS.values() for ext in fmt.extensions)

_VIDEO_CODECS: Final = (
    "aic apv asv1 asv2 av1 avs2 avs3 ayuv bmp cfhd cinepak dirac dnxhd dvvideo evc ffv1 ffvhuff flv1 fraps gif h261 "
    "h263 h264 hap hevc huffyuv indeo2 indeo3 indeo4 indeo5 jpeg2000 jpegls jpegxs lagarith lcevc magicyuv mjpeg "
    "mpeg1video mpeg2video mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4v3 msrle msvideo1 png prores prores_raw qtrle r210 "
    "rawvideo rpza rv10 rv20 rv30 rv40 smc snow speedhq svq1 svq3 targa theora tiff tscc utvideo v210 v308 v408 v410 "
    "vc1 vp3 vp5 vp6 vp7 vp8 vp9 vvc wmv1 wmv2 wmv3 y41p zlib zmbv"
)
_AUDIO_CODECS: Final = (
    "none aac aac_latm ac3 ac4 adpcm alac alaw amr ape atrac3 dsd dts eac3 evrc flac g723_1 gsm gsm_ms iamf mace mlp "
    "mp1 mp2 mp3 mp4als mp4sls mpegh_3d_audio mulaw musepack nellymoser opus pcm qcelp qdm2 smv speex truehd tta "
    "vorbis wavpack wma wmalossless wmapro wmav1 wmav2 xhe_aac"
)
VIDEO_CODECS: Final = tuple(_VIDEO_CODECS.split())
AUDIO_CODECS: Final = tuple(_AUDIO_CODECS.split())
"""The codecs that rule files can name, in ffprobe's words; `none` is a video without audio."""

CHROMAS: Final = ("4:2:0", "4:2:2", "4:4:4", "4:4:0", "4:1:1", "4:1:0", "4:0:0")
CHROMA_BY_SAMPLES: Final = {
    (1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (4, 2): "4:1:0",
}  # fmt: skip
"""By samples of luma for one of chroma, across and down."""
COLOR_MODELS: Final = ("rgb", "gray", "palette", "ycbcr", "cmyk", "ycck", "lab")
HDR_KINDS: Final = ("none", "pq", "hlg", "dolby_vision", "gain_map")
PICTURE_CODINGS: Final = ("baseline", "extended", "progressive", "arithmetic", "lossless", "hierarchical", "lossy")
"""How pictures are coded: the processes of JPEG; `lossless` and `lossy` for WebP."""
SCANS: Final = ("progressive", "interlaced")

PRIMARIES_BY_CODE: Final = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFER_BY_CODE: Final = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
"""Names of the code points of ITU-T H.273, in ffprobe's words; 0, 2 and 3 (reserved, not specified) have none."""
HDR_BY_TRANSFER: Final = {"smpte2084": "pq", "arib-std-b67": "hlg"}
"""The kind of HDR that a transfer makes (ITU-R BT.2100); all others are of standard range."""
OTHER: Final = "other"
"""A color space that a file describes and that has no name here: a monitor's, a printer's or a scanner's."""
PRIMARIES: Final = (*PRIMARIES_BY_CODE.values(), "adobe_rgb", "prophoto_rgb", OTHER)
TRANSFERS: Final = (*TRANSFER_BY_CODE.values(), OTHER)

_DEMUXERS: Final = (
    "aac ac3 aiff amr ape asf au avi caf dsf dts dv eac3 flac flv gif h264 hevc ivf loas mpeg mpegts mxf ogg rm tta "
    "w64 wav"
)
DEMUXERS: Final = {
    **{name: name for name in _DEMUXERS.split()},
    **{name: f"{name}_pipe" for name in ("bmp", "jpeg", "png", "tiff", "webp")},
    **dict.fromkeys(("3gp", "m4a", "m4v", "mov", "mp4", "avif", "heic", "heif"), "mov"),
    **dict.fromkeys(("mkv", "webm"), "matroska"),
    **dict.fromkeys(("mp1", "mp2", "mp3"), "mp3"),
    "wavpack": "wv",
}
"""By format, ffmpeg's demuxer: it must not guess one from untrusted bytes. Its JPEG 2000 decoder rejects valid files,
and has no entry."""


def holds_media(name: str) -> bool:
    """Return whether a format can hold images, video or audio."""
    return name in FORMATS and bool(FORMATS[name].kinds)


def only_kind(name: str | None) -> str | None:
    """Return the kind of a format whose files all have the same kind; None for any other format."""
    known = FORMATS.get(name or "")
    return known.kinds[0] if known is not None and len(known.kinds) == 1 else None


def mime_of(name: str | None, kind: str | None) -> str | None:
    """Return the MIME type of a format that holds this kind; None for a format that is not in `FORMATS`."""
    known = FORMATS.get(name or "")
    if known is None:
        return None
    return known.mimes[known.kinds.index(kind)] if kind in known.kinds else known.mimes[0]


def extension_of(name: str) -> str:
    """Return the extension of a file name or URL path in lower case and without the dot; empty if there is none."""
    stem, _, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() if stem.strip(".") else ""
