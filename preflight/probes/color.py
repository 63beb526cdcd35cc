"""Name the colors that a file states: by code points (ITU-T H.273), an ICC profile (ICC.1:2022), chromaticities, gamma.

Pictures, films and HEIF share this. A profile names its color space in a description, which nearly all copies of a
well-known profile keep; the colorants and the curve of any other are compared with those of known color spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from preflight.formats import HDR_BY_TRANSFER, OTHER, PRIMARIES_BY_CODE, TRANSFER_BY_CODE

PROFILE_BYTES: Final = 640
"""Bytes at the beginning of a profile in which description and colorants nearly always are."""
_HEADER_BYTES: Final = 128
_MAX_TAGS: Final = 40
_TAG: Final = Struct(">4sII")
_CHROMATICITY_ERROR: Final = 0.004
_CURVE_ERROR: Final = 0.001


class Color(NamedTuple):
    """Primaries and transfer characteristics, in the words of `preflight.formats`; None: not stated."""

    primaries: str | None = None
    transfer: str | None = None

    @property
    def hdr(self) -> str | None:
        """Return the kind of HDR that the transfer makes, `none` for any other; None if no transfer is stated."""
        return None if self.transfer is None else HDR_BY_TRANSFER.get(self.transfer, "none")


UNSTATED: Final = Color()
SRGB: Final = Color("bt709", "iec61966-2-1")

_BY_DESCRIPTION: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), color)
    for pattern, color in (
        (r"sRGB IEC ?61966|sRGB built-in$|sRGB$", SRGB),
        (r"Display ?P3$", Color("smpte432", "iec61966-2-1")),
        (r"Adobe ?RGB \(1998\)", Color("adobe_rgb", "bt470m")),
        (r"(ProPhoto|ROMM)[ -]?RGB", Color("prophoto_rgb", OTHER)),
        (r"(ITUR|Rec|BT).*2100.*PQ", Color("bt2020", "smpte2084")),
        (r"(ITUR|Rec|BT).*2100.*HLG", Color("bt2020", "arib-std-b67")),
    )
)
_WITH_OTHER_CURVE: Final = re.compile(r"linear|-elle-", re.IGNORECASE)
"""Names of variants of a color space, whose curve is not that of the color space."""


def from_codes(primaries: int, transfer: int) -> Color:
    """Return the colors of two code points (H.273 8.1, 8.2); those that are reserved or unspecified have no name."""
    return Color(PRIMARIES_BY_CODE.get(primaries), TRANSFER_BY_CODE.get(transfer))


def from_description(name: str) -> Color | None:
    """Return the colors of a profile of this name; None if it is not that of a well-known color space."""
    if _WITH_OTHER_CURVE.search(name):
        return None
    return next((color for pattern, color in _BY_DESCRIPTION if pattern.match(name)), None)


def from_profile(data: bytes) -> Color:
    """Return the colors of an ICC profile, by its first `PROFILE_BYTES`.

    The tag `cicp` counts before all others (ICC.1:2022 9.2.17). CMYK, and profiles that only have tables, are unstated.
    """
    return _from_profile(data[:PROFILE_BYTES]) if data else UNSTATED


@lru_cache(maxsize=64)
def _from_profile(data: bytes) -> Color:
    """Return the colors by the beginning of a profile. Cached, since most files have one of a few profiles."""
    tags = _tags(data)
    codes = tags.get(b"cicp", b"")
    if len(codes) >= 12 and codes[:4] == b"cicp":
        return from_codes(codes[8], codes[9])
    space = data[16:20]
    if space == b"GRAY":
        return Color(None, _transfer_of(tags.get(b"kTRC", b"")))
    if space != b"RGB ":
        return UNSTATED
    known = from_description(_text_of(tags.get(b"desc", b"")))
    if known is not None:
        return known
    colorants = [_chromaticity(tags.get(name, b"")) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return Color(_nearest(colorants, _ADAPTED), _transfer_of(tags.get(b"rTRC", b"")))


def _tags(data: bytes) -> dict[bytes, bytes]:
    """Return the contents of the tags that begin within `data` (7.3)."""
    start = _HEADER_BYTES + 4
    count = min(int.from_bytes(data[_HEADER_BYTES:start]), _MAX_TAGS, (len(data) - start) // _TAG.size)
    table = data[start : start + _TAG.size * count] if count > 0 else b""
    return {name: data[at : at + length] for name, at, length in _TAG.iter_unpack(table) if at < len(data)}


def _text_of(description: bytes) -> str:
    """Return the text of `desc`: ASCII in version 2 (ICC.1:2001-04 6.5.17), UTF-16 in version 4 (10.15)."""
    if description.startswith(b"mluc"):
        length, at = int.from_bytes(description[20:24]), int.from_bytes(description[24:28])
        text = description[at : at + length].decode("utf-16-be", "replace")
    else:
        text = description[12 : 12 + int.from_bytes(description[8:12])].decode("latin-1")
    return text.strip("\0 ")


# --- primaries

_Chromaticities = tuple[tuple[float, float], ...]

CHROMATICITIES: Final[dict[str, _Chromaticities]] = {
    "bt709": ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06)),
    "bt470bg": ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    "smpte170m": ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    "bt2020": ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    "smpte432": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    "adobe_rgb": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
}
"""x and y of red, green and blue, relative to D65 (H.273 table 2; Adobe RGB 1998 4.3.1.1)."""
_PROPHOTO: Final[_Chromaticities] = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
"""Those of ISO 22028-2, relative to D50."""
_D65_TO_D50: Final = (
    (1.0478112, 0.0228866, -0.0501270),
    (0.0295424, 0.9904844, -0.0170491),
    (-0.0092345, 0.0150436, 0.7521316),
)
"""Bradford's matrix (ICC.1:2022 annex E): the colorants of a profile are relative to D50."""


