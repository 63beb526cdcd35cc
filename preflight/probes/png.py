"""Read PNG, APNG and Apple's CgBI (PNG specification, third edition, W3C; ISO/IEC 15948): chunks up to the image data.

A chunk is `length(4) type(4) data crc(4)`. Size and color type are in IHDR; transparency (tRNS), frames (acTL), EXIF
(eXIf) and colors (cICP, iCCP, sRGB, cHRM and gAMA, which count in this order) are in separate chunks. The specification
requires them before the first IDAT (5.6); but the first definition of eXIf (PNG extensions 1.5.0, 3.7) allowed it after
the last IDAT too, where decoders still find it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from preflight.media import Media, Need, size_facts
from preflight.probes.color import (
    PROFILE_BYTES,
    SRGB,
    UNSTATED,
    Color,
    from_chromaticities,
    from_codes,
    from_description,
    from_gamma,
    from_profile,
)
from preflight.probes.exif import NO_EXIF, TRANSPOSED, Exif, exif_at, exif_of, has_latitude
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_CHUNK_SIZE: Final = 512
_SIGNATURE_BYTES: Final = 8
_OVERHEAD_BYTES: Final = 12
"""Bytes of a chunk besides its data: all bytes of IEND."""
_MAX_CHUNKS: Final = 16_384
"""Chunks that are skipped, before the image data and after it."""
_MAX_NUMBER: Final = 0x7FFF_FFFF
"""The largest number that a PNG may contain (7.1)."""
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Color type → allowed bits a sample (11.2.1)."""
_ALPHA: Final = 4
_COLOR_MODELS: Final = {0: "gray", 2: "rgb", 3: "palette", 4: "gray", 6: "rgb"}
_MAX_PROFILE_NAME: Final = 79
_MAX_COLOR_BYTES: Final = 1024
"""Bytes of a chunk of colors that are read: of a compressed profile the beginning suffices."""
_XMP: Final = b"XML:com.adobe.xmp\0"
_IHDR_CRC: Final = zlib.crc32(b"IHDR")
_PROFILES: Final = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_MAX_PROFILE_BYTES: Final = 2048
"""Bytes of a raw profile that are read."""
_MAX_PROFILE_TEXT: Final = 8192
"""Bytes of it after decompression: its directories in hexadecimal digits."""


class _ImageData(NamedTuple):
    """The first IDAT: its offset and length, and where Apple's iDOT says that the second half begins."""

    start: int
    length: int
    second_half: int | None = None


