"""What a recipe does to pixels: orientation, crop, size, padding, colors, transparency and bit depth."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from tests.fixer.pictures import answered, applied, furthest, photograph, quarters, recipe_of, saved
from tests.rows import each_row

QUIRKS = Path("fixtures/quirks")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def with_orientation(image: Image.Image, orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, kind, exif=exif)


@each_row(
    ("source", "orientation"),
    [(source, orientation) for source in ("png", "webp", "tiff", "avif") for orientation in range(1, 9)],
)
def test_orientation_is_baked(source: str, orientation: int) -> None:
    options = {"lossless": True} if source == "webp" else {}
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(quarters(), source.upper(), exif=exif, **options)
    with Image.open(BytesIO(data)) as image:
        image.load()
        expected = image if source == "tiff" else ImageOps.exif_transpose(image)
    result = applied(data, recipe_of(source, whole=expected.size))
    assert result.getexif().get(0x0112, 1) == 1
    assert furthest(result.convert("RGB"), expected.convert("RGB")) == 0
    corners = {1: RED, 2: GREEN, 3: YELLOW, 4: BLUE, 5: RED, 6: BLUE, 7: YELLOW, 8: GREEN}
    assert sum(abs(a - b) for a, b in zip(result.getpixel((2, 2)), corners[orientation], strict=True)) < 12


def test_orientation_of_a_jpeg_is_baked_with_its_own_tables() -> None:
    data = with_orientation(photograph(64, 48), 6, "JPEG")
    result = applied(data, recipe_of("jpeg", "jpeg", whole=(48, 64)))
    assert (result.size, result.getexif().get(0x0112)) == ((48, 64), 1)
    with Image.open(BytesIO(data)) as image:
        assert result.quantization == image.quantization
        assert furthest(result, ImageOps.exif_transpose(image)) <= 12


def test_picture_of_another_size_than_planned_is_refused() -> None:
    answer = answered(saved(quarters()), recipe_of(whole=(41, 24)))
    assert answer == {"refused": "decodes to 40×24 pixels instead of 41×24", "parameter": None}


@each_row(
    ("left", "top", "color"),
    [(0, 0, RED), (20, 0, GREEN), (0, 12, BLUE), (20, 12, YELLOW)],
)
def test_crop_keeps_the_exact_pixels(left: int, top: int, color: tuple[int, ...]) -> None:
    result = applied(saved(quarters()), recipe_of(crop=(left, top, 20, 12)))
    assert result.size == (20, 12)
    assert result.getcolors() == [(240, color)]


def test_scaling_is_lanczos_of_the_crop() -> None:
    image = photograph()
    result = applied(saved(image), recipe_of(crop=(40, 20, 200, 200), size=(64, 64)))
    assert furthest(result, image.crop((40, 20, 240, 220)).resize((64, 64), Image.Resampling.LANCZOS)) == 0


def test_padding_is_black_and_keeps_the_picture() -> None:
    result = applied(saved(quarters()), recipe_of(canvas=(0, 8, 40, 40)))
    assert furthest(result.crop((0, 8, 40, 32)), quarters()) == 0
    assert {result.getpixel((5, 3)), result.getpixel((39, 39))} == {BLACK}


def test_padding_is_a_blurred_copy() -> None:
    result = applied(saved(quarters(80, 48)), recipe_of(canvas=(0, 16, 80, 80), blur=True))
    assert furthest(result.crop((0, 16, 80, 64)), quarters(80, 48)) == 0
    left, right = result.getpixel((8, 4)), result.getpixel((72, 4))
    assert left[0] > 200 > 80 > left[1]
    assert right[1] > 200 > 80 > right[0]
    assert BLACK not in {result.getpixel((x, 4)) for x in range(80)}


@each_row("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_every_mode_is_scaled_and_padded(mode: str) -> None:
    image = quarters().convert(mode, dither=Image.Dither.NONE)
    source = "tiff" if mode == "CMYK" else "png"
    for blur in (False, True):
        recipe = recipe_of(source, source, size=(20, 12), canvas=(0, 4, 20, 20), blur=blur, keeps_cmyk=True)
        result = applied(saved(image, source.upper()), recipe)
        expected = image.convert("RGB").crop((4, 4, 10, 6))
        assert furthest(result.convert("RGB").crop((2, 6, 8, 8)), expected) <= 3  # Lanczos overshoots near edges
        assert result.size == (20, 20)


def test_transparency_is_flattened_on_white() -> None:
    image = Image.new("RGBA", (4, 1), (200, 100, 0, 255))
    for x, alpha in enumerate((255, 128, 64, 0)):
        image.putpixel((x, 0), (200, 100, 0, alpha))
    result = applied(saved(image), recipe_of(flatten=True))
    assert result.mode == "RGB"
    for x, alpha in enumerate((255, 128, 64, 0)):
        expected = [round((value * alpha + 255 * (255 - alpha)) / 255) for value in (200, 100, 0)]
        assert max(abs(a - b) for a, b in zip(result.getpixel((x, 0)), expected, strict=True)) <= 1


def test_transparent_colors_do_not_bleed_when_scaled() -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (20, 0, 40, 40))
    result = applied(saved(image), recipe_of(size=(10, 10)))
    assert result.mode == "RGBA"
    opaque = [color for _, color in result.getcolors() if color[3] > 8]
    assert all(color[0] <= 2 and color[2] >= 250 for color in opaque)


@each_row(
    ("mode", "transparency"),
    [("P", bytes([0, 128, 255, 255])), ("P", 0), ("L", 76), ("RGB", (255, 0, 0))],
)
def test_color_that_is_transparent_becomes_alpha(mode: str, transparency: Any) -> None:
    image = quarters().quantize(4) if mode == "P" else quarters().convert(mode)
    data = saved(image, transparency=transparency)
    with Image.open(BytesIO(data)) as source:
        expected = source.convert("RGBA")
    assert furthest(applied(data, recipe_of("png", "tiff", as_rgb=True)).convert("RGBA"), expected) == 0
    assert furthest(applied(data, recipe_of("png", "png")).convert("RGBA"), expected) == 0


def test_palette_stays_where_only_a_part_is_cut_out() -> None:
    data = saved(quarters().quantize(4))
    assert applied(data, recipe_of(crop=(0, 0, 20, 12))).mode == "P"
    assert applied(data, recipe_of(crop=(0, 0, 20, 12), as_rgb=True)).mode == "RGB"


class TestDepth:
    def ramp(self) -> Image.Image:
        image = Image.new("I;16", (256, 4))
        for x in range(256):
            for y in range(4):
                image.putpixel((x, y), x * 257)
        return image

    @each_row("written", ["png", "jpeg", "bmp", "webp", "avif", "heic"])
    def test_sixteen_bits_are_scaled_not_clipped(self, written: str) -> None:
        result = applied(saved(self.ramp()), recipe_of("png", written)).convert("L")
        error = 0 if written in ("png", "bmp") else 4
        assert all(abs(result.getpixel((x, 1)) - x) <= error for x in range(256))

    @each_row("written", ["png", "tiff"])
    def test_sixteen_bits_stay_with_another_geometry(self, written: str) -> None:
        recipe = recipe_of("png", written, keeps_depth=True, crop=(0, 0, 200, 4))
        result = applied(saved(self.ramp()), recipe)
        assert result.mode == "I;16"
        assert [result.getpixel((x, 2)) for x in range(200)] == [257 * x for x in range(200)]
        assert applied(saved(self.ramp()), recipe._replace(size=(100, 2))).mode == "I;16"

    def test_floats_between_zero_and_one_become_eight_bits(self) -> None:
        image = Image.new("F", (8, 8), 0.5)
        assert applied(saved(image, "TIFF"), recipe_of("tiff", "png")).getpixel((0, 0)) in (127, 128)


def reference(image: Image.Image, profile: bytes) -> Image.Image:
    own = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image, own, SRGB, outputMode="RGB")
    assert converted is not None
    return converted


def inks_profile() -> bytes:
    """Return a profile of four inks: the lightness falls with each, and the colors are not pure."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    colors = bytearray()
    for c, m, y, k in corners:
        lightness = 96 * (1 - 0.45 * c) * (1 - 0.5 * m) * (1 - 0.1 * y) * (1 - 0.9 * k)
        colors += bytes((round(lightness * 2.55), 128 - 30 * c + 60 * m, 128 - 45 * c + 80 * y - 5 * m))
    ramp = bytes(range(256))
    identity = b"".join(struct.pack(">i", 65536 * (number % 4 == 0)) for number in range(9))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + colors + ramp * 3
    white = b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(65536 * part)) for part in (0.9642, 1, 0.8249))
    text = "Inks".encode("utf-16-be")
    name = b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(text), 28) + text
    tags = {b"desc": name, b"cprt": name, b"wtpt": white, b"A2B0": table}
    index, contents, at = b"", b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        index += tag + struct.pack(">II", at + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI4s4s4s12x4s28x", at + len(contents), 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    return header + white[8:] + bytes(48) + struct.pack(">I", len(tags)) + index + contents


class TestColors:
    @each_row("name", ["jpeg-display-p3.jpg", "tiff-display-p3.tif", "webp-display-p3.webp"])
    def test_wide_colors_become_srgb_as_little_cms_converts_them(self, name: str) -> None:
        data = (QUIRKS / name).read_bytes()
        with Image.open(BytesIO(data)) as image:
            expected = reference(image.convert("RGB"), image.info["icc_profile"])
        source = {"jpg": "jpeg", "tif": "tiff"}.get(name[-3:], "webp")
        result = applied(data, recipe_of(source, "png", to_srgb=True))
        assert furthest(result.convert("RGB"), expected) <= 2
        assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(result.info["icc_profile"])))

    def test_named_colors_are_converted_without_a_profile(self) -> None:
        from preflight.fixer.picture.profiles import icc_profile_for

        expected = reference(photograph(), icc_profile_for("smpte432", "iec61966-2-1"))
        assert furthest(expected, photograph()) > 10
        recipe = recipe_of(to_srgb=True, colors=("smpte432", "iec61966-2-1"))
        assert furthest(applied(saved(photograph()), recipe), expected) <= 2

    def test_named_colors_are_described_where_they_stay(self) -> None:
        result = applied(saved(photograph()), recipe_of("png", "jpeg", colors=("smpte432", "iec61966-2-1")))
        colorants = ImageCms.ImageCmsProfile(BytesIO(result.info["icc_profile"])).profile.red_colorant
        assert colorants[0] == pytest.approx((0.5151, 0.2412, -0.0011), abs=0.0005)

    @each_row("name", ["png-chromaticities.png", "png-display-p3.png"])
    def test_chromaticities_of_a_png_are_used(self, name: str) -> None:
        result = applied((QUIRKS / name).read_bytes(), recipe_of("png", "jpeg"))
        assert result.info.get("icc_profile")

    def test_cmyk_becomes_srgb_as_little_cms_converts_it(self) -> None:
        image = Image.merge("CMYK", [*photograph().split(), Image.new("L", (320, 240), 20)])
        result = applied(saved(image, "TIFF"), recipe_of("tiff", "png"))
        assert furthest(result, image.convert("RGB")) == 0
        assert result.info["icc_profile"]

    @each_row(("kind", "name"), [("TIFF", "tiff"), ("JPEG", "jpeg")])
    def test_cmyk_profile_is_applied_as_little_cms_does(self, kind: str, name: str) -> None:
        inks = Image.merge("CMYK", [*photograph().split(), Image.new("L", (320, 240), 20)])
        data = saved(inks, kind, icc_profile=inks_profile())
        with Image.open(BytesIO(data)) as image:
            expected = reference(image, inks_profile())
            assert furthest(expected, image.convert("RGB")) > 40
        assert furthest(applied(data, recipe_of(name, "png")), expected) <= 2

    def test_cmyk_stays_where_it_is_accepted(self) -> None:
        result = applied((QUIRKS / "jpeg-cmyk.jpg").read_bytes(), recipe_of("jpeg", "jpeg", keeps_cmyk=True))
        with Image.open(QUIRKS / "jpeg-cmyk.jpg") as image:
            assert result.mode == "CMYK"
            assert furthest(result, image) <= 3

    def test_damaged_profile_is_ignored(self) -> None:
        with Image.open(QUIRKS / "jpeg-display-p3.jpg") as image:
            whole = image.info["icc_profile"]
        damaged = whole.replace(b"rXYZ", b"xXYZ")
        data = saved(photograph(), icc_profile=damaged)
        assert furthest(applied(data, recipe_of(to_srgb=True)), photograph()) == 0
        assert furthest(applied(saved(photograph(), icc_profile=whole[:99]), recipe_of()), photograph()) == 0

    def test_lab_becomes_srgb(self) -> None:
        lab = ImageCms.profileToProfile(photograph(), SRGB, ImageCms.createProfile("LAB"), outputMode="LAB")
        assert lab is not None
        expected = ImageCms.profileToProfile(lab, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
        assert expected is not None
        result = applied(saved(lab, "TIFF"), recipe_of("tiff", "png"))
        assert furthest(result, expected) <= 2
        assert ImageStat.Stat(ImageChops.difference(result, photograph())).mean < [2, 2, 2]

    def test_profile_of_gray_is_kept_with_gray_only(self) -> None:
        with Image.open(QUIRKS / "jpeg-display-p3.jpg") as image:
            wrong = image.info["icc_profile"]
        gray = photograph().convert("L")
        assert "icc_profile" not in applied(saved(gray, icc_profile=wrong), recipe_of()).info
        result = applied(saved(gray), recipe_of(as_rgb=True))
        assert furthest(result, gray.convert("RGB")) == 0

    def test_alpha_stays_when_colors_are_converted(self) -> None:
        image = photograph()
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        recipe = recipe_of(to_srgb=True, colors=("smpte432", "iec61966-2-1"))
        assert furthest(applied(saved(image), recipe).getchannel("A"), image.getchannel("A")) == 0
