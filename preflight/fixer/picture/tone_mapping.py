"""Bring pictures in high dynamic range (ITU-R BT.2100) to sRGB."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from PIL import Image, ImageFilter

from preflight.fixer.picture.profiles import Matrix, Vector, conversion_matrix

_POINTS: Final = 33
"""Of the table, for each band; between them colors are interpolated."""
_PEAK: Final = 10.0
"""The brightest light that is told apart: 1,000 cd/m², as a multiple of the 100 cd/m² of standard range."""
_PQ: Final = (2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32)
"""m1, m2, c1, c2 and c3 of SMPTE ST 2084."""
_HLG: Final = (0.17883277, 0.28466892, 0.55991073)
"""a, b and c of ARIB STD-B67."""
_HLG_GAMMA: Final = 1.2


def tone_map(image: Image.Image, primaries: str, transfer: str) -> Image.Image:
    """Return a picture in sRGB; its transparency stays."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    mapped = image.convert("RGB").filter(ImageFilter.Color3DLUT(_POINTS, _table(primaries, transfer)))
    if alpha is not None:
        mapped.putalpha(alpha)
    return mapped


@lru_cache(4)
def _table(primaries: str, transfer: str) -> list[float]:
    """Return sRGB for each point of a grid of signal values, red first."""
    matrix = conversion_matrix(primaries, "bt709")
    light = [_light(transfer, number / (_POINTS - 1)) for number in range(_POINTS)]
    system = _of_scene if transfer == "arib-std-b67" else _as_it_is
    table: list[float] = []
    for blue in light:
        for green in light:
            for red in light:
                table += _displayed(matrix, system((red, green, blue)))
    return table


def _light(transfer: str, signal: float) -> float:
    """Return the light of a signal: of the display in units of 100 cd/m² for PQ, of the scene from 0 to 1 for HLG."""
    if transfer == "smpte2084":
        m1, m2, c1, c2, c3 = _PQ
        root = math.pow(signal, 1 / m2)
        return 100 * math.pow(max(root - c1, 0.0) / (c2 - c3 * root), 1 / m1)
    a, b, c = _HLG
    return signal * signal / 3 if signal <= 0.5 else (math.exp((signal - c) / a) + b) / 12


def _as_it_is(color: Vector) -> Vector:
    return color


def _of_scene(color: Vector) -> Vector:
    """Return the light of a display of 1,000 cd/m² for that of a scene (BT.2100 table 5)."""
    luminance = 0.2627 * color[0] + 0.6780 * color[1] + 0.0593 * color[2]
    factor = _PEAK * math.pow(luminance, _HLG_GAMMA - 1)
    return color[0] * factor, color[1] * factor, color[2] * factor


def _displayed(matrix: Matrix, color: Vector) -> list[float]:
    """Return sRGB from 0 to 1 for light. Each band is compressed by itself, so that highlights fade to white."""
    bands = [max(0.0, sum(factor * band for factor, band in zip(row, color, strict=True))) for row in matrix]
    return [_encoded(min(_hable(band) / _hable(_PEAK), 1.0)) for band in bands]


def _hable(light: float) -> float:
    """Return John Hable's filmic curve, as ffmpeg's filter `tonemap=hable` has it."""
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return (light * (light * a + b * c) + d * e) / (light * (light * a + b) + d * f) - e / f


def _encoded(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * math.pow(light, 1 / 2.4) - 0.055