class _Header:
    """The facts in the chunks before the image data.

    raw_profile  EXIF that is text
    colors       by the chunk that states them
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.width: int | None = None
        self.height: int | None = None
        self.alpha: bool | None = None
        self.bit_depth: int | None = None
        self.color_model: str | None = None
        self.exif = self.raw_profile = NO_EXIF
        self.in_xmp = False
        self.colors: dict[bytes, Color] = {}
        self.ratio: float | None = None
        self.data: _ImageData | None = None
        self.second_half: int | None = None
        self.frames = 0
        self.notes: list[str] = []

    def read_chunks(self, window: Window) -> None:
        """Read the chunks up to the first IDAT. Raise `EndOfFile` or `BoundReached`."""
        for kind, offset, length in _chunks(window, _SIGNATURE_BYTES):
            if kind == b"IDAT":
                self.data = _ImageData(offset - 8, length, self.second_half)
                return
            if kind == b"IHDR":
                self._read_ihdr(window.read_at(offset, 17), length)
            elif kind in (b"tEXt", b"zTXt"):
                if self.raw_profile.orientation is None:
                    self.raw_profile = _raw_profile(window, kind, offset, length)
            elif kind in _COLOR_CHUNKS:
                self.colors.setdefault(kind, _color_of(kind, window.buffered(offset, min(length, _MAX_COLOR_BYTES))))
            else:
                self._read_ancillary(window, kind, offset, length)
        self.notes.append("bad_header")

    @property
    def color(self) -> Color:
        """Return the colors of the chunk that counts before all others; cHRM and gAMA count together."""
        color = next(self.colors[kind] for kind in _COLOR_CHUNKS if kind in self.colors)
        if b"gAMA" in self.colors and _BEFORE_GAMMA.isdisjoint(self.colors):
            return color._replace(transfer=self.colors[b"gAMA"].transfer)
        return color

    def _read_ancillary(self, window: Window, kind: bytes, offset: int, length: int) -> None:
        if kind == b"tRNS":
            self.alpha = True
        elif kind == b"pHYs":
            self.ratio = self.ratio or _pixel_aspect_ratio(window.read_at(offset, min(length, 8)))
        elif kind == b"eXIf":
            if self.exif.orientation is None:
                self.exif = exif_at(window, offset, length, self._source)
        elif kind == b"iTXt":
            text = window.buffered(offset, length)
            self.in_xmp |= text.startswith(_XMP) and has_latitude(text)
        elif kind == b"acTL":
            self.frames = self.frames or int.from_bytes(window.read_at(offset, 4))
        elif kind == b"iDOT":
            self.second_half = offset - 8 + int.from_bytes(window.read_at(offset, 28)[24:])
        elif kind == b"CgBI":
            self.notes.append("apple_cgbi")

    def _read_ihdr(self, header: bytes, length: int) -> None:
        """Read width(4) height(4) depth color compression filter interlace, and their checksum (11.2.1)."""
        if len(header) >= 8:  # half a number is not used
            self.width, self.height = int.from_bytes(header[:4]) or None, int.from_bytes(header[4:8]) or None
        if len(header) < 17:
            raise EndOfFile("the PNG ends in its header")
        self.alpha = bool(header[9] & _ALPHA)
        self.color_model = _COLOR_MODELS.get(header[9])
        self.bit_depth = header[8] if header[8] in _DEPTHS.get(header[9], ()) else None
        intact = zlib.crc32(header[:13], _IHDR_CRC) == int.from_bytes(header[13:]) and length == 13
        if not (intact and self.width and self.height and self.bit_depth):
            self.notes.append("bad_header")


def read(source: Source, _need: Need, _name: str) -> Media:
    """Return the facts of a PNG. Raise `SourceError`."""
    window = Window(source, _CHUNK_SIZE, read_ahead=True)
    header = _Header(source)
    notes = header.notes
    behind = NO_EXIF
    try:
        header.read_chunks(window)
        # If the orientation is known, only completeness is left to check, which is not worth a request.
        is_known = header.exif.orientation is not None and source.remote
        if header.data and source.size is not None and not is_known:
            if header.frames:
                behind, found = _read_tail(window, source)
            else:
                behind, found = _read_after_data(window, header.data, source)
            notes += found
    except EndOfFile:
        notes.append("truncated")
    except BoundReached:
        notes.append("read_limit")
    return _media(source, header, [block for block in (header.exif, behind, header.raw_profile) if block != NO_EXIF])


def _media(source: Source, header: _Header, blocks: list[Exif]) -> Media:
    """Return the facts of the header and of the EXIF blocks, of which the first that states an orientation counts."""
    notes = header.notes
    orientation = next((block.orientation for block in blocks if block.orientation), None)
    incomplete = "read_limit" in notes and header.data is None  # chunks that were not reached may state otherwise
    if header.alpha is None and not incomplete and "truncated" not in notes:
        notes.append("bad_header")
    if header.frames > 1:
        notes.append("animated")
    stated = header.color if header.colors else next((block.color for block in blocks), None)
    color = stated or UNSTATED
    return Media(
        kind="image",
        format="png",
        size=source.size,
        **size_facts(header.width, header.height, transposed=orientation in TRANSPOSED),
        orientation=orientation,
        pixel_aspect_ratio=header.ratio,
        frames=header.frames or (None if incomplete else 1),
        animated=header.frames > 1 or (None if incomplete else False),
        multi_picture=False,
        bit_depth=header.bit_depth,
        color_model=header.color_model,
        primaries=color.primaries,
        transfer=color.transfer,
        hdr=(stated and stated.hdr) or (None if incomplete else "none"),
        coding="lossless",
        has_alpha=header.alpha or (None if incomplete else header.alpha),
        location=True if header.in_xmp else _location(blocks, incomplete=incomplete),
        notes=tuple(dict.fromkeys(notes)),
    )


def _location(blocks: list[Exif], *, incomplete: bool) -> bool | None:
    """Return whether a block has a position, None if its directory of GPS could not be read."""
    stated = [block.location for block in blocks if block.location is not False]
    return True if True in stated else None if stated or incomplete else False


def _pixel_aspect_ratio(physical: bytes) -> float | None:
    """Return the ratio of the pixels per unit of `pHYs` (11.3.5.3), whatever the unit, as ffmpeg does."""
    across, down = int.from_bytes(physical[:4]), int.from_bytes(physical[4:8])
    return across / down if 0 < across <= _MAX_NUMBER and 0 < down <= _MAX_NUMBER and len(physical) == 8 else None


def _raw_profile(window: Window, kind: bytes, offset: int, length: int) -> Exif:
    r"""Return what an EXIF block says that ImageMagick wrote as text: `\nexif\n  123\n4578…`, hexadecimal."""
    if not window.read_at(offset, min(length, len(_PROFILES[0]))).startswith(_PROFILES):
        return NO_EXIF
    text = window.read_at(offset, min(length, _MAX_PROFILE_BYTES))[len(_PROFILES[0]) :]
    if kind == b"zTXt":
        try:
            text = zlib.decompressobj().decompress(text[1:], _MAX_PROFILE_TEXT)
        except zlib.error:
            return NO_EXIF
    digits = b"".join(text.split(b"\n")[3:])
    try:
        return exif_of(bytes.fromhex(digits[: len(digits) & ~1].decode("ascii")))
    except ValueError:
        return NO_EXIF


def _coded_color(data: bytes) -> Color:
    """Return the colors of cICP: primaries, transfer, matrix, range (11.3.2.6)."""
    return from_codes(data[0], data[1]) if len(data) >= 4 else UNSTATED


def _profile_color(data: bytes) -> Color:
    """Return the colors of iCCP (11.3.2.3): a name, compression method 0, a profile of which the beginning suffices.

    The name tells those of HDR pictures from before cICP (W3C, "Using the ITU BT.2100 PQ EOTF with PNG").
    """
    name, _, packed = data.partition(b"\0")
    named = from_description(name[:_MAX_PROFILE_NAME].decode("latin-1"))
    if named is not None and named.hdr != "none":
        return named
    try:
        return from_profile(zlib.decompressobj().decompress(packed[1:], PROFILE_BYTES))
    except zlib.error:
        return UNSTATED


def _chromaticity_color(data: bytes) -> Color:
    """Return the primaries of cHRM: x and y of white, red, green and blue in 1/100000 (11.3.2.1)."""
    numbers = [int.from_bytes(data[at : at + 4]) / 100_000 for at in range(8, 32, 4)]
    return Color(from_chromaticities(list(zip(numbers[::2], numbers[1::2], strict=True))), None)


def _gamma_color(data: bytes) -> Color:
    """Return the transfer characteristics of gAMA, whose number is 100000 / the exponent of a decoder (11.3.2.2)."""
    stated = int.from_bytes(data[:4])
    return Color(None, from_gamma(100_000 / stated)) if 10_000 <= stated <= 1_000_000 else UNSTATED


_COLOR_CHUNKS: Final[dict[bytes, Callable[[bytes], Color]]] = {
    b"cICP": _coded_color,
    b"iCCP": _profile_color,
    b"sRGB": lambda _: SRGB,
    b"cHRM": _chromaticity_color,
    b"gAMA": _gamma_color,
}
"""Chunks that state colors, the one that counts before all others first (4.3)."""
_BEFORE_GAMMA: Final = frozenset((b"cICP", b"iCCP", b"sRGB"))


@lru_cache(maxsize=64)
def _color_of(kind: bytes, data: bytes) -> Color:
    """Return the colors of a chunk. Few are in most files, so they are parsed once."""
    return _COLOR_CHUNKS[kind](data)


def _chunks(window: Window, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, offset of the data, bytes of data) of each chunk from `position` on, up to and including IEND.

    End also at bytes that cannot be a chunk. Raise `EndOfFile` if the file ends first, or `BoundReached`.
    """
    for _ in range(_MAX_CHUNKS):
        header = window.read_at(position, 8)
        if len(header) < 8:
            raise EndOfFile(f"the PNG ends at {position}, before its last chunk")
        length, kind = int.from_bytes(header[:4]), header[4:]
        if length > _MAX_NUMBER or not kind.isalpha():
            return
        yield kind, position + 8, length
        if kind == b"IEND":
            return
        position += length + _OVERHEAD_BYTES
    raise BoundReached(f"no end of the PNG header within {_MAX_CHUNKS} chunks")


