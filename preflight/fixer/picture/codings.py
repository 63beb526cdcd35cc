"""Write pictures with Pillow: for each format the options, and for lossy ones a quality that is nearly continuous."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, NamedTuple

from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from preflight.fixer.picture.metadata import EXIF_MARK, tiff_tags
from preflight.fixer.picture.originals import Metadata, PictureRefused
from preflight.fixer.picture.palettes import quantize_for_gif

_FORMATS: Final = {
    "avif": "AVIF", "bmp": "BMP", "gif": "GIF", "heic": "HEIF", "jpeg": "JPEG", "png": "PNG", "tiff": "TIFF",
    "webp": "WEBP",
}  # fmt: skip
"""By format, Pillow's name of its writer."""
WHOLE_QUALITIES: Final = frozenset(("avif", "heic"))
"""Formats whose encoders only know whole numbers as quality."""
_MAX_JPEG_BYTES: Final = 6
"""Bytes of a pixel of a JPEG of noise at the highest quality."""
_MAX_SEGMENT: Final = 65_500
"""Bytes of EXIF or XMP that fit into one segment of a JPEG, with the name in front of them."""
_LUMINANCE: Final = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE: Final = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32,
)  # fmt: skip
"""The quantization tables of ITU-T T.81 annex K, row by row."""
_MODES: Final = {
    "jpeg": ("L", "RGB", "CMYK"),
    "png": ("L", "LA", "RGB", "RGBA", "P", "I;16"),
    "webp": ("RGB", "RGBA"),
    "gif": ("P", "L", "RGB", "RGBA"),
    "bmp": ("L", "RGB", "P"),
    "tiff": ("L", "LA", "RGB", "RGBA", "P", "I;16", "CMYK"),
    "heic": ("L", "RGB", "RGBA"),
    "avif": ("L", "RGB", "RGBA"),
}
"""By format, the modes of Pillow that are written as they are."""


class PictureCoding(NamedTuple):
    """How a picture is written, apart from its quality.

    tables    quantization tables of a JPEG, which stay at the highest quality and are never finer; empty: any
    small     take the time for the smallest lossless result
    """

    written: str
    profile: bytes = b""
    metadata: Metadata = Metadata()
    chroma: str | None = None
    lossless: bool = False
    tables: tuple[tuple[int, ...], ...] = ()
    small: bool = False
    durations: Sequence[float] = ()
    loop: int = 0


def require_encoder(written: str) -> None:
    """Raise `PictureRefused` if the installed Pillow and pillow-heif have no encoder of the format."""
    if _FORMATS[written] not in Image.SAVE:
        raise PictureRefused(f"cannot be written as {written}: the installed Pillow or pillow-heif has no encoder")


def encoded(frames: Sequence[Image.Image], coding: PictureCoding, quality: float) -> bytes:
    """Return the file with one picture, or with the frames of an animation. Raise what Pillow raises."""
    pictures = [_writable(frame, coding) for frame in frames]
    options: dict[str, Any] = _common(coding) | _of_format(pictures[0], coding, quality)
    if len(pictures) > 1:
        options |= _of_animation(pictures, coding)
    if coding.written == "jpeg":  # encoded at once, into a buffer that is too small for noise by default
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, _MAX_JPEG_BYTES * pictures[0].width * pictures[0].height)
    file = BytesIO()
    pictures[0].save(file, _FORMATS[coding.written], **options)
    dpi = coding.metadata.dpi
    return file.getvalue() if coding.written != "gif" or dpi is None else _with_aspect(file.getvalue(), dpi[0] / dpi[1])


def _with_aspect(gif: bytes, ratio: float) -> bytes:
    """Return a GIF that states the ratio of its pixels, in 64ths from 16 on (GIF89a 18)."""
    coded = round(64 * ratio) - 15 if abs(ratio - 1) > 1 / 64 else 0
    return gif[:12] + bytes([min(max(coded, 0), 255)]) + gif[13:]


