"""The change of width and height: what is kept of the picture, and what it loses."""

from __future__ import annotations

from typing import Any

from preflight.limit import compile_limit
from preflight.media import Media
from preflight.plans import geometry
from preflight.plans.choices import DEFAULT_CHOICES, Anchor, Choices
from preflight.plans.encoding import Subject
from preflight.plans.geometry import Shape
from preflight.report import Obstacle
from tests.rows import each_row


def shape(media: Media, choices: Choices = DEFAULT_CHOICES, /, **lines: dict[str, Any]) -> Shape | Obstacle | None:
    limits = {fact: compile_limit(fact, line) for fact, line in lines.items()}
    return geometry.plan_shape(Subject.of(media), limits, choices)


def picture(width: int, height: int) -> Media:
    return Media(kind="image", width=width, height=height)


def clip(width: int, height: int) -> Media:
    return Media(kind="video", width=width, height=height)


def only(*values: Any) -> dict[str, Any]:
    return {"any_of": list(values)}


MULTIPLE_OF_16 = {"width": {"multiple_of": 16}, "height": {"multiple_of": 16}}


@each_row(
    ("media", "lines", "found"),
    [
        (clip(1920, 1081), {}, Shape((1920, 1080), (1920, 1080))),  # a row less, nothing is scaled
        (clip(101, 75), {}, Shape((100, 74), (100, 74))),
        (clip(101, 75), {"chroma": only("4:2:2")}, Shape((100, 75), (100, 75))),
        (clip(101, 75), {"chroma": only("4:4:4")}, Shape((101, 75), (101, 75))),
        (picture(101, 75), {}, Shape((101, 75), (101, 75))),
        (clip(1928, 1080), {"width": {"max": 1920}}, Shape((1928, 1080), (1920, 1076))),  # nothing is cropped
        (picture(1086, 1448), {"short_side": {"max": 1080}}, Shape((1086, 1448), (1080, 1440))),
        (clip(1920, 1080), {"width": {"max": 1279}}, Shape((1920, 1080), (1276, 718))),  # 1278 would change the ratio
        (clip(1920, 1080), MULTIPLE_OF_16, Shape((1920, 1072), (1920, 1072))),
        (clip(640, 360), {"width": {"multiple_of": 64}, "height": {"multiple_of": 64}}, Shape((640, 356), (576, 320))),
        (clip(3000, 1000), {"aspect_ratio": only("16:9", "1:1")}, Shape((1778, 1000), (1778, 1000))),
        (picture(1000, 3000), {"aspect_ratio": only("16:9", "9:16", "1:1")}, Shape((1000, 1778), (1000, 1778))),
        (
            clip(1000, 300),
            {"aspect_ratio": {"max": 2.5}, "short_side": {"min": 320}, "long_side": {"max": 800}},
            Shape((750, 300), (800, 320)),
        ),
        (picture(400, 400), {"width": {"min": 500}, "height": {"max": 250}}, Shape((400, 200), (500, 250))),
        (picture(400, 400), {"pixels": {"min": 90_000}, "side_sum": {"max": 600}}, Shape((400, 400), (300, 300))),
        (picture(400, 400), {"width": {"max": 100}, "height": {"min": 101}, "aspect_ratio": {"min": 1}}, None),
    ],
)
def test_least_change_is_found(media: Media, lines: dict[str, Any], found: Shape | None) -> None:
    assert shape(media, **lines) == found


@each_row(
    ("media", "lines", "found"),
    [
        (picture(640, 480), {"aspect_ratio": {"max": 1}}, Shape((640, 480), (640, 480), (640, 640))),
        (picture(640, 480), {"aspect_ratio": only("16:9", "9:16")}, Shape((640, 480), (640, 480), (853, 480))),
        (clip(640, 480), {"aspect_ratio": only("16:9")}, Shape((640, 480), (640, 480), (854, 480))),
        (picture(640, 480), {"width": {"max": 320}}, Shape((640, 480), (320, 240))),
        (
            picture(640, 480),
            {"aspect_ratio": {"max": 1}, "width": {"max": 320}},
            Shape((640, 480), (320, 240), (320, 320)),
        ),
        (clip(641, 481), {}, Shape((640, 480), (640, 480))),
        (clip(640, 360), {"pixels": {"min": 409_600}}, Shape((640, 360), (854, 480))),
        (clip(1920, 1080), MULTIPLE_OF_16, Shape((1920, 1080), (1920, 1080), (1920, 1088))),
    ],
)
def test_padding_keeps_the_whole_picture(media: Media, lines: dict[str, Any], found: Shape) -> None:
    for fit in ("pad", "blur"):
        assert shape(media, Choices(fit=fit), **lines) == found