# --- chunks after the image data

_TAIL_BYTES: Final = 1024
_MAX_CANDIDATES: Final = 8
_DATA_CHUNKS: Final = (b"IDAT", b"fcTL", b"fdAT")


def _read_after_data(window: Window, data: _ImageData, source: Source) -> tuple[Exif, list[str]]:
    """Return what an eXIf after the image data says, and notes.

    Reading the header of each IDAT would be one request for every 8 KiB of file. Nearly every encoder writes all but
    the last with the same length, so that the last one's position can be computed: this takes no read if a single IDAT
    ends before IEND, and one read if there are many. Raise `SourceError`, `EndOfFile` or `BoundReached`.
    """
    size = source.size or 0
    end = _end_of_data(window, data, size)
    if end + _OVERHEAD_BYTES == size:
        longer = any(window.buffered(end, 4))  # a longer chunk than IEND begins at its position
        return NO_EXIF, ["truncated"] if longer else []
    if end + _OVERHEAD_BYTES > size:
        return NO_EXIF, ["truncated"]
    for kind, offset, length in _chunks(window, end):
        if kind in _DATA_CHUNKS:
            return _read_tail(window, source)
        if kind == b"eXIf":
            truncated = offset + length + 4 + _OVERHEAD_BYTES > size
            return exif_at(window, offset, length, source), ["truncated"] if truncated else []
        if kind == b"IEND" and offset + 4 != size:
            return NO_EXIF, ["trailing_data" if offset + 4 < size else "truncated"]
    return NO_EXIF, []


