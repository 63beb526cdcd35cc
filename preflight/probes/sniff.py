"""What a source holds, by its first bytes: evidence from cheap to dear, and nothing by name.

Signatures: the formats' own specifications; text by what a browser would take it for (WHATWG MIME sniffing).
"""

from __future__ import annotations

import re
from typing import Final

from preflight.sources import Source

HEAD: Final = 512

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x1aE\xdf\xa3", "mkv"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"#!AMR", "amr"),
    (b"FLV\x01", "flv"),
    (b"8BPS", "psd"),
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"\x00\x00\x02\x00", "ico"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x00\x00\x01\xb3", "mpeg"),
    (b"RF64", "wav"),
)
_RIFF: Final = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}


_BOXES: Final = frozenset((b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"sidx", b"free", b"skip", b"wide", b"pnot"))
_PICTURE_BRANDS: Final = frozenset(
    (b"mif1", b"mif2", b"msf1", b"miaf", b"1pic", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis")
    + (b"hevm", b"hevs", b"avif", b"avis", b"avio", b"vvic", b"avci", b"avcs")  # noqa: RUF005
)
_ID3_DEPTH: Final = 8
"""Tags behind one another that are still skipped: broken taggers stack two or three."""


def sniff(source: Source) -> str | None:
    """The format's name as `preflight.probes.READERS` and `preflight.formats.FORMATS` know it, or None."""
    head = source.read_at(0, HEAD)
    return (
        _by_signature(head) or _behind_id3(source, head) or _mpeg_audio(head) or _text(head) or _garbage_before(source)
    )


def _by_signature(head: bytes) -> str | None:
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    start = head[:4]
    if start in (b"RIFF", b"RIFX"):
        return _RIFF.get(head[8:12])
    if start == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in _BOXES:
        return _by_brand(head)
    if (
        start[:2] == b"BM"
        and len(head) >= 26
        and head[14] in (12, 16, 40, 52, 56, 64, 108, 124)
        and not any(head[15:18])
    ):
        return "bmp"
    if len(head) > 188 and head[0] == 0x47 == head[188]:
        return "mpegts"
    return None


def _by_brand(head: bytes) -> str:
    """ISO/IEC 14496-12 4.3: pictures and films share one box structure and differ by brand."""
    major = head[8:12] if head[4:8] == b"ftyp" else b""
    if major == b"jp2 ":
        return "jp2"
    return "heif" if major in _PICTURE_BRANDS else "mp4"


def _behind_id3(source: Source, head: bytes) -> str | None:
    """Who owns what stands behind ID3v2 tags (id3.org, ID3v2.4 3.1: four 7-bit bytes of size)."""
    if not head.startswith(b"ID3"):
        return None
    offset = 0
    for _ in range(_ID3_DEPTH):
        if len(head) < 10 or not head.startswith(b"ID3"):
            break
        size = (head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 | head[9] & 127
        offset += 10 + size + (10 if head[5] & 0x10 else 0)
        head = source.read_at(offset, HEAD)
    return _by_signature(head) or _mpeg_audio(head) or "mp3"


def _mpeg_audio(head: bytes) -> str | None:
    """A frame header of ADTS (layer bits 00) or of MPEG audio (ISO/IEC 11172-3 2.4.1.3), all fields of it legal."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac" if head[2] >> 2 & 15 < 13 else None
    version, layer, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 2 & 3
    return "mp3" if version != 1 and layer != 0 and rate != 3 and head[2] >> 4 != 15 else None


def _text(head: bytes) -> str | None:
    if b"\0" in head[:64] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if re.match(rb"<!doctype html|<html|<head|<body|<script|<title|<!--.*?<html", text, re.DOTALL):
        return "html"
    if re.match(rb"(<\?xml.*?>\s*)?(<!--.*?-->\s*|<!doctype svg.*?>\s*)*<svg[\s>]", text, re.DOTALL):
        return "svg"
    if text.startswith(b"<?xml"):
        return "xml"
    if text[:1] in (b"{", b"[") and _printable(text):
        return "json"
    return "text" if text and _printable(text) else None


def _printable(text: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\x0c\x1b" for byte in text)


def _garbage_before(source: Source) -> str | None:
    """JPEG and MP3 that other programs still open although foreign bytes precede them."""
    return None
