"""Plans of pictures: the recipe, what it loses, and why there is none."""

from __future__ import annotations

import json
from typing import Any

from preflight.media import NONE, Media
from preflight.plans import pictures
from preflight.plans.changes import Changes
from preflight.plans.choices import Choices
from preflight.plans.encoding import Subject
from preflight.plans.least_change import changes_for
from preflight.plans.recipes import PictureRecipe
from preflight.ruleset import compile_ruleset
from tests.rows import each_row

PHOTO = Media(
    kind="image", format="jpeg", size=900_000, width=640, height=480, bit_depth=8, chroma="4:2:0",
    color_model="ycbcr", primaries="bt709", transfer="iec61966-2-1", hdr=NONE, coding="baseline",
    has_alpha=False, animated=False, multi_picture=False, frames=1, location=False,
)  # fmt: skip
DRAWING = PHOTO._replace(format="png", coding="lossless", color_model="rgb", chroma=None)
ANIMATION = DRAWING._replace(format="gif", color_model="palette", animated=True, frames=24)


def only(*values: Any) -> dict[str, Any]:
    return {"any_of": list(values)}


def changed(media: Media, wrong: str, choices: Choices | None = None, **limits: Any) -> Changes:
    head = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    section = compile_ruleset("mine", {**head, "image": limits}).sections["image"].mandatory
    facts = frozenset(wrong.split())
    return changes_for(facts, Subject.of(media, exact=True), section, choices or Choices())


def recipe(media: Media, wrong: str, choices: Choices | None = None, **limits: Any) -> PictureRecipe:
    found = pictures.recipe(changed(media, wrong, choices, **limits))
    assert found is not None
    assert json.loads(json.dumps(found._asdict()))["written"] == found.written
    return found


@each_row(
    ("media", "accepted", "written"),
    [
        (PHOTO._replace(format="heic"), ["png", "jpeg"], "jpeg"),
        (PHOTO._replace(format="avif"), ["png", "jpeg", "webp"], "jpeg"),
        (PHOTO._replace(format="webp", coding="lossy"), ["png", "jpeg"], "jpeg"),
        (PHOTO._replace(format="webp", coding="lossless"), ["png", "jpeg"], "png"),
        (PHOTO._replace(format="tiff", coding=None), ["jpeg", "png"], "jpeg"),
        (DRAWING._replace(format="tiff"), ["jpeg", "png"], "png"),
        (DRAWING._replace(format="bmp"), ["jpeg", "png"], "png"),
        (DRAWING._replace(format="bmp"), ["jpeg"], "jpeg"),
        (DRAWING._replace(has_alpha=True), ["jpeg", "webp"], "webp"),
        (PHOTO._replace(format="heic", has_alpha=True), ["jpeg", "png"], "png"),
        (ANIMATION, ["jpeg", "png", "webp"], "webp"),
        (ANIMATION, ["jpeg", "png"], "png"),
        (PHOTO._replace(format="heic"), ["tiff"], "tiff"),
    ],
)
def test_format_follows_what_the_source_is(media: Media, accepted: list[str], written: str) -> None:
    assert recipe(media, "format", format=only(*accepted)).written == written


def test_format_that_cannot_be_written_is_replaced_by_one_that_can() -> None:
    wide = {"width": {"max": 320}}
    assert recipe(PHOTO._replace(format="heif"), "width", format=only("heif", "jpeg", "png"), **wide).written == "jpeg"
    assert recipe(DRAWING._replace(format="ico"), "width", **wide).written == "png"
    assert recipe(PHOTO._replace(format="heic"), "width", format=only("heic", "jpeg"), **wide).written == "heic"


def test_crop_is_placed_by_the_anchor() -> None:
    limits = {"aspect_ratio": only("1:1")}
    lefts = {"left": 0, "center": 80, "right": 160, "top-left": 0, "bottom-right": 160, "top": 80}
    for anchor, left in lefts.items():
        found = recipe(PHOTO, "aspect_ratio", Choices(anchor=anchor), **limits)  # type: ignore[arg-type]
        assert found.crop == (left, 0, 480, 480)
    tall = recipe(PHOTO._replace(width=480, height=640), "aspect_ratio", Choices(anchor="bottom"), **limits)
    assert tall.crop == (0, 160, 480, 480)