def _writable(image: Image.Image, coding: PictureCoding) -> Image.Image:
    """Return a picture in a mode that the format has, without what Pillow would copy from the source."""
    modes = _MODES[coding.written]
    if image.mode not in modes:
        has_alpha = image.has_transparency_data and "RGBA" in modes
        image = image.convert("RGBA" if has_alpha else "RGB")
    transparency = image.info.get("transparency")
    image = image.copy()
    image.info = {} if transparency is None else {"transparency": transparency}
    return quantize_for_gif(image, dithers=len(coding.durations) < 2) if coding.written == "gif" else image


def _common(coding: PictureCoding) -> dict[str, Any]:
    """Return the profile and the metadata as far as the format has a place for them."""
    exif, xmp, dpi = coding.metadata
    if coding.written in ("bmp", "gif"):
        return {}
    options: dict[str, Any] = {"icc_profile": coding.profile or None}
    if coding.written == "tiff":
        return options | {"exif": tiff_tags(exif, xmp)} | ({"dpi": dpi} if dpi else {})
    if coding.written == "png" and xmp:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    if exif and (coding.written != "jpeg" or len(exif) < _MAX_SEGMENT):
        options["exif"] = EXIF_MARK + exif if coding.written in ("jpeg", "heic") else exif
    if xmp and (coding.written != "jpeg" or len(xmp) < _MAX_SEGMENT):
        options["xmp"] = xmp
    if dpi and coding.written in ("jpeg", "png"):
        options["dpi"] = dpi
    return options


def _of_format(image: Image.Image, coding: PictureCoding, quality: float) -> dict[str, Any]:
    """Return the options of the format itself."""
    if coding.written == "jpeg":
        return _of_jpeg(image, coding, quality)
    lossy_webp = {"quality": quality, "method": 5, "alpha_quality": 100}
    subsampling = "4:0:0" if image.mode == "L" else coding.chroma or "4:4:4"
    options: dict[str, dict[str, Any]] = {
        "webp": {"lossless": True, "quality": 100 if coding.small else 80, "exact": True},
        "heic": {"quality": round(quality), "chroma": (coding.chroma or "4:2:0").replace(":", "")},
        "avif": {"quality": round(quality), "subsampling": subsampling},
        "png": {"optimize": coding.small},
        "tiff": {"compression": "tiff_adobe_deflate"},
    }
    return lossy_webp if coding.written == "webp" and not coding.lossless else options.get(coding.written, {})


def _of_jpeg(image: Image.Image, coding: PictureCoding, quality: float) -> dict[str, Any]:
    tables = tables_for(quality, coding.tables)
    options: dict[str, Any] = {"qtables": tables[:1] if image.mode == "L" else tables, "optimize": True}
    if coding.chroma is not None and image.mode == "RGB":
        options["subsampling"] = coding.chroma
    return options


def _of_animation(pictures: Sequence[Image.Image], coding: PictureCoding) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "append_images": list(pictures[1:])}
    options["duration"] = [round(each) for each in coding.durations]
    if coding.written == "gif":
        if coding.loop != 1:
            options["loop"] = max(0, coding.loop - 1)
        transparent = any("transparency" in picture.info for picture in pictures)
        options["disposal"] = 2 if transparent else 1
    elif coding.written != "avif":
        options["loop"] = coding.loop
    return options


def tables_for(quality: float, finest: Sequence[Sequence[int]] = ()) -> list[list[int]]:
    """Return quantization tables for a quality of 1 to 100, as libjpeg scales those of annex K.

    finest  tables below which no value goes: a finer quantization than that of the source only costs bytes
    """
    quality = min(max(quality, 1.0), 100.0)
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    tables = [
        [min(255, max(1, round(value * percent / 100))) for value in table] for table in (_LUMINANCE, _CHROMINANCE)
    ]
    for number, table in enumerate(tables):
        own = finest[min(number, len(finest) - 1)] if finest else ()
        if len(own) == 64:
            tables[number] = [min(255, max(pair)) for pair in zip(table, own, strict=True)]
    return tables


def quality_of(tables: Sequence[Sequence[int]]) -> float:
    """Return the quality of quantization tables: that at which those of annex K are as coarse on average."""
    if not tables or len(tables[0]) != 64:
        return 100.0
    percent = 100 * sum(tables[0]) / sum(_LUMINANCE)
    return min(100.0, max(1.0, 5000 / percent if percent > 100 else (200 - percent) / 2))
