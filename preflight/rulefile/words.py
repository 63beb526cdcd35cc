"""The words of a rule file: which facts a section may limit, of what sort each is, and the nearest right word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final, NamedTuple

from preflight.formats import FORMATS, KINDS


class Fact(NamedTuple):
    """How a limit on one fact is written.

    sort  `bytes`, `seconds` or `number` (bounds, or a list of numbers); `flag` (any_of true or false); `text` (any_of);
          `format`, `video_codec`, `audio_codec` (any_of, of known words)
    help  one line for editors
    """

    sort: str
    help: str


FACTS: Final[dict[str, Fact]] = {
    "format": Fact("format", "The format of the content, whatever the file is called."),
    "mime": Fact("text", "The MIME type of the content, e.g. image/jpeg."),
    "size": Fact("bytes", "Bytes of the file. MB is 10^6 bytes, MiB is 2^20."),
    "width": Fact("number", "Pixels as displayed, after rotation."),
    "height": Fact("number", "Pixels as displayed, after rotation."),
    "stored_width": Fact("number", "Pixels as coded, before rotation."),
    "stored_height": Fact("number", "Pixels as coded, before rotation."),
    "rotation": Fact("number", "Clockwise degrees to display: 0, 90, 180 or 270."),
    "orientation": Fact("number", "EXIF orientation, 1 to 8."),
    "pixel_aspect_ratio": Fact("number", "Width of a pixel / height of a pixel; 1 is square."),
    "aspect_ratio": Fact("number", "Width / height as displayed."),
    "pixels": Fact("number", "Width × height as displayed: the total, not a side."),
    "frames": Fact("number", "Pictures in an image file, or frames of a video. Animations: only --deep counts them."),
    "duration": Fact("seconds", "Seconds that it plays."),
    "fps": Fact("number", "Average frames per second."),
    "variable_fps": Fact("flag", "Whether the time between frames varies."),
    "video_codec": Fact("video_codec", "How the picture is coded."),
    "audio_codec": Fact("audio_codec", 'How the sound is coded; "none" is a video without sound.'),
    "sample_rate": Fact("number", "Samples of sound per second, Hz."),
    "channels": Fact("number", "Channels of sound."),
    "bit_rate": Fact("number", "Bits per second."),
    "has_alpha": Fact("flag", "Whether it has transparency."),
    "encrypted": Fact("flag", "Whether a track is encrypted."),
    "streamable": Fact("flag", "MP4 family: whether the index (moov) stands before the media data."),
}

_SIZE_ON_SCREEN: Final = tuple(FACTS)[: tuple(FACTS).index("frames") + 1]
_SOUND: Final = ("audio_codec", "sample_rate", "channels", "bit_rate", "encrypted", "streamable")
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "image": (*_SIZE_ON_SCREEN, "duration", "has_alpha"),
    "video": (*_SIZE_ON_SCREEN, "duration", "fps", "variable_fps", "video_codec", *_SOUND, "has_alpha"),
    "audio": ("format", "mime", "size", "duration", *_SOUND),
}
"""Which facts each kind of media may have, and a section may limit."""
assert tuple(SECTIONS) == KINDS

DELIVERY: Final[dict[str, Fact]] = {
    "scheme": Fact("text", 'How the URL is fetched: "https" or "http".'),
    "host": Fact("text", "The host name in the URL."),
    "url_length": Fact("number", "Characters of the URL."),
    "content_type_matches": Fact("flag", "Whether the Content-Type is one of the content's own format."),
    "host_is_ip": Fact("flag", "Whether the host is an IP address and no name."),
    "public": Fact("flag", "Whether every address of the host is on the public internet."),
    "status": Fact("number", "HTTP status of the answer, after redirects."),
    "redirects": Fact("number", "Redirects that were followed."),
    "redirected_host": Fact("flag", "Whether a redirect led to another host."),
    "insecure_redirect": Fact("flag", "Whether a redirect led from https to http."),
    "content_type": Fact("text", "The Content-Type that the server declares."),
    "content_length": Fact("bytes", "Bytes of the whole file as the server states them."),
    "ranges": Fact("flag", "Whether the server gives parts of a file."),
    "head_ok": Fact("flag", "Whether HEAD is answered with the file's length."),
    "download_seconds": Fact("seconds", "Seconds that a download would take at the rate that was measured."),
    "expires_in": Fact("seconds", "Seconds until the URL's signature expires."),
    "page": Fact("text", 'The sort of web page that is answered in place of the file; "none" is the file.'),
}
"""What a URL's server does: the facts of `[url]`."""

