"""Recognize the format of a source by its first bytes, never by name: cheap checks first, then those that need reads.

Signatures are those of the formats' own specifications.
"""

from __future__ import annotations

from typing import Final

from preflight.sources import Source

SIGNATURE_BYTES: Final = 512

_SIGNATURES: Final[dict[str, tuple[bytes, ...]]] = {
    "jpeg": (b"\xff\xd8\xff",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "gif": (b"GIF87a", b"GIF89a"),
    "tiff": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "orf": (b"IIRO\x08\x00", b"IIRS\x08\x00", b"MMOR\x00\x00"),
    "rw2": (b"IIU\x00",),
    "mkv": (b"\x1aE\xdf\xa3",),
    "flac": (b"fLaC",),
    "ogg": (b"OggS",),
    "amr": (b"#!AMR",),
    "postscript": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "pdf": (b"%PDF-",),
    "rm": (b".RMF",),
    "au": (b".snd\x00\x00\x00",),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "psd": (b"8BPS",),
    "bz2": (b"BZh",),
    "dds": (b"DDS |\x00\x00\x00",),
    "ivf": (b"DKIF",),
    "dsf": (b"DSD ",),
    "flv": (b"FLV\x01",),
    "x3f": (b"FOVb",),
    "raf": (b"FUJIFILMCCD-RAW ",),
    "crw": (b"II\x1a\x00\x00\x00HEAPCCDR", b"MM\x00\x00\x00\x1aHEAPCCDR"),
    "ape": (b"MAC ",),
    "musepack": (b"MP+", b"MPCK"),
    "zip": (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"),
    "rar": (b"Rar!\x1a\x07",),
    "tta": (b"TTA1",),
    "caf": (b"caff\x00\x01",),
    "icns": (b"icns\x00",),
    "w64": (b"riff\x2e\x91\xcf\x11",),
    "wavpack": (b"wvpk",),
    "mrw": (b"\x00MRM",),
    "mxf": (b"\x06\x0e\x2b\x34\x02\x05\x01\x01",),
    "gzip": (b"\x1f\x8b\x08",),
    "asf": (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",),
    "xz": (b"\xfd7zXZ\x00",),
    "jp2": (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "jxl": (b"\x00\x00\x00\x0cJXL \r\n\x87\n", b"\xff\x0a"),
    "mpeg": (b"\x00\x00\x01\xb3",),
}
_BY_FIRST_BYTE: Final = {
    first: tuple((known, name) for name, known in _SIGNATURES.items() if any(each[0] == first for each in known))
    for first in {each[0] for known in _SIGNATURES.values() for each in known}
}
_RIFF_FORMS: Final = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}
_BITMAP_HEADER_BYTES: Final = (12, 16, 40, 52, 56, 64, 108, 124)
_BOX_TYPES: Final = frozenset(
    (b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"sidx", b"free", b"skip", b"wide", b"pnot")
)
_IMAGE_BRANDS: Final = frozenset(
    b"mif1 mif2 mif3 msf1 miaf 1pic unif heic heix heim heis hevc hevx hevm hevs avif avis avio avci avcs "
    b"vvic vvis evbi evbs evmi evms jpeg jpgs j2ki j2is".split()
)
_VIDEO_BRANDS: Final = (b"iso", b"mp4", b"mp7", b"avc1", b"qt  ", b"M4", b"3g", b"dash", b"cmf", b"F4", b"MSNV")
"""Prefixes of the major brands of videos: an image brand among the compatible ones only announces a cover."""
_ICON_DIRECTORY_BYTES: Final = 22
"""Bytes of the smallest directory, with one entry: no icon begins before its end."""
_PRINTABLE: Final = bytes((*b"\t\n\r", *range(32, 127)))
_TAG_SIGNATURES: Final = (b"ID3", b"APETAGEX")
_TAGGED_FORMATS: Final = ("aiff", "ape", "flac", "mpegts", "musepack", "ogg", "tta", "wav", "wavpack")
"""Formats to which taggers add a leading ID3 or APE tag, some against the specification."""


def sniff(source: Source) -> str | None:
    """Return the format's name as in `preflight.probes.READERS` and `preflight.formats.FORMATS`, or None."""
    head = source.read_at(0, SIGNATURE_BYTES)
    found = _by_signature(head) or _audio(source, head)
    if found:
        return found
    from preflight.probes.sniff import streams, text  # few of the files that are checked are either

    found = text.sniff_text(source.read_at(0, text.TEXT_BYTES)) or _after_first_box(source, head)
    found = found or streams.sniff_stream(source)
    # Other programs open JPEG and audio frames despite other bytes before them.
    return found or ("jpeg" if _has_jpeg_inside(source) else _audio_frames(source, 0, search=True))


def _by_signature(head: bytes) -> str | None:
    for signatures, name in _BY_FIRST_BYTE.get(head[0], ()) if head else ():
        if head.startswith(signatures):
            return name
    start = head[:4]
    if start in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return _RIFF_FORMS.get(head[8:12])
    if start == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    # Among text alone, "free" or "wide" may be a word rather than a box type.
    if head[4:8] in _BOX_TYPES and head[:16].translate(None, _PRINTABLE):
        return _by_brand(head)
    return _by_fields(head)


def _by_fields(head: bytes) -> str | None:
    """Recognize formats by several fields, because their signature alone is too short."""
    if _is_bitmap(head) or (head[:2] == b"BA" and _is_bitmap(head[14:])):  # BA: an array of bitmaps, OS/2
        return "bmp"
    if head[257:262] == b"ustar":
        return "tar"
    if head[25:32] == b"ARECOYK":
        return "camera_raw"
    if _is_icon(head):
        return "ico"
    return _transport(head)


def _is_icon(head: bytes) -> bool:
    """Return whether there is a directory of 1 to 255 icons or cursors whose first entry is plausible."""
    if head[:2] != b"\0\0" or head[2:4] not in (b"\x01\0", b"\x02\0") or len(head) < 22:
        return False
    first_offset = int.from_bytes(head[18:22], "little")
    return head[4] > 0 and not (head[5] or head[9]) and _ICON_DIRECTORY_BYTES <= first_offset < 1 << 24


def _transport(head: bytes) -> str | None:
    """Recognize MPEG by the sync bytes of three packets, or by a pack header (ISO/IEC 13818-1 2.4.3, 2.5.3.3)."""
    for start, packet in ((0, 188), (4, 192)):
        if len(head) > start + packet and set(head[start : start + 2 * packet + 1 : packet]) == {0x47}:
            return "mpegts"
    if head[:4] == b"\x00\x00\x01\xba" and len(head) > 4 and (head[4] & 0xC4 == 0x44 or head[4] & 0xF1 == 0x21):
        return "mpeg"
    return None


def _is_bitmap(head: bytes) -> bool:
    """Return whether `BM` precedes a known information header, or another one that has exactly one plane."""
    if head[:2] != b"BM" or len(head) < 26 or any(head[15:18]):
        return False
    return head[14] in _BITMAP_HEADER_BYTES or (head[14] >= 16 and head[26:28] == b"\x01\x00")


def _by_brand(head: bytes) -> str:
    """Distinguish images and videos, which share one box structure, by the major brand first (ISO/IEC 14496-12 4.3)."""
    major = head[8:12] if head[4:8] == b"ftyp" else b""
    if major == b"jp2 ":
        return "jp2"
    if major == b"crx ":
        return "cr3"
    if major in _IMAGE_BRANDS:
        return "heif"
    if not major or major.startswith(_VIDEO_BRANDS):
        return "mp4"
    end = min(len(head), int.from_bytes(head[:4]))
    compatible = {head[at : at + 4] for at in range(16, end, 4)}
    return "mp4" if _IMAGE_BRANDS.isdisjoint(compatible) else "heif"


def _after_first_box(source: Source, head: bytes) -> str | None:
    """Recognize the same box structure after an unusual first box (`uuid`, `udta`, `PICT` …)."""
    size = int.from_bytes(head[:4])
    if size < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in head[4:8]):
        return None
    following = source.read_at(size, SIGNATURE_BYTES)
    return _by_brand(following) if following[4:8] in _BOX_TYPES else None


def _audio(source: Source, head: bytes) -> str | None:
    """Return the format of audio frames, which have no signature, at the start or after tags.

    A tag with nothing after it is a truncated MP3; with unknown bytes after it, the format is unknown.
    """
    tagged = head.startswith(_TAG_SIGNATURES)
    if not tagged and head[:1] != b"\xff" and not (head[:1] == b"\x56" and head[1:2] >= b"\xe0"):
        return None
    from preflight.probes import audio_tags  # only here: images do not need it

    start = audio_tags.leading_tags(source).end if tagged else 0
    if tagged:
        head = source.read_at(start, SIGNATURE_BYTES)
        name = _by_signature(head)
        if name in _TAGGED_FORMATS:
            return name
        if not head:
            return _audio_frames(source, audio_tags.ID3_HEADER_BYTES, search=True) or "mp3"
    return _audio_frames(source, start, search=tagged)


def _audio_frames(source: Source, start: int, *, search: bool) -> str | None:
    """Return which audio frames begin at `start` or, with `search`, first after other bytes."""
    from preflight.probes.mpeg_audio import adts, loas, mp3

    if adts.first_frame_at(source, start):
        return "aac"
    if mp3.first_frame_at(source, start):
        return "mp3"
    if loas.is_frame_at(source, start):
        return "loas"
    if not search:
        return None
    mp3_frame = mp3.find_first_frame(source, start)
    adts_frame = adts.find_first_frame(source, start)
    loas_offset = loas.find_first_frame(source, start)
    found = [(mp3_frame.at, "mp3")] if mp3_frame else []
    found += [(adts_frame.at, "aac")] if adts_frame else []
    found += [(loas_offset, "loas")] if loas_offset is not None else []
    return min(found)[1] if found else None


def _has_jpeg_inside(source: Source) -> bool:
    """Return whether the first two segments of a JPEG follow other bytes, such as header lines of a broken download.

    Return False if these bytes are a format that contains JPEG: raw files of Fujifilm, DICOM.
    """
    head = source.read_at(0, SIGNATURE_BYTES)
    start = head.find(b"\xff\xd8\xff")
    if start < 0 or head.startswith(b"FUJIFILM") or head[128:132] == b"DICM":
        return False
    segment = head[start + 2 : start + 6]
    if len(segment) < 4 or segment[1] < 0xC0:
        return False
    following = source.read_at(start + 4 + int.from_bytes(segment[2:]), 2)
    return len(following) == 2 and following[0] == 0xFF and following[1] >= 0xC0