@each_row(
    ("stated", "orientation", "limits", "expected"),
    [
        (None, None, {"width": {"max": 320}}, None),
        (1.0, None, {"width": {"max": 320}, "pixel_aspect_ratio": {"max": 1}}, 1.0),
        (0.5, None, {"width": {"max": 320}}, 0.5),
        (0.5, 6, {"width": {"max": 320}}, 2.0),
        (0.5, None, {"width": {"max": 640}, "pixel_aspect_ratio": only(1)}, 1.0),
    ],
)
def test_pixels_keep_their_ratio_unless_it_is_wrong(
    stated: float | None, orientation: int | None, limits: dict[str, Any], expected: float | None
) -> None:
    media = PHOTO._replace(pixel_aspect_ratio=stated, orientation=orientation)
    wrong = "pixel_aspect_ratio" if stated == 0.5 and "pixel_aspect_ratio" in limits else "width"
    found = recipe(media, wrong, **limits).pixel_aspect
    assert (found is None) is (expected is None)
    assert abs((found or 0) - (expected or 0)) < 0.01


def test_padding_is_placed_by_the_anchor() -> None:
    limits = {"aspect_ratio": only("1:1")}
    for fit, anchor, top in (("pad", "center", 80), ("pad", "top", 0), ("blur", "bottom", 160)):
        found = recipe(PHOTO, "aspect_ratio", Choices(fit=fit, anchor=anchor), **limits)  # type: ignore[arg-type]
        assert found.canvas == (0, top, 640, 640)
        assert found.blur is (fit == "blur")
        assert found.crop is None


@each_row(
    ("media", "wrong", "limits", "fields"),
    [
        (PHOTO, "width", {"width": {"max": 320}}, {"size": (320, 240), "crop": None, "lossless": False}),
        (DRAWING, "width", {"width": {"max": 320}}, {"size": (320, 240), "lossless": True, "chroma": None}),
        (DRAWING._replace(has_alpha=True), "has_alpha", {"has_alpha": only(False)}, {"flatten": True}),
        (DRAWING._replace(has_alpha=True), "format", {"format": only("jpeg")}, {"flatten": True, "chroma": "4:4:4"}),
        (DRAWING._replace(has_alpha=True), "width", {"width": {"max": 320}}, {"flatten": False}),
        (PHOTO._replace(color_model="cmyk"), "color_model", {"color_model": only("ycbcr")}, {"to_srgb": True}),
        (PHOTO._replace(color_model="cmyk"), "width", {"width": {"max": 320}}, {"keeps_cmyk": True, "to_srgb": False}),
        (PHOTO._replace(color_model="cmyk"), "format", {"format": only("png")}, {"keeps_cmyk": False, "to_srgb": True}),
        (PHOTO._replace(primaries="smpte432"), "primaries", {"primaries": only("bt709")}, {"to_srgb": True}),
        (PHOTO._replace(color_model="gray"), "color_model", {"color_model": only("ycbcr")}, {"as_rgb": True}),
        (PHOTO._replace(color_model="gray"), "width", {"width": {"max": 320}}, {"as_rgb": False}),
        (PHOTO, "chroma", {"chroma": only("4:4:4")}, {"chroma": "4:4:4", "can_subsample": False}),
        (PHOTO._replace(chroma="4:2:2"), "width", {"width": {"max": 320}}, {"chroma": "4:2:2", "can_subsample": True}),
        (PHOTO._replace(chroma="4:4:0"), "width", {"width": {"max": 320}}, {"chroma": "4:4:4"}),
        (PHOTO, "orientation", {"orientation": only(1)}, {"states_orientation": True, "keeps_pixels": False}),
        (ANIMATION, "width", {"width": {"max": 320}}, {"keeps_frames": True}),
        (ANIMATION, "animated", {"animated": only(False)}, {"keeps_frames": False}),
        (PHOTO._replace(hdr="gain_map", multi_picture=True), "hdr", {"hdr": only(NONE)}, {"first_picture": True}),
    ],
)
def test_recipe_does_what_is_wrong_and_nothing_else(
    media: Media, wrong: str, limits: dict[str, Any], fields: dict[str, Any]
) -> None:
    found = recipe(media, wrong, **limits)
    assert {name: getattr(found, name) for name in fields} == fields


def test_high_dynamic_range_without_primaries_is_that_of_bt2100() -> None:
    media = PHOTO._replace(format="avif", hdr="pq", transfer="smpte2084", primaries=None)
    found = recipe(media, "width", width={"max": 320})
    assert (found.tone_maps, found.to_srgb, found.colors) == (True, True, ("bt2020", "smpte2084"))