class TestSquarePixels:
    @each_row(
        ("media", "lines", "found"),
        [
            (clip(720, 576)._replace(pixel_aspect_ratio=64 / 45), {}, Shape((720, 576), (1024, 576))),
            (clip(720, 480)._replace(pixel_aspect_ratio=8 / 9), {}, Shape((720, 480), (720, 540))),
            (clip(480, 720)._replace(pixel_aspect_ratio=8 / 9, rotation=90), {}, Shape((480, 720), (540, 720))),
            (
                clip(720, 576)._replace(pixel_aspect_ratio=64 / 45),
                {"width": {"max": 640}},
                Shape((720, 576), (640, 360)),
            ),
            (
                clip(720, 576)._replace(pixel_aspect_ratio=64 / 45),
                {"aspect_ratio": {"max": 1}},
                Shape((405, 576), (576, 576)),
            ),
        ],
    )
    def test_everything_that_is_visible_stays(self, media: Media, lines: dict[str, Any], found: Shape) -> None:
        assert shape(media, pixel_aspect_ratio=only(1), **lines) == found

    def test_pixels_that_are_accepted_stay(self) -> None:
        media = clip(720, 576)._replace(pixel_aspect_ratio=64 / 45)
        assert shape(media, width={"max": 360}) == Shape((720, 576), (360, 288))

    def test_square_pixels_must_be_accepted(self) -> None:
        media = clip(720, 576)._replace(pixel_aspect_ratio=64 / 45)
        assert shape(media, pixel_aspect_ratio={"max": 0.9}) is None


class TestEnlarging:
    def test_enlarging_up_to_max_upscale_is_planned(self) -> None:
        assert shape(picture(160, 120), width={"min": 320}) == Shape((160, 120), (320, 240))

    def test_enlarging_beyond_max_upscale_is_an_obstacle(self) -> None:
        found = shape(picture(160, 120), width={"min": 544})
        assert found == Obstacle(
            "The smallest accepted size is 544×408, so the picture must be enlarged 3.4 times.", "max_upscale"
        )

    def test_padding_does_not_replace_it(self) -> None:
        found = shape(picture(160, 120), Choices(fit="pad"), width={"min": 544}, height={"min": 300})
        assert isinstance(found, Obstacle)
        assert found.parameter == "max_upscale"

    def test_larger_max_upscale_allows_enlarging(self) -> None:
        assert shape(picture(160, 120), Choices(max_upscale=3.4), width={"min": 544}) == Shape((160, 120), (544, 408))


@each_row(
    ("anchor", "offset"),
    [
        ("top-left", (0, 0)), ("top", (15, 0)), ("top-right", (30, 0)),
        ("left", (0, 9)), ("center", (15, 9)), ("right", (30, 9)),
        ("bottom-left", (0, 18)), ("bottom", (15, 18)), ("bottom-right", (30, 18)),
    ],
)  # fmt: skip
def test_anchor_places_the_part_of_a_picture(anchor: Anchor, offset: tuple[int, int]) -> None:
    assert geometry.crop_offset((100, 50), (70, 32), anchor) == offset
    assert geometry.crop_offset((100, 50), (70, 32), anchor, (2, 2)) == (offset[0] // 2 * 2, offset[1] // 2 * 2)


@each_row(
    ("found", "phrases"),
    [
        (Shape((640, 480), (640, 480)), ()),
        (Shape((480, 480), (480, 480)), ("crops 25 % of the picture",)),
        (Shape((640, 479), (640, 479)), ("crops 0.2 % of the picture",)),
        (Shape((640, 480), (648, 486)), ("enlarges it 1.01 times",)),
        (Shape((640, 480), (644, 483)), ()),
        (Shape((640, 480), (429, 322)), ("scales it to 67 % of its size",)),
        (Shape((480, 480), (720, 720)), ("crops 25 % of the picture", "enlarges it 1.5 times")),
        (Shape((640, 480), (640, 480), (640, 640)), ("adds black padding (25 % of the result)",)),
        (
            Shape((640, 480), (320, 240), (320, 320)),
            ("scales it to 50 % of its size", "adds black padding (25 % of the result)"),
        ),
        (Shape((640, 480), (640, 540)), ()),
    ],
)
def test_losses_are_named_with_their_share(found: Shape, phrases: tuple[str, ...]) -> None:
    assert geometry.losses(found, Subject.of(picture(640, 480))) == phrases


def test_blurred_padding_is_named() -> None:
    found = Shape((640, 480), (640, 480), (640, 640))
    phrases = geometry.losses(found, Subject.of(picture(640, 480)), Choices(fit="blur"))
    assert phrases == ("adds blurred padding (25 % of the result)",)
