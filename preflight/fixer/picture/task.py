"""Write a picture by its recipe in a process that may be killed: decode it once, change it, encode it until it fits."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from typing import Any, BinaryIO, Final

from PIL import Image, UnidentifiedImageError

from preflight.fixer.picture.bitfields import decode_bit_fields
from preflight.fixer.picture.codings import WHOLE_QUALITIES, PictureCoding, encoded, quality_of, require_encoder
from preflight.fixer.picture.originals import (
    PictureRefused,
    SourcePicture,
    metadata_for,
    orientation_of,
    read_source_picture,
    require_single,
)
from preflight.fixer.picture.palettes import exact_palette
from preflight.fixer.picture.pixels import change_pixels, convert_to_srgb, flatten, scale_picture, to_eight_bits
from preflight.fixer.picture.rewriting import strip_location, strip_metadata
from preflight.fixer.picture.search import (
    FINE_STEP,
    MIN_QUALITY,
    MIN_SHARE_OF_BUDGET,
    WHOLE_STEP,
    EncodedPicture,
    best_quality,
    largest,
)
from preflight.fixer.picture.similarity import similarity
from preflight.plans.recipes import PictureRecipe

MAX_RESULT: Final = 256 << 20
"""Bytes of a picture that is returned."""
_BEST: Final = 95.0
"""The quality of lossy pictures without a limit on bytes."""
_SMALLER_BEST: Final = {"avif": 90.0, "heic": 90.0}
"""The same for formats of which this is as good, and whose encoders take very long for more."""
_METADATA_SHARE: Final = 0.25
"""Share of the bytes that metadata may have."""
_ABOVE_SOURCE: Final = 2.0
"""What is added to the quality of the source's tables, to which none of annex K is equal."""
_SUBSAMPLED_BELOW: Final = 85.0
"""The quality below which coarser chroma looks better than coarser quantization."""
_SUBSAMPLED_AFTER: Final = 8.0
"""The same for sources of such a quality: the loss of quality after which chroma becomes coarser."""


def write(
    file: BinaryIO, recipe: Mapping[str, Any], budget: int | None = None, *, compares: bool = False
) -> dict[str, object]:
    """Return the picture in Base64 with its facts and remarks; under `refused` the reason, as a predicate, if not.

    budget    bytes of the result at most; None: any
    compares  also compare the result with the changed pixels before they were encoded
    """
    plan, size = _plan(recipe), file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        answer = _rewritten(file, plan, budget)
        if answer is None:
            require_encoder(plan.written)
            answer = _Writer(_decoded(file, plan), plan, budget, size=size).write(compares=compares)
    except PictureRefused as error:
        answer = {"refused": str(error), "parameter": error.parameter}
        if error.undecoded:
            answer["undecoded"] = True
    return answer


def _plan(recipe: Mapping[str, Any]) -> PictureRecipe:
    """Return the recipe, of whose tuples JSON has made lists."""
    values: dict[str, Any] = {name: tuple(it) if isinstance(it, list) else it for name, it in recipe.items()}
    values["smaller"] = tuple([(width, height) for width, height in recipe["smaller"]])
    return PictureRecipe(**values)


def _rewritten(file: BinaryIO, recipe: PictureRecipe, budget: int | None) -> dict[str, object] | None:
    """Return the answer with the same pixels and less metadata; None if that is not wanted or not possible."""
    if not recipe.keeps_pixels or recipe.whole is None:
        return None
    data = file.read()
    if recipe.strip_metadata:
        with Image.open(BytesIO(data), formats=recipe.readers) as image:
            require_single(image, recipe)
            changed_file = strip_metadata(data, recipe.written, orientation_of(image))
    else:
        changed_file = strip_location(data, recipe.written)
    if changed_file is None or (budget is not None and len(changed_file) > budget):
        file.seek(0)
        return None
    return _answer(changed_file, recipe.written, recipe.whole, None, [])


def _answer(
    data: bytes, written: str, size: tuple[int, int], quality: float | None, remarks: list[str]
) -> dict[str, object]:
    if len(data) > MAX_RESULT:
        raise PictureRefused(f"would have {len(data):,} bytes, more than the maximum of {MAX_RESULT:,}")
    return {
        "data": b64encode(data).decode("ascii"),
        "format": written,
        "width": size[0],
        "height": size[1],
        "quality": quality,
        "remarks": remarks,
        "ssim": 1.0 if quality is None else None,
    }


