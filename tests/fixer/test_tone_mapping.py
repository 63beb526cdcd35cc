"""Pictures in high dynamic range become pictures of standard range that look alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from preflight.fixer.picture.profiles import conversion_matrix
from preflight.fixer.picture.tone_mapping import tone_map
from tests.fixer.pictures import applied, recipe_of
from tests.rows import each_row


def gray(signal: int, transfer: str) -> tuple[int, ...]:
    color = tone_map(Image.new("RGB", (1, 1), (signal,) * 3), "bt2020", transfer).getpixel((0, 0))
    assert isinstance(color, tuple)
    return color


@each_row("transfer", ["smpte2084", "arib-std-b67"])
def test_gray_stays_gray_and_grows_with_the_signal(transfer: str) -> None:
    levels = [gray(signal, transfer) for signal in range(0, 256, 5)]
    assert all(max(color) - min(color) <= 3 for color in levels)
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == ((0, 0, 0), (255, 255, 255))


def test_office_lighting_stays_readable() -> None:
    """Signals of SMPTE ST 2084: 0.508 is 100 cd/m², the white of standard range; 0.752 is 1,000 cd/m²."""
    assert 140 <= gray(round(0.508 * 255), "smpte2084")[0] <= 190
    assert gray(round(0.752 * 255), "smpte2084")[0] >= 250


def test_primaries_are_converted() -> None:
    rows = conversion_matrix("bt2020", "bt709")
    assert [sum(row) for row in rows] == pytest.approx([1, 1, 1], abs=1e-4)
    assert rows[0] == pytest.approx((1.6605, -0.5876, -0.0728), abs=1e-3)


def test_transparency_stays() -> None:
    image = Image.new("RGBA", (2, 1), (128, 128, 128, 77))
    assert tone_map(image, "bt709", "smpte2084").getpixel((0, 0))[3] == 77


@each_row(
    ("name", "source", "primaries"),
    [("avif-hdr-pq.avif", "avif", "bt2020"), ("png-pq.png", "png", "bt2020")],
)
def test_recipe_brings_a_fixture_to_srgb(name: str, source: str, primaries: str) -> None:
    data = (Path("fixtures/quirks") / name).read_bytes()
    recipe = recipe_of(source, "jpeg", tone_maps=True, to_srgb=True, colors=(primaries, "smpte2084"))
    assert applied(data, recipe).info["icc_profile"]