TOGETHER: Final[dict[str, Fact]] = {
    "files": Fact("number", "How many files."),
    "total_duration": Fact("seconds", "Seconds that all of them play."),
    "total_size": Fact("bytes", "Bytes of all of them."),
}
"""What several files are together: the facts of `[request]`."""

_VIDEO: Final = (
    "aic apv asv1 asv2 av1 avs2 avs3 ayuv bmp cfhd cinepak dirac dnxhd dvvideo evc ffv1 ffvhuff flv1 fraps gif h261 "
    "h263 h264 hap hevc huffyuv indeo2 indeo3 indeo4 indeo5 jpeg2000 jpegls jpegxs lagarith lcevc magicyuv mjpeg "
    "mpeg1video mpeg2video mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4v3 msrle msvideo1 png prores prores_raw qtrle r210 "
    "rawvideo rpza rv10 rv20 rv30 rv40 smc snow speedhq svq1 svq3 targa theora tiff tscc utvideo v210 v308 v408 v410 "
    "vc1 vp3 vp5 vp6 vp7 vp8 vp9 vvc wmv1 wmv2 wmv3 y41p zlib zmbv"
)
_AUDIO: Final = (
    "none aac aac_latm ac3 ac4 adpcm alac alaw amr ape atrac3 dsd dts eac3 evrc flac g723_1 gsm gsm_ms iamf mace mlp "
    "mp1 mp2 mp3 mp4als mp4sls mpegh_3d_audio mulaw musepack nellymoser opus pcm qcelp qdm2 smv speex truehd tta "
    "vorbis wavpack wma wmalossless wmapro wmav1 wmav2 xhe_aac"
)
VIDEO_CODECS: Final = tuple(_VIDEO.split())
AUDIO_CODECS: Final = tuple(_AUDIO.split())

_MEANT: Final[dict[str, str]] = {
    "bitrate": "bit_rate",
    "codec": "video_codec",
    "container": "format",
    "file_size": "size",
    "filesize": "size",
    "formats": "format",
    "frame_rate": "fps",
    "framerate": "fps",
    "gt": "above",
    "length": "duration",
    "lt": "below",
    "maximum": "max",
    "mime_type": "mime",
    "minimum": "min",
    "one_of": "any_of",
    "ratio": "aspect_ratio",
    "resolution": "pixels",
    "samplerate": "sample_rate",
    "seconds": "duration",
    "tolerance": "lenient",
    "values": "any_of",
    "avc": "h264",
    "h265": "hevc",
    "mpeg2": "mpeg2video",
    "x264": "h264",
    "x265": "hevc",
    "a-law": "alaw",
    "lpcm": "pcm",
    "mu-law": "mulaw",
    "pcm_alaw": "alaw",
    "pcm_mulaw": "mulaw",
    "u-law": "mulaw",
    "ulaw": "mulaw",
    "wave": "pcm",
}
"""What people write, and what it is called here; asked before the spelling is compared."""


def nearest(word: str, right: Iterable[str]) -> str:
    """`: did you mean "pixels"?`, or which words there are where none is near.

    >>> nearest("pixel", ["pixels", "size"]), nearest("quality", ["min", "max"])
    (': did you mean "pixels"?', ': write one of min, max')
    """
    known = list(right)
    plain = word.lower().replace("-", "_")
    near = [_MEANT[plain]] if _MEANT.get(plain) in known else get_close_matches(plain, known, n=1, cutoff=0.6)
    if near:
        return f': did you mean "{near[0]}"?'
    return f": write one of {', '.join(known)}" if len(known) <= 24 else ""


def format_problem(word: str, kind: str) -> str | None:
    """Why a word cannot be a format of this kind; None where it can.

    >>> format_problem("jpg", "image")
    '"jpg" is no format that preflight knows: did you mean "jpeg"?'
    """
    known = FORMATS.get(word)
    if known is not None:
        return None if kind in known.kinds else f'"{word}" never holds {"an" if kind != "video" else "a"} {kind}'
    of_kind = [name for name, entry in FORMATS.items() if kind in entry.kinds]
    by_extension = [name for name in of_kind if word.lower().lstrip(".") in FORMATS[name].extensions]
    near = f': did you mean "{by_extension[0]}"?' if by_extension else nearest(word, of_kind)
    return f'"{word}" is no format that preflight knows{near}'