def _decoded(file: BinaryIO, recipe: PictureRecipe) -> SourcePicture:
    """Return the decoded picture. Raise `PictureRefused` if it is damaged."""
    try:
        if "PNG" in recipe.readers:
            with Image.open(file, formats=recipe.readers) as image:
                image.verify()  # the checksums, which Pillow ignores while it decodes
            file.seek(0)
        with _opened(file, recipe) as image:
            return read_source_picture(image, recipe)
    except (MemoryError, PictureRefused):
        raise
    except Image.DecompressionBombError:
        raise PictureRefused("has too many pixels to be decoded") from None
    except Exception as error:  # noqa: BLE001 - decoders raise many types for damaged files
        reason = f"is damaged, or coded in a way that cannot be decoded{_detail(error)}"
        raise PictureRefused(reason, undecoded=True) from None


def _opened(file: BinaryIO, recipe: PictureRecipe) -> Image.Image:
    try:
        return Image.open(file, formats=recipe.readers)
    except OSError:
        found = decode_bit_fields(file) if "BMP" in recipe.readers else None
        if found is None:
            raise
        return found


def _detail(error: Exception) -> str:
    """Return what a decoder says; Pillow says no more than the name of our file object if none knows the file."""
    if isinstance(error, UnidentifiedImageError):
        return ""
    return f" ({' '.join(str(error).split())[:200] or type(error).__name__})"


