"""Palettes: exact ones for few colors, and the nearest colors for a GIF."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter, ImageStat

from preflight.fixer.picture.palettes import exact_palette, quantize_for_gif
from tests.fixer.pictures import furthest, photograph
from tests.rows import each_row


@each_row("mode", ["RGB", "RGBA"])
def test_few_colors_stay_exactly(mode: str) -> None:
    image = photograph(64, 48).quantize(256).convert(mode)
    if mode == "RGBA":
        image.putalpha(photograph(64, 48).quantize(250).convert("L").point(lambda value: 255 * (value > 90)))
        image.putpixel((0, 0), (1, 2, 3, 128))
        image = image.quantize(200, Image.Quantize.FASTOCTREE).convert("RGBA")
    found = exact_palette(image)
    assert found is not None
    assert found.mode == "P"
    assert furthest(found.convert(mode), image) == 0


def test_one_color_in_two_opacities_stays_exactly() -> None:
    image = Image.new("RGBA", (3, 1), (9, 9, 9, 255))
    image.putpixel((1, 0), (9, 9, 9, 0))
    image.putpixel((2, 0), (9, 9, 9, 77))
    found = exact_palette(image)
    assert found is not None
    assert furthest(found.convert("RGBA"), image) == 0


def test_many_colors_have_no_exact_palette() -> None:
    assert exact_palette(photograph()) is None
    assert exact_palette(Image.new("L", (2, 2))) is None


def test_missing_colors_are_mixed_in_a_still() -> None:
    image = photograph(160, 120)
    blurred = image.filter(ImageFilter.GaussianBlur(3))
    errors = {}
    for dithers in (False, True):
        found = quantize_for_gif(image, dithers=dithers).convert("RGB")
        difference = ImageChops.difference(found.filter(ImageFilter.GaussianBlur(3)), blurred)
        errors[dithers] = sum(ImageStat.Stat(difference).mean)
    assert errors[True] < errors[False] < 12


@each_row("colors", [8, 256])
def test_transparent_pixels_get_a_color_of_their_own(colors: int) -> None:
    image = photograph(64, 48).quantize(colors).convert("RGBA") if colors < 256 else photograph(64, 48).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 20, 20))
    found = quantize_for_gif(image, dithers=True)
    assert found.convert("RGBA").getpixel((5, 5))[3] == 0
    assert found.convert("RGBA").getpixel((40, 40))[3] == 255
    assert len(found.getpalette() or []) <= 768
