"""Describe the picture of a HEIF or AVIF file: coding, size, rotation, alpha (ISO/IEC 23008-12 6.5, 6.6; MIAF 7.3).

The picture is the primary item. Its size is the property `ispe`; `irot`, `imir` and `clap` then apply in the order
in which they are associated. EXIF orientation is informative and never applied (ISO/IEC 23008-12 A.2.2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from preflight.media import NONE
from preflight.probes.coded_pictures import CONFIGURATIONS, PictureFacts, picture_facts, with_colr
from preflight.probes.heif.items import Items
from preflight.probes.parameter_sets.av1 import read_obus
from preflight.probes.parameter_sets.hevc import read_hvcc
from preflight.probes.parameter_sets.record import VideoParameters
from preflight.probes.window import is_cheap
from preflight.sources import Source

_MAX_DEPTH: Final = 8
"""Length of a chain of derived items that is followed."""
_COMPOSED: Final = (b"grid", b"iovl")
_WRAPPED: Final = (b"iden", b"tmap")
_PICTURES: Final = frozenset(b"grid iovl iden tili av01 hvc1 hev1 lhv1 avc1 vvc1 evc1 jpeg j2k1 unci".split())
_ALPHA: Final = (
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:avc:2015:auxid:1",
)
_HEADER_BYTES: Final = 64
"""Bytes of AV1 data that hold its sequence header, which many files do not repeat in `av1C`."""
_WORDS: Final = Struct(">II")
_FRACTIONS: Final = Struct(">IIII")

_Size = tuple[int, int]
_Properties = list[tuple[bytes, bytes]]


class Geometry(NamedTuple):
    """Size as coded and as displayed (None: not stated), and clockwise degrees to display."""

    stored: _Size | None = None
    displayed: _Size | None = None
    rotation: int | None = None


def geometry(source: Source, items: Items) -> Geometry:
    """Return the geometry of the primary item; that of a wrapper without `ispe` follows from what it wraps."""
    item = items.primary
    wrapping: list[_Properties] = []
    for _ in range(_MAX_DEPTH):
        if item is None:
            break
        kind, properties = items.type_of(item), items.properties(item)
        size = _extent(properties) or (_canvas(items.payload(source, item, 18), kind) if kind in _COMPOSED else None)
        if size:
            return _apply_wrappers(size, properties, wrapping)
        if kind not in _WRAPPED:
            break
        wrapping.append(properties)
        item = next(iter(items.sources(item)), None)
    return Geometry()


def _apply_wrappers(size: _Size, properties: _Properties, wrapping: list[_Properties]) -> Geometry:
    """Apply the properties of the innermost item, then those of its wrappers, of which the outermost is first."""
    for outer in reversed(wrapping):
        inner = _transformed(size, properties)
        if inner is None:
            return Geometry()
        size, properties = inner, outer
    # `irot` counts quarter turns anti-clockwise.
    rotation = -90 * sum(body[0] & 3 for kind, body in properties if kind == b"irot" and body) % 360
    return Geometry(size, _transformed(size, properties), rotation)


def _extent(properties: _Properties) -> _Size | None:
    for kind, body in properties:
        if kind == b"ispe" and len(body) >= 12:
            width, height = _WORDS.unpack_from(body, 4)
            return (width, height) if width and height else None
    return None


def _canvas(payload: bytes, kind: bytes | None) -> _Size | None:
    """Return the output size that the payload of a grid or an overlay states (ISO/IEC 23008-12 6.6.2.2, 6.6.2.3)."""
    at = 4 if kind == b"grid" else 10
    width = 4 if payload[1:2] > b"\0" and payload[1] & 1 else 2
    if len(payload) < at + 2 * width:
        return None
    across = int.from_bytes(payload[at : at + width])
    down = int.from_bytes(payload[at + width : at + 2 * width])
    return (across, down) if across and down else None


def _transformed(size: _Size, properties: _Properties) -> _Size | None:
    width, height = size
    for kind, body in properties:
        if kind == b"irot":
            if body and body[0] & 1:
                width, height = height, width
        elif kind == b"clap":
            width, height = _cropped(width, height, body)
        elif kind == b"iscl":
            return None  # decoders do not agree on how to round the scaled size, and most ignore the property
    return width, height


def _cropped(width: int, height: int, clap: bytes) -> _Size:
    """Return the clean aperture, rounded to whole pixels; an invalid one is not applied (ISO/IEC 14496-12 12.1.4)."""
    if len(clap) < 16:
        return width, height
    across, across_by, down, down_by = _FRACTIONS.unpack_from(clap)
    if not across_by or not down_by:
        return width, height
    inner = (2 * across + across_by) // (2 * across_by), (2 * down + down_by) // (2 * down_by)
    return (min(width, inner[0]), min(height, inner[1])) if all(inner) else (width, height)


def coding(items: Items) -> bytes | None:
    """Return the coding of the picture: the primary item's type, or that of the first item it is derived from."""
    item = _coded_item(items)
    return items.type_of(item) if item is not None else None


