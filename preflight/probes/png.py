"""PNG, APNG and Apple's CgBI (PNG specification, third edition, W3C; ISO/IEC 15948): chunks up to the picture data.

A chunk is `length(4) type(4) data crc(4)`. Size and colour type stand in IHDR; transparency (tRNS), frames (acTL) and
orientation (eXIf) in chunks of their own, all of them before the first IDAT, except that eXIf may also follow the last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from preflight.media import Media, Need
from preflight.probes.exif import displayed, orientation_at, orientation_of
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_PIECE: Final = 512
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Colour type → bits a sample that may go with it (11.2.1)."""
_ALPHA: Final = 4
_IHDR: Final = zlib.crc32(b"IHDR")
_PROFILES: Final = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_PROFILE: Final = 2048
"""Bytes of a raw profile that are looked into: its directory in hexadecimal digits, before and after decompression."""


class _Front:
    """What the chunks in front of the picture data say."""

    __slots__ = (
        "alpha",
        "frames",
        "height",
        "notes",
        "orientation",
        "picture",
        "profile",
        "ratio",
        "second_half",
        "width",
    )

    def __init__(self) -> None:
        self.width: int | None = None
        self.height: int | None = None
        self.alpha: bool | None = None
        self.orientation: int | None = None
        self.ratio: float | None = None
        self.profile: int | None = None
        self.picture: Picture | None = None
        self.second_half: int | None = None
        self.frames = 0
        self.notes: list[str] = []

    def walk(self, window: Window) -> None:
        for kind, offset, length in chunks(window, SIGNATURE):
            if kind == b"IDAT":
                self.picture = Picture(offset - 8, length, self.second_half)
                return
            if kind == b"IHDR":
                self._header(window.read_at(offset, 17), length)
            elif kind == b"tRNS":
                self.alpha = True
            elif kind == b"pHYs":
                self.ratio = self.ratio or _pixel_aspect(window.read_at(offset, min(length, 8)))
            elif kind == b"eXIf":
                self.orientation = self.orientation or orientation_at(window, offset, length)
            elif kind == b"acTL":
                self.frames = self.frames or int.from_bytes(window.read_at(offset, 4))
            elif kind in (b"tEXt", b"zTXt"):
                self.profile = self.profile or _raw_profile(window, kind, offset, length)
            elif kind == b"iDOT":
                self.second_half = offset - 8 + int.from_bytes(window.read_at(offset, 28)[24:])
            elif kind == b"CgBI":
                self.notes.append("apple_cgbi")
        self.notes.append("bad_header")

    def _header(self, header: bytes, length: int) -> None:
        """IHDR (11.2.1): width(4) height(4) depth colour compression filter interlace, and its check sum."""
        if len(header) >= 8:  # half a number is none
            self.width, self.height = int.from_bytes(header[:4]) or None, int.from_bytes(header[4:8]) or None
        if len(header) < 17:
            raise EndOfFile("the PNG ends in its header")
        self.alpha = bool(header[9] & _ALPHA)
        sound = zlib.crc32(header[:13], _IHDR) == int.from_bytes(header[13:]) and length == 13
        if not (sound and self.width and self.height and header[8] in _DEPTHS.get(header[9], ())):
            self.notes.append("bad_header")


def read(source: Source, need: Need, name: str) -> Media:
    """Size, frames, transparency and orientation of a PNG. Raises `SourceError`."""
    window = Window(source, _PIECE, rows=True)
    front = _Front()
    notes = front.notes
    orientation = None
    try:
        front.walk(window)
        # Where the orientation is known already, only whether the file is whole: no request is worth that.
        known = front.orientation is not None and source.requests > 0
        if front.picture and source.size is not None and not known:
            if front.frames:
                orientation, seen = in_tail(window, source.size)
            else:
                orientation, seen = behind_picture(window, front.picture, source.size)
            notes += seen
    except EndOfFile:
        notes.append("truncated")
    except BoundReached:
        notes.append("read_limit")
    orientation = front.orientation or orientation or front.profile
    hidden = "read_limit" in notes and front.picture is None  # chunks that were not come to may say otherwise
    if front.alpha is None and not hidden and "truncated" not in notes:
        notes.append("bad_header")
    if front.frames > 1:
        notes.append("animated")
    width, height = displayed(front.width, front.height, orientation)
    return Media(
        kind="image",
        format="png",
        size=source.size,
        width=width,
        height=height,
        stored_width=front.width,
        stored_height=front.height,
        orientation=orientation,
        pixel_aspect_ratio=front.ratio,
        frames=front.frames or (None if hidden else 1),
        has_alpha=front.alpha or (None if hidden else front.alpha),
        notes=tuple(dict.fromkeys(notes)),
    )


def _pixel_aspect(physical: bytes) -> float | None:
    """Return the ratio of the pixels per unit of `pHYs` (11.3.5.3), whatever the unit, as ffmpeg does."""
    across, down = int.from_bytes(physical[:4]), int.from_bytes(physical[4:8])
    return across / down if 0 < across <= MAX_NUMBER and 0 < down <= MAX_NUMBER and len(physical) == 8 else None