class _Writer:
    """Writes one picture; `remarks` are losses that only show here.

    is_too_large  the file has more bytes than the budget, so that the result should use all of it
    """

    def __init__(self, original: SourcePicture, recipe: PictureRecipe, budget: int | None, *, size: int) -> None:
        self.is_too_large = budget is not None and size > budget
        self.recipe = recipe
        self.budget = budget
        self.original = original
        self.remarks: list[str] = []
        profile = original.profile
        self.frames: list[Image.Image] = []
        for frame in original.frames:
            image, profile = change_pixels(frame, original.profile, recipe)
            self.frames.append(image)
        original.frames.clear()
        self.profile = profile

    def write(self, *, compares: bool) -> dict[str, object]:
        """Return the answer of the task. Raise `PictureRefused`."""
        found, written = self._found()
        if found is None:
            raise PictureRefused(f"cannot be written as {written} in {self.budget:,} bytes within the other limits")
        quality = None if self._coding(written).lossless else round(found.quality, 1)
        if written != self.recipe.written:
            self.remarks.insert(0, f"converts it to {written.upper()}")
        if quality is not None and found.quality < self._top():
            self.remarks.append(f"lowers the quality to {quality:.0f} of 100")
        answer = _answer(found.data, written, self.frames[0].size, quality, self.remarks)
        if compares:
            with Image.open(BytesIO(found.data)) as result:
                answer["ssim"] = similarity(self.frames[0], result)
        return answer

    def _found(self) -> tuple[EncodedPicture | None, str]:
        """Return the picture and its format, by what loses least."""
        written, budget = self.recipe.written, self.budget
        if budget is None:
            return EncodedPicture(self._encoded(self._coding(written), self._top()), self._top()), written
        self._make_room(budget)
        found = self._lossless(budget) if self.recipe.lossless else self._lossy(written, budget)
        if found is not None:
            return found, written
        for other in self.recipe.fallback:
            found = self._lossy(other, budget)
            if found is not None:
                return found, other
        return self._scaled_down(budget), (*self.recipe.fallback, written)[0]

    def _make_room(self, budget: int) -> None:
        """Leave out metadata, and a profile, that would take much of the bytes from the pixels."""
        beside = (len(self.original.exif) + len(self.original.xmp), len(self.profile))
        if sum(beside) <= budget * _METADATA_SHARE:
            return
        if len(self._encoded(self._coding(self.recipe.written), self._top())) <= budget:
            return
        if beside[0] and not self.recipe.strip_metadata:
            self.recipe = self.recipe._replace(strip_metadata=True)
            self.remarks.append("drops the metadata")
        if beside[1] > budget * _METADATA_SHARE and not self.recipe.keeps_cmyk:
            self.frames = [convert_to_srgb(frame, self.profile)[0] for frame in self.frames]
            self.profile = b""  # colors without a profile are shown as sRGB
            self.remarks.append("converts the colors to sRGB")

    def _coding(self, written: str) -> PictureCoding:
        recipe, original = self.recipe, self.original
        keeps_tables = written == "jpeg" and recipe.size is None and not recipe.to_srgb
        return PictureCoding(
            written,
            self.profile,
            metadata_for(original, recipe, self.frames[0].size),
            recipe.chroma,
            recipe.lossless and written == recipe.written,
            original.tables if keeps_tables else (),
            durations=original.durations,
            loop=original.loop,
        )

    def _top(self) -> float:
        """Return the highest quality that makes sense: that of the source, or what uses all of the bytes."""
        written, tables = self.recipe.written, self._coding(self.recipe.written).tables
        if self.recipe.quality is not None:
            return float(self.recipe.quality)
        if tables:
            return min(100.0, quality_of(tables) + _ABOVE_SOURCE)
        if self.is_too_large and written not in WHOLE_QUALITIES:
            return 100.0
        return _SMALLER_BEST.get(written, _BEST)

    def _encoded(self, coding: PictureCoding, quality: float) -> bytes:
        """Return the file at a quality; at the highest with the tables of the source themselves."""
        is_own = bool(coding.tables) and self.recipe.quality is None and quality >= self._top()
        return encoded(self.frames, coding, 100 if is_own else quality)

    def _lossless(self, budget: int) -> EncodedPicture | None:
        """Return the first of some lossless results within the budget: quick, thorough, with a palette, with 8 bits."""
        coding = self._coding(self.recipe.written)
        for tried in (coding, coding._replace(small=True)):
            data = encoded(self.frames, tried, 100)
            if len(data) <= budget:
                return EncodedPicture(data, 100)
        if len(self.frames) > 1 or coding.written not in ("png", "tiff"):
            return None
        is_deep = self.frames[0].mode == "I;16"
        few = to_eight_bits(self.frames[0]) if is_deep else exact_palette(self.frames[0])
        data = encoded([few], coding._replace(small=True), 100) if few is not None else b""
        if not data or len(data) > budget:
            return None
        if is_deep:
            self.remarks.append("reduces the bit depth from 16 to 8")
        return EncodedPicture(data, 100)

    def _lossy(self, written: str, budget: int) -> EncodedPicture | None:
        """Return the best quality within the budget: with the chroma of the recipe as long as that is enough."""
        if written == "jpeg" and self.recipe.written != "jpeg":
            self.frames = [flatten(frame) for frame in self.frames]
        coding = self._coding(written)
        top = self._top()
        subsampling = self.recipe.can_subsample and coding.chroma not in (None, "4:2:0")
        if not subsampling:
            return self._searched(coding, budget, top, MIN_QUALITY)
        fine = self._searched(coding, budget, top, min(_SUBSAMPLED_BELOW, top - _SUBSAMPLED_AFTER))
        if fine is not None:
            return fine
        coarse = self._searched(coding._replace(chroma="4:2:0"), budget, top, MIN_QUALITY)
        if coarse is not None and len(coarse.data) < MIN_SHARE_OF_BUDGET * budget:
            fine = self._searched(coding, budget, top, MIN_QUALITY)
        if coarse is not None and fine is None:
            self.remarks.append("reduces the chroma resolution to 4:2:0")
        return fine or coarse

    def _searched(self, coding: PictureCoding, budget: int, top: float, floor: float) -> EncodedPicture | None:
        step = WHOLE_STEP if coding.written in WHOLE_QUALITIES else FINE_STEP
        return best_quality(lambda quality: self._encoded(coding, quality), budget, top, floor, step=step)

    def _scaled_down(self, budget: int) -> EncodedPicture | None:
        """Return the largest picture within the budget: at the lowest quality if it is lossy, then at the best."""
        written = (*self.recipe.fallback, self.recipe.written)[0]
        coding = self._coding(written)._replace(tables=())
        if coding.chroma is not None and self.recipe.can_subsample:
            coding = coding._replace(chroma="4:2:0")
        top, whole = (100.0 if coding.lossless else self._top()), self.frames

        def lowest(size: tuple[int, int]) -> EncodedPicture | None:
            quality = top if coding.lossless else min(MIN_QUALITY, top)
            data = encoded([scale_picture(frame, size) for frame in whole], coding, quality)
            return EncodedPicture(data, quality) if len(data) <= budget else None

        best = largest(lowest, self.recipe.smaller)
        if best is None:
            return None
        size, found = best
        self.frames = [scale_picture(frame, size) for frame in whole]
        self.remarks.append(f"scales it to {size[0]}×{size[1]} to meet the size limit")
        if coding.lossless:
            return found
        return self._searched(coding, budget, top, MIN_QUALITY)