@each_row(
    ("media", "wrong", "keeps"),
    [
        (DRAWING._replace(color_model="gray", bit_depth=16), "width", True),
        (DRAWING._replace(color_model="gray", bit_depth=16), "bit_depth width", False),
        (DRAWING._replace(color_model="rgb", bit_depth=16), "width", False),
        (DRAWING._replace(color_model="gray", bit_depth=16, has_alpha=True), "width", False),
        (DRAWING._replace(color_model="gray", bit_depth=16), "format width", False),
    ],
)
def test_sixteen_bits_stay_where_they_can(media: Media, wrong: str, keeps: bool) -> None:
    limits: dict[str, Any] = {"width": {"max": 320}, "bit_depth": {"max": 16}}
    if "format" in wrong:
        limits["format"] = only("jpeg")
    found = changed(media, wrong, **limits)
    plan = pictures.recipe(found)
    assert plan is not None
    assert plan.keeps_depth is keeps
    phrase = "reduces the bit depth from 16 to 8"
    assert (phrase in pictures.losses(found, media)) is not keeps


class TestMetadata:
    @each_row("name", ["jpeg", "png", "webp", "tiff", "heic", "avif"])
    def test_location_alone_is_removed_without_encoding(self, name: str) -> None:
        media = PHOTO._replace(format=name, location=True)
        found = recipe(media, "location", location=only(False))
        assert (found.keeps_pixels, found.strip_location) == (True, True)
        dropped = pictures.losses(changed(media, "location", location=only(False)), media)
        assert dropped == ("drops the recording location",)
        assert not recipe(media, "location width", location=only(False), width={"max": 320}).keeps_pixels
        assert recipe(media, "", Choices(strip_location=True)).keeps_pixels

    def test_all_metadata_is_removed_without_encoding_where_that_is_possible(self) -> None:
        for name, keeps in (("jpeg", True), ("png", True), ("webp", True), ("tiff", False), ("heic", False)):
            found = recipe(PHOTO._replace(format=name), "", Choices(strip_metadata=True))
            assert found.keeps_pixels is keeps


LIMITS: dict[str, Any] = {"size": {"max": 500_000}, "width": {"min": 300}, "format": only("jpeg", "png")}


class TestBytes:
    def test_smaller_sizes_are_inside_the_limits_and_alike(self) -> None:
        found = recipe(PHOTO, "size", **LIMITS)
        assert found.smaller[0] == (630, 473)
        assert all(width >= 300 and abs(width / height - 4 / 3) < 0.01 for width, height in found.smaller)
        assert list(found.smaller) == sorted(found.smaller, reverse=True)

    def test_smaller_sizes_end_at_a_tenth(self) -> None:
        width, _ = recipe(PHOTO, "size", size={"max": 1000}).smaller[-1]
        assert 0.095 < width / (PHOTO.width or 0) < 0.105

    def test_smaller_sizes_keep_multiples_and_ratio(self) -> None:
        limits = {**LIMITS, "width": {"multiple_of": 16}, "height": {"multiple_of": 8}}
        assert all(not (w % 16 or h % 8) for w, h in recipe(PHOTO, "size", **limits).smaller)
        square = recipe(PHOTO._replace(height=640), "size", size={"max": 500_000}, aspect_ratio={"any_of": ["1:1"]})
        assert len(square.smaller) > 100
        assert all(abs(w - h) <= 1 for w, h in square.smaller)

    def test_lossy_formats_replace_a_lossless_one_that_is_too_large(self) -> None:
        assert recipe(DRAWING, "size", **LIMITS).fallback == ("jpeg",)
        assert recipe(DRAWING._replace(has_alpha=True), "size", **LIMITS).fallback == ()
        both = {**LIMITS, "format": only("png", "webp", "jpeg")}
        assert recipe(DRAWING._replace(has_alpha=True), "size", **both).fallback == ("webp",)
        assert recipe(PHOTO, "size", **LIMITS).fallback == ()
        assert recipe(ANIMATION, "size", size={"max": 9}, format=only("gif", "jpeg")).fallback == ()

    def test_without_a_limit_nothing_becomes_smaller(self) -> None:
        assert recipe(PHOTO, "width", width={"max": 320}).smaller == ()


