"""Read colors of pictures whose size a library reads: JPEG 2000 (ITU-T T.800 annexes A, I) and Photoshop documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypedDict

from preflight.probes.color import SRGB, UNSTATED, Color, from_profile
from preflight.probes.isobmff import EMPTY, boxes, first_of_each
from preflight.sources import BoundReached, Source

_HEAD_BYTES: Final = 2048
_CODESTREAM: Final = b"\xff\x4f\xff\x51"
"""SOC and SIZ, with which a JPEG 2000 without boxes begins (A.4.1, A.5.1)."""
_ENUMERATED: Final = {12: "cmyk", 14: "lab", 16: "rgb", 17: "gray", 18: "ycbcr"}
"""EnumCS of a `colr` box (I.5.3.3; T.801 M.11.7.3.1)."""
_SRGB_MODELS: Final = (16, 17, 18)
_PROFILE_MODELS: Final = {b"RGB ": "rgb", b"GRAY": "gray"}
_PSD_MODES: Final = {0: "gray", 1: "gray", 2: "palette", 3: "rgb", 4: "cmyk", 8: "gray", 9: "lab"}
"""Color mode (Adobe Photoshop File Formats Specification, File Header Section); duotones are stored as gray."""


class ColorFacts(TypedDict, total=False):
    """The facts of `Media` that these headers state."""

    bit_depth: int | None
    color_model: str | None
    primaries: str | None
    transfer: str | None
    hdr: str | None
    animated: bool
    multi_picture: bool


def colors_of(source: Source, name: str) -> ColorFacts:
    """Return the facts of colors in the header of a picture; none if its format has another header."""
    read = _READERS.get(name)
    return read(source.read_at(0, _HEAD_BYTES)) if read is not None else {}


def _facts(bit_depth: int | None, color_model: str | None, color: Color) -> ColorFacts:
    return {
        "bit_depth": bit_depth,
        "color_model": color_model,
        "primaries": color.primaries,
        "transfer": color.transfer,
        "hdr": color.hdr or "none",
        "animated": False,
        "multi_picture": False,
    }


def _psd(head: bytes) -> ColorFacts:
    """Read signature(4) version(2) reserved(6) channels(2) height(4) width(4) depth(2) mode(2)."""
    return _facts(int.from_bytes(head[22:24]) or None, _PSD_MODES.get(int.from_bytes(head[24:26])), UNSTATED)


def _jpeg_2000(head: bytes) -> ColorFacts:
    """Read SIZ, or the boxes `ihdr`, `pclr` and `colr`."""
    if head.startswith(_CODESTREAM):
        return _facts(_depth(head[42:43]), "gray" if head[40:42] == b"\0\1" else None, UNSTATED)
    try:
        header = next((first_of_each(head, at, end) for kind, at, end in boxes(head) if kind == b"jp2h"), {})
    except BoundReached:
        header = {}
    image, palette, colr = (head[slice(*header.get(kind, EMPTY))] for kind in (b"ihdr", b"pclr", b"colr"))
    model, color = _color_of(colr)
    return _facts(_depth(image[10:11]), "palette" if palette else model, color)


def _depth(stated: bytes) -> int | None:
    """Return the bits of a component (A.5.1, I.5.3.1); None if they vary."""
    return None if stated in (b"", b"\xff") else (stated[0] & 0x7F) + 1


def _color_of(colr: bytes) -> tuple[str | None, Color]:
    """Return color model and colors: METH(1) PREC(1) APPROX(1), then a number (METH 1) or an ICC profile (2)."""
    if colr[:1] == b"\1":
        space = int.from_bytes(colr[3:7])
        return _ENUMERATED.get(space), SRGB if space in _SRGB_MODELS else UNSTATED
    profile = colr[3:]
    return _PROFILE_MODELS.get(profile[16:20]), from_profile(profile)


_READERS: Final[dict[str, Callable[[bytes], ColorFacts]]] = {"jp2": _jpeg_2000, "psd": _psd}