def _raw_profile(window: Window, kind: bytes, offset: int, length: int) -> int | None:
    """The orientation in an EXIF block that ImageMagick wrote as text: `\\nexif\\n  123\\n4578…`, hexadecimal."""
    if not window.read_at(offset, min(length, len(_PROFILES[0]))).startswith(_PROFILES):
        return None
    text = window.read_at(offset, min(length, _PROFILE))[len(_PROFILES[0]) :]
    if kind == b"zTXt":
        try:
            text = zlib.decompressobj().decompress(text[1:], _PROFILE)
        except zlib.error:
            return None
    digits = b"".join(text.split(b"\n")[3:])
    try:
        return orientation_of(bytes.fromhex(digits[: len(digits) & ~1].decode("ascii")))
    except ValueError:
        return None


SIGNATURE: Final = 8
_FRAME: Final = 12
"""Bytes of a chunk beside its data; IEND has no others."""
_CHUNKS: Final = 16_384
"""Chunks that are skipped, before the picture and after it."""
MAX_NUMBER: Final = 0x7FFF_FFFF
"""The largest number that a PNG may hold (7.1)."""
_TAIL: Final = 1024
_CANDIDATES: Final = 8
_PICTURE: Final = (b"IDAT", b"fcTL", b"fdAT")


def chunks(window: Window, position: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, offset of the data, bytes of data) of each chunk from `position` on, up to and with IEND.

    Ends also at what cannot be a chunk. Raises `EndOfFile` where the file ends first, `BoundReached`.
    """
    for _ in range(_CHUNKS):
        header = window.read_at(position, 8)
        if len(header) < 8:
            raise EndOfFile(f"the PNG ends at {position}, before its last chunk")
        length, kind = int.from_bytes(header[:4]), header[4:]
        if length > MAX_NUMBER or not kind.isalpha():
            return
        yield kind, position + 8, length
        if kind == b"IEND":
            return
        position += length + _FRAME
    raise BoundReached(f"no end of the PNG header within {_CHUNKS} chunks")


class Picture(NamedTuple):
    """Where the picture data begins: the first IDAT, its `length`, and where Apple's iDOT says that it begins anew."""

    start: int
    length: int
    second_half: int | None = None


def behind_picture(window: Window, picture: Picture, size: int) -> tuple[int | None, list[str]]:
    """The orientation that an eXIf behind the picture states, and notes.

    Reading each IDAT's header would be one request in every 8 KiB of file. All but the last are of one length in what
    nearly every encoder writes, so the last one's place can be computed: no read where a single IDAT ends in front of
    IEND, one where many do. Raises `SourceError`, `EndOfFile`, `BoundReached`.
    """
    end = _end_of_picture(window, picture, size)
    if end + _FRAME == size:
        return None, ["truncated"] if any(window.at_hand(end, 4)) else []  # a longer chunk begins where IEND should
    if end + _FRAME > size:
        return None, ["truncated"]
    for kind, offset, extent in chunks(window, end):
        if kind in _PICTURE:
            return in_tail(window, size)
        if kind == b"eXIf":
            return orientation_at(window, offset, extent), ["truncated"] if offset + extent + 4 + _FRAME > size else []
        if kind == b"IEND" and offset + 4 != size:
            return None, ["trailing_data" if offset + 4 < size else "truncated"]
    return None, []


def _end_of_picture(window: Window, picture: Picture, size: int) -> int:
    """Where the last IDAT ends, or where another follows because they do not stand at equal distances."""
    first, length, second_half = picture
    stride = length + _FRAME
    following = window.at_hand(first + stride, 8)
    if len(following) == 8 and following[4:] != b"IDAT":
        return first + stride
    if second_half is not None and first < second_half < size:
        last = second_half + _room(second_half, stride, size) * stride
        header = window.read_at(last, 8)
        if header[4:] == b"IDAT":
            return last + int.from_bytes(header[:4]) + _FRAME
    known, unknown = 0, _room(first, stride, size) + 1
    end = first + stride
    # The last one that the file has room for, the one before it (something follows the picture), the second one (is
    # the distance equal at all?); then there is more behind the picture than one distance, and halving finds its end.
    attempts = [1, unknown - 2, unknown - 1]
    while unknown - known > 1:
        attempt = attempts.pop() if attempts else (known + unknown) // 2
        if not known < attempt < unknown:
            continue
        header = window.read_at(first + attempt * stride, 8)
        if header[4:] == b"IDAT":
            extent = int.from_bytes(header[:4])
            known, end = attempt, first + attempt * stride + extent + _FRAME
            if extent != length:
                break  # the last one, or of irregular length
        else:
            unknown = attempt
    return end


def _room(first: int, stride: int, size: int) -> int:
    """How many strides behind `first` the last chunk that still has IEND behind it can stand."""
    return max(0, size - first - 2 * _FRAME) // stride


def in_tail(window: Window, size: int) -> tuple[int | None, list[str]]:
    """The same for IDATs of irregular length and for films, out of the file's last bytes.

    An `eXIf` there is believed if the chunks from it on lead to IEND. Without IEND there the file is cut.
    """
    start = max(0, size - _TAIL)
    tail = window.read_at(start, _TAIL)
    at = tail.rfind(b"\0\0\0\0IEND")
    if at < 0 or at + _FRAME > len(tail):
        return None, ["truncated"]
    for _ in range(_CANDIDATES):
        at = tail.rfind(b"eXIf", 0, at)
        if at < 4:
            break
        end = at - 4
        while tail[end + 4 : end + 8] != b"IEND" and tail[end + 4 : end + 8].isalpha():
            end += int.from_bytes(tail[end : end + 4]) + _FRAME
        if tail[end + 4 : end + 8] == b"IEND":
            return orientation_at(window, start + at + 4, int.from_bytes(tail[at - 4 : at])), []
    return None, []