def _end_of_data(window: Window, data: _ImageData, size: int) -> int:
    """Return where the last IDAT ends, or where another follows because their lengths differ."""
    first, length, second_half = data
    stride = length + _OVERHEAD_BYTES
    following = window.buffered(first + stride, 8)
    if len(following) == 8 and following[4:] != b"IDAT":
        return first + stride
    if second_half is not None and first < second_half < size:
        last = second_half + _max_strides(second_half, stride, size) * stride
        header = window.read_at(last, 8)
        if header[4:] == b"IDAT":
            return last + int.from_bytes(header[:4]) + _OVERHEAD_BYTES
    known, unknown = 0, _max_strides(first, stride, size) + 1
    end = first + stride
    # Try the last IDAT that fits into the file, the one before it (other chunks may follow), and the second one (are
    # the lengths equal at all?). If other chunks take more than a stride, a binary search finds the end.
    attempts = [1, unknown - 2, unknown - 1]
    while unknown - known > 1:
        attempt = attempts.pop() if attempts else (known + unknown) // 2
        if not known < attempt < unknown:
            continue
        header = window.read_at(first + attempt * stride, 8)
        if header[4:] == b"IDAT":
            last_length = int.from_bytes(header[:4])
            known, end = attempt, first + attempt * stride + last_length + _OVERHEAD_BYTES
            if last_length != length:
                break  # the last one, or lengths differ
        else:
            unknown = attempt
    return end


def _max_strides(first: int, stride: int, size: int) -> int:
    """Return the maximum strides after `first` at which a chunk can still be followed by IEND."""
    return max(0, size - first - 2 * _OVERHEAD_BYTES) // stride


def _read_tail(window: Window, source: Source) -> tuple[Exif, list[str]]:
    """Return EXIF and notes by the last bytes of the file, for animations and IDATs of different lengths.

    An `eXIf` there is used if the chunks from it on lead to IEND. Without IEND the file is truncated.
    """
    start = max(0, (source.size or 0) - _TAIL_BYTES)
    tail = window.read_at(start, _TAIL_BYTES)
    at = tail.rfind(b"\0\0\0\0IEND")
    if at < 0 or at + _OVERHEAD_BYTES > len(tail):
        return NO_EXIF, ["truncated"]
    for _ in range(_MAX_CANDIDATES):
        at = tail.rfind(b"eXIf", 0, at)
        if at < 4:
            break
        end = at - 4
        while tail[end + 4 : end + 8] != b"IEND" and tail[end + 4 : end + 8].isalpha():
            end += int.from_bytes(tail[end : end + 4]) + _OVERHEAD_BYTES
        if tail[end + 4 : end + 8] == b"IEND":
            return exif_at(window, start + at + 4, int.from_bytes(tail[at - 4 : at]), source), []
    return NO_EXIF, []