def _coded_item(items: Items) -> int | None:
    """Return the primary item, or the first coded item that it is derived from."""
    item = items.primary
    for _ in range(_MAX_DEPTH):
        kind = items.type_of(item) if item is not None else None
        if kind not in _COMPOSED and kind not in _WRAPPED:
            return item
        item = next(iter(items.sources(item)), None) if item is not None else None
    return None


def coded_pictures(source: Source, items: Items, *, has_gain_map: bool) -> PictureFacts:
    """Return what the properties of the picture state: those of its coded item, and the color of the primary item."""
    item = _coded_item(items)
    if item is None or items.primary is None:
        return PictureFacts()
    properties = items.properties(item)
    outer = items.properties(items.primary) if items.type_of(items.primary) in _COMPOSED else []
    colors = [body for kind, body in (*outer, *properties) if kind == b"colr"]
    parameters = with_colr(_sample_format(properties, has_color=bool(colors)), colors)
    if not parameters.states_color and items.type_of(item) == b"av01":
        position = items.position(item)
        if position is not None and is_cheap(source, position[0] + _HEADER_BYTES):
            parameters = read_obus(source.read_at(position[0], _HEADER_BYTES), parameters)
    facts = picture_facts(parameters)
    if facts["hdr"] == NONE and has_gain_map:
        facts["hdr"] = "gain_map"
    return facts


def _sample_format(properties: _Properties, *, has_color: bool) -> VideoParameters:
    """Return what the configuration of the codec states, else the bits of `pixi` (ISO/IEC 23008-12 6.5.6)."""
    for kind, body in properties:
        if kind == b"hvcC" and has_color:
            return read_hvcc(body, with_color=False)
        if kind in CONFIGURATIONS:
            return CONFIGURATIONS[kind](body)
    depth = next((body[5] for kind, body in properties if kind == b"pixi" and len(body) > 5), None)
    return VideoParameters(bit_depth=depth, states_color=False)


def has_alpha(items: Items) -> bool | None:
    """Return whether there is alpha: in an auxiliary image of the whole or of a tile, or in an uncompressed image."""
    if items.primary is None:
        return None
    parts = {items.primary, *items.sources(items.primary)}
    for reference in items.references:
        if reference.type == b"auxl" and not parts.isdisjoint(reference.targets):
            for kind, body in items.properties(reference.item):
                if kind == b"auxC" and body[4:].split(b"\0", 1)[0] in _ALPHA:
                    return True
    coded_as = coding(items)
    if coded_as == b"unci":
        return any(_is_alpha_component(kind, body) for kind, body in items.properties(items.primary))
    return None if coded_as in (None, b"j2k1") else False


def _is_alpha_component(kind: bytes, body: bytes) -> bool:
    """Return whether `cmpd` lists component type 7, or a profile of `uncC` implies it (ISO/IEC 23001-17 5.1)."""
    if kind == b"cmpd":
        components = int.from_bytes(body[:4])
        at = 4
        while components and at + 2 <= len(body):
            component = int.from_bytes(body[at : at + 2])
            if component == 7:
                return True
            at += 2
            if component >= 0x8000:
                at = body.find(b"\0", at) + 1 or len(body)
            components -= 1
    return kind == b"uncC" and body[4:8] in (b"rgba", b"abgr")


def has_gain_map(items: Items) -> bool:
    """Return whether there is a tone-mapped alternative (ISO 21496-1), or Apple's auxiliary image."""
    if any(item.type == b"tmap" for item in items.info.values()):
        return True
    return any(
        reference.type == b"auxl" and kind == b"auxC" and b":hdrgainmap" in body
        for reference in items.references
        for kind, body in items.properties(reference.item)
    )


def count_pictures(items: Items) -> int | None:
    """Count the images that are neither hidden nor a part, an auxiliary or a thumbnail of another."""
    if not items.info:
        return None
    dependent: set[int] = set()
    for reference in items.references:
        if reference.type == b"dimg":
            dependent.update(reference.targets)
        elif reference.type in (b"auxl", b"thmb"):
            dependent.add(reference.item)
    dependent.discard(items.primary or 0)
    shown = sum(
        1 for item, info in items.info.items() if info.type in _PICTURES and not info.hidden and item not in dependent
    )
    return max(1, shown)
