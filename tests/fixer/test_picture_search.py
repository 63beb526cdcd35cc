"""Pictures with a limit on bytes: how near they come to it, and what they lose for that."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from preflight.fixer.picture.codings import PictureCoding, encoded, quality_of, tables_for
from preflight.fixer.picture.search import MIN_QUALITY, WHOLE_STEP, EncodedPicture, best_quality, largest
from tests.fixer.pictures import answered, furthest, photograph, recipe_of, saved
from tests.rows import each_row

MIN_SHARE_OF_BUDGET = 0.92
SMALLER = tuple((round(320 * 0.985**n), round(240 * 0.985**n)) for n in range(1, 240))


def landed(data: bytes, budget: int, **fields: Any) -> tuple[dict[str, Any], float]:
    """Return the answer for a recipe with this budget, and the share of it that the result has."""
    answer = answered(data, recipe_of(**fields), budget)
    assert "refused" not in answer, answer
    return answer, len(b64decode(answer["data"])) / budget


def test_jpeg_lands_below_every_limit() -> None:
    data = saved(photograph(320, 240), "JPEG", quality=96, subsampling=0)
    shares = {}
    for number in range(20):
        budget = int(len(data) * (0.9 - 0.85 * number / 19))
        answer, shares[budget] = landed(
            data, budget, source="jpeg", written="jpeg", chroma="4:4:4", can_subsample=True, smaller=SMALLER
        )
        assert answer["quality"] >= MIN_QUALITY
    assert {budget: share for budget, share in shares.items() if not MIN_SHARE_OF_BUDGET <= share <= 1} == {}


def test_webp_stays_below_the_limit() -> None:
    require_landing("webp", MIN_SHARE_OF_BUDGET)


@pytest.mark.slow
@each_row("written", ["avif", "heic"])
def test_other_lossy_formats_stay_below_the_limit(written: str) -> None:
    require_landing(written, 0.8)


def require_landing(written: str, least: float) -> None:
    whole = len(b64decode(answered(saved(photograph(160, 120)), recipe_of("png", written))["data"]))
    for part in (0.8, 0.4):
        answer, share = landed(
            saved(photograph(160, 120)), int(whole * part), source="png", written=written, smaller=SMALLER
        )
        assert least <= share <= 1
        assert answer["quality"] >= MIN_QUALITY


@each_row("quality", [65, 75, 90])
def test_jpeg_of_any_quality_lands(quality: int) -> None:
    data = saved(photograph(320, 240), "JPEG", quality=quality, subsampling=0)
    for part in (0.95, 0.9, 0.7):
        answer, share = landed(
            data,
            int(len(data) * part),
            source="jpeg",
            written="jpeg",
            chroma="4:4:4",
            can_subsample=True,
            smaller=SMALLER,
        )
        assert share <= 1
        assert share >= MIN_SHARE_OF_BUDGET or answer["quality"] >= quality  # no more than the source has
        assert answer["quality"] <= quality + 2


def test_lossy_result_of_a_lossless_source_uses_the_bytes() -> None:
    data = saved(photograph(320, 240))
    answer, share = landed(data, int(len(data) * 0.8), source="png", written="jpeg", chroma="4:4:4")
    assert answer["quality"] > 95
    assert share >= MIN_SHARE_OF_BUDGET


def test_jpeg_that_already_fits_keeps_its_tables() -> None:
    data = saved(photograph(), "JPEG", quality=80)
    answer, share = landed(data, 10 * len(data), source="jpeg", written="jpeg", chroma="4:2:0")
    with Image.open(BytesIO(data)) as before, Image.open(BytesIO(b64decode(answer["data"]))) as after:
        assert before.quantization == after.quantization
    assert share <= 0.11


def test_quality_below_the_floor_is_avoided_by_a_smaller_picture() -> None:
    data = saved(photograph(320, 240), "JPEG", quality=96)
    answer, share = landed(data, 2500, source="jpeg", written="jpeg", chroma="4:4:4", smaller=SMALLER)
    assert MIN_SHARE_OF_BUDGET <= share <= 1
    assert answer["quality"] >= MIN_QUALITY
    assert answer["width"] < 320
    assert answer["width"] / answer["height"] == pytest.approx(4 / 3, abs=0.02)
    remark = answer["remarks"][0]
    assert remark == f"scales it to {answer['width']}×{answer['height']} to meet the size limit"


def test_limit_that_nothing_reaches_is_refused() -> None:
    answer = answered(saved(photograph()), recipe_of("png", "jpeg"), 300)
    reason = "cannot be written as jpeg in 300 bytes within the other limits"
    assert answer == {"refused": reason, "parameter": None}


def test_chosen_quality_is_never_exceeded() -> None:
    data = saved(photograph(320, 240))
    answer = answered(data, recipe_of("png", "jpeg", quality=60), 1_000_000)
    assert answer["quality"] == 60
    with Image.open(BytesIO(b64decode(answer["data"]))) as image:
        assert [*image.quantization[0]] == tables_for(60)[0]
    assert answered(data, recipe_of("png", "jpeg", quality=20), 1_000_000)["quality"] == 20


def test_metadata_gives_way_to_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "words " * 5000
    data = saved(photograph(320, 240), "JPEG", quality=90, exif=exif)
    answer, _ = landed(data, 20_000, source="jpeg", written="jpeg")
    assert answer["remarks"][0] == "drops the metadata"
    assert answer["quality"] > 60


def test_coarser_chroma_is_named() -> None:
    data = saved(photograph(320, 240), "JPEG", quality=96, subsampling=0)
    fields = {"source": "jpeg", "written": "jpeg", "chroma": "4:4:4"}
    answer, _ = landed(data, len(data) // 4, can_subsample=True, **fields)
    assert answer["remarks"][0] == "reduces the chroma resolution to 4:2:0"
    fine, _ = landed(data, len(data) // 4, **fields)
    assert fine["remarks"] == [f"lowers the quality to {fine['quality']:.0f} of 100"]
    assert fine["quality"] < answer["quality"]


class TestLossless:
    def test_first_result_below_the_limit_is_taken(self) -> None:
        data = saved(photograph())
        answer, _ = landed(data, len(data) + 10)
        with Image.open(BytesIO(b64decode(answer["data"]))) as image:
            assert furthest(image, photograph()) == 0

    @each_row("mode", ["RGB", "RGBA"])
    def test_few_colors_become_a_palette_without_loss(self, mode: str) -> None:
        image = photograph(200, 160).quantize(200).convert(mode)
        if mode == "RGBA":
            image.paste((0, 0, 0, 0), (0, 0, 60, 60))
        data = saved(image, optimize=True)
        answer, _ = landed(data, int(len(data) * 0.9))
        with Image.open(BytesIO(b64decode(answer["data"]))) as result:
            assert result.mode == "P"
            assert furthest(result.convert(mode), image) == 0

    def test_lossy_format_is_written_where_it_is_accepted(self) -> None:
        data = saved(photograph(320, 240))
        answer, share = landed(data, len(data) // 4, fallback=("jpeg",), smaller=SMALLER)
        assert (answer["format"], answer["width"]) == ("jpeg", 320)
        assert answer["remarks"][0] == "converts it to JPEG"
        assert answer["remarks"][-1] == f"lowers the quality to {answer['quality']:.0f} of 100"
        assert MIN_SHARE_OF_BUDGET <= share <= 1

    def test_picture_becomes_smaller_where_nothing_else_is_accepted(self) -> None:
        data = saved(photograph(320, 240))
        answer, share = landed(data, len(data) // 4, smaller=SMALLER)
        assert (answer["format"], answer["quality"]) == ("png", None)
        assert 100 < answer["width"] < 320
        assert 0.85 < share <= 1

    def test_sixteen_bits_become_eight_before_the_size_changes(self) -> None:
        deep = photograph(320, 240).convert("L").convert("I").point(lambda value: value * 257 + 11).convert("I;16")
        noisy = saved(deep)
        eight = saved(photograph(320, 240).convert("L"), optimize=True)
        answer, _ = landed(noisy, len(eight) + 400, keeps_depth=True, smaller=SMALLER)
        assert answer["remarks"] in ([], ["reduces the bit depth from 16 to 8"])
        assert answer["width"] == 320


@each_row(("quality", "first"), [(50, 16), (75, 8), (95, 2), (100, 1), (30, 27)])
def test_tables_are_those_of_libjpeg(quality: int, first: int) -> None:
    data = saved(photograph(16, 16), "JPEG", quality=quality)
    with Image.open(BytesIO(data)) as image:
        libjpeg = [*image.quantization[0]]
    assert libjpeg[0] == first
    assert max(abs(a - b) for a, b in zip(tables_for(quality)[0], libjpeg, strict=True)) <= 1
    assert quality_of([libjpeg]) == pytest.approx(quality, abs=1.5)


def test_tables_are_never_finer_than_those_of_the_source() -> None:
    coarse = [7] * 64
    assert min(tables_for(95, [coarse])[0]) == 7
    assert max(tables_for(95, [coarse])[0]) > 7


@each_row("slope", [1.0, 3.0, 8.0])
@pytest.mark.parametrize("steps", [1, 10])
def test_search_ends_soon_and_near_the_limit(slope: float, steps: int) -> None:
    tried: list[float] = []

    def encode(quality: float) -> bytes:
        tried.append(quality)
        return bytes(int(1000 * 2.718 ** (slope * (round(quality * steps) / steps) / 100)))

    whole = len(encode(95))
    tried.clear()
    found = best_quality(encode, int(whole * 0.9), 95)
    assert found is not None
    assert MIN_SHARE_OF_BUDGET * 0.9 * whole <= len(found.data) <= 0.9 * whole
    assert len(tried) <= 13


def test_search_of_whole_numbers_tries_none_twice() -> None:
    tried: list[float] = []

    def encode(quality: float) -> bytes:
        tried.append(quality)
        return bytes(int(100 * 1.1**quality))

    found = best_quality(encode, int(100 * 1.1**70.5), 95, step=WHOLE_STEP)
    assert found is not None
    assert found.quality == 70
    assert len(set(tried)) == len(tried)


def test_largest_is_the_first_that_fits() -> None:
    sizes = tuple(range(100, 0, -1))
    found = largest(lambda size: EncodedPicture(bytes(size), 1) if size <= 37 else None, sizes)
    assert found is not None
    assert found[0] == 37
    assert largest(lambda _: None, sizes) is None


def test_jpeg_of_noise_is_written_at_the_highest_quality() -> None:
    """By default, Pillow has room for two bytes of each pixel."""
    noise = Image.merge("RGB", [Image.effect_noise((320, 240), 200) for _ in range(3)])
    data = encoded([noise], PictureCoding("jpeg", chroma="4:4:4"), 100)
    assert len(data) > 2 * 320 * 240
    with Image.open(BytesIO(data)) as image:
        image.load()
        assert image.size == (320, 240)