def _adapt(primary: tuple[float, float]) -> tuple[float, float]:
    """Return x and y relative to D50 of a primary relative to D65."""
    x, y = primary
    xyz = [sum(factor * value for factor, value in zip(row, (x, y, 1 - x - y), strict=True)) for row in _D65_TO_D50]
    return xyz[0] / sum(xyz), xyz[1] / sum(xyz)


_ADAPTED: Final = {name: tuple(map(_adapt, primaries)) for name, primaries in CHROMATICITIES.items()} | {
    "prophoto_rgb": _PROPHOTO
}


def from_chromaticities(primaries: Sequence[tuple[float, float]]) -> str | None:
    """Return the name of primaries by x and y of red, green and blue, relative to D65; None unless all are stated."""
    return _nearest([xy if all(xy) else None for xy in primaries], CHROMATICITIES)


def _nearest(found: Sequence[tuple[float, float] | None], known: dict[str, _Chromaticities]) -> str | None:
    """Return the name of the known primaries that are within the error of these; None unless all are stated."""
    stated = [primary for primary in found if primary is not None]
    if len(stated) < len(found):
        return None
    for name, primaries in known.items():
        pairs = zip(stated, primaries, strict=True)
        if all(abs(a - b) < _CHROMATICITY_ERROR for one, other in pairs for a, b in zip(one, other, strict=True)):
            return name
    return OTHER


def _chromaticity(colorant: bytes) -> tuple[float, float] | None:
    """Return x and y of an XYZType (10.31): three signed numbers; None if it is missing."""
    if len(colorant) < 20 or not colorant.startswith(b"XYZ "):
        return None
    x, y, z = (int.from_bytes(colorant[at : at + 4], signed=True) for at in (8, 12, 16))
    total = x + y + z
    return (x / total, y / total) if total > 0 else None


# --- transfer characteristics

_POINTS: Final = (0.25, 0.75)
"""Signal values at which curves are compared."""


def _to_linear(gamma: float, scale: float = 1, offset: float = 0, *, added: float = 0) -> Callable[[float], float]:
    """Return the curve from a signal value to linear light, without the linear part near black."""
    return lambda signal: max(0.0, scale * signal + offset) ** gamma + added


_TRANSFERS: Final = {
    name: tuple(map(curve, _POINTS))
    for name, curve in {
        "iec61966-2-1": _to_linear(2.4, 1 / 1.055, 0.055 / 1.055),
        "bt709": _to_linear(1 / 0.45, 1 / 1.099, 0.099 / 1.099),
        "bt470m": _to_linear(2.2),
        "bt470bg": _to_linear(2.8),
        "smpte428": _to_linear(2.6),
        "linear": _to_linear(1),
    }.items()
}


def from_gamma(gamma: float) -> str:
    """Return the transfer characteristics of a decoder's exponent, in ffprobe's words: `bt470m` is 2.2."""
    return _nearest_curve(_to_linear(gamma))


def _nearest_curve(curve: Callable[[float], float]) -> str:
    """Return the name of the known curve that agrees at all points within the error."""
    values = tuple(map(curve, _POINTS))
    for name, known in _TRANSFERS.items():
        if all(abs(a - b) < _CURVE_ERROR for a, b in zip(values, known, strict=True)):
            return name
    return OTHER


_PARAMETERS: Final = (1, 3, 4, 5, 7)
"""Parameters of the five functions of a parametricCurveType (10.18, table 68)."""
_MAX_GAMMA: Final = 10.0


def _transfer_of(curve: bytes) -> str | None:
    """Return the transfer characteristics of a curve; None if it is cut or a table."""
    if curve.startswith(b"curv") and len(curve) >= 12:
        return _of_exponent(int.from_bytes(curve[8:12]), curve[12:])
    if not curve.startswith(b"para") or len(curve) < 12 or int.from_bytes(curve[8:10]) >= len(_PARAMETERS):
        return None
    kind = int.from_bytes(curve[8:10])
    end = 12 + 4 * _PARAMETERS[kind]
    if len(curve) < end:
        return None
    gamma, *rest = (int.from_bytes(curve[at : at + 4], signed=True) / 65536 for at in range(12, end, 4))
    if not 0 < gamma < _MAX_GAMMA:
        return OTHER
    scale, offset = rest[:2] if rest else (1.0, 0.0)
    added = rest[2] if kind == 2 else rest[4] if kind == 4 else 0.0
    return _nearest_curve(_to_linear(gamma, scale, offset, added=added))


def _of_exponent(count: int, samples: bytes) -> str | None:
    """Return the transfer of a curveType (10.6): without a value linear, one is an exponent; None for a table."""
    if count == 0:
        return "linear"
    gamma = int.from_bytes(samples[:2]) / 256
    return from_gamma(gamma) if count == 1 and 0 < gamma < _MAX_GAMMA else None