@each_row(
    ("media", "wrong", "choices", "limits", "message", "parameter"),
    [
        (PHOTO._replace(format="jxl"), "format", {}, {"format": only("png")}, "The format jxl", None),
        (PHOTO, "format", {}, {"format": only("jp2")}, "None of the accepted formats can be written", None),
        (
            PHOTO._replace(format="tiff", frames=3), "format", {}, {"format": only("png")},
            "The file holds several pictures", "first_picture",
        ),
        (
            PHOTO._replace(multi_picture=True), "multi_picture", {}, {"multi_picture": only(False)},
            "The file holds several pictures", "first_picture",
        ),
        (
            PHOTO._replace(format="avif", hdr="pq", transfer="smpte2084", primaries="bt2020"), "width",
            {"hdr": "refuse"}, {"width": {"max": 320}}, "The picture is HDR (pq)", "hdr",
        ),
        (
            PHOTO._replace(format="avif", hdr="pq", transfer="smpte2084", primaries="other"), "width", {},
            {"width": {"max": 320}}, "Its colors are not described well enough", None,
        ),
        (PHOTO, "size", {}, {"size": {"min": 1_000_000}}, "Its size of 900,000 bytes is below the minimum", None),
        (
            DRAWING._replace(width=20_000, height=10), "format", {}, {"format": only("webp")},
            "A side of 20,000 px exceeds the maximum of webp (16,383 px)", None,
        ),
    ],
)  # fmt: skip
def test_obstacle_says_why_and_what_would_allow_it(
    media: Media, wrong: str, choices: dict[str, Any], limits: dict[str, Any], message: str, parameter: str | None
) -> None:
    found = changed(media, wrong, Choices(**choices), **limits)
    obstacle = pictures.obstacle(found, media)
    assert obstacle is not None
    assert obstacle.message.startswith(message)
    assert obstacle.parameter == parameter
    assert pictures.losses(found, media) == () or "size" in wrong


def test_chosen_parameter_removes_the_obstacle() -> None:
    pages = PHOTO._replace(format="tiff", frames=3)
    found = changed(pages, "format", Choices(first_picture=True), format=only("png"))
    assert pictures.obstacle(found, pages) is None
    assert "keeps only the first of 3 pictures" in pictures.losses(found, pages)


@each_row(
    ("media", "wrong", "choices", "limits", "losses"),
    [
        (PHOTO, "width", {}, {"width": {"max": 320}}, ("re-encodes the picture as JPEG",)),
        (
            PHOTO, "width", {"quality": 80}, {"width": {"max": 320}},
            ("re-encodes the picture as JPEG at quality 80",),
        ),
        (DRAWING, "width", {}, {"width": {"max": 320}}, ()),
        (
            ANIMATION, "animated", {}, {"animated": only(False), "format": only("png", "gif")},
            ("keeps only the first of 24 frames",),
        ),
        (
            DRAWING._replace(has_alpha=True), "format", {}, {"format": only("jpeg")},
            ("drops the transparency", "re-encodes the picture as JPEG"),
        ),
        (
            PHOTO._replace(primaries="smpte432"), "primaries", {}, {"primaries": only("bt709")},
            ("converts the colors to sRGB", "re-encodes the picture as JPEG"),
        ),
        (
            PHOTO._replace(hdr="gain_map"), "width", {}, {"width": {"max": 320}},
            ("drops the HDR gain map", "re-encodes the picture as JPEG"),
        ),
        (DRAWING, "format", {}, {"format": only("bmp")}, ("drops the metadata",)),
        (DRAWING, "format", {}, {"format": only("gif")}, ("reduces the picture to 256 colors", "drops the metadata")),
    ],
)  # fmt: skip
def test_losses_name_what_is_lost(
    media: Media, wrong: str, choices: dict[str, Any], limits: dict[str, Any], losses: tuple[str, ...]
) -> None:
    assert pictures.losses(changed(media, wrong, Choices(**choices), **limits), media) == losses


class TestEvenSides:
    """The encoder of HEIC writes odd sides as a part of a larger picture, which many readers show completely."""

    CAMERA = PHOTO._replace(format="heic", width=1128, height=752, chroma="4:2:0")

    def test_a_scaled_heic_has_them(self) -> None:
        found = recipe(self.CAMERA, "width", width={"max": 451}, format=only("heic"))
        assert found.size is not None
        assert [side % 2 for side in found.size] == [0, 0]
        assert recipe(self.CAMERA, "width format", width={"max": 451}, format=only("png")).size == (451, 301)

    def test_an_odd_side_that_is_required_stays(self) -> None:
        assert recipe(self.CAMERA, "width", width=only(451), format=only("heic")).size == (451, 301)

    def test_smaller_sizes_for_fewer_bytes_have_them(self) -> None:
        found = recipe(self.CAMERA, "size", size={"max": 10_000}, format=only("heic"))
        assert found.smaller
        assert {side % 2 for size in found.smaller for side in size} == {0}
        found = recipe(self.CAMERA, "size", size={"max": 10_000}, width={"multiple_of": 3}, format=only("heic"))
        assert {size[0] % 6 for size in found.smaller} == {0}
