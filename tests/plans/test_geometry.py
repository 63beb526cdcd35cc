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
    return geometry.shape(Subject.of(media), limits, choices)


def picture(width: int, height: int) -> Media:
    return Media(kind="image", width=width, height=height)


class TestEnlarging:
    def test_up_to_the_factor(self) -> None:
        assert shape(picture(160, 120), width={"min": 320}) == Shape((160, 120), (320, 240))

    def test_beyond_the_factor_is_an_obstacle_that_names_the_parameter(self) -> None:
        found = shape(picture(160, 120), width={"min": 544})
        assert found == Obstacle(
            "The smallest accepted size is 544×408, so the picture must be enlarged 3.4 times.", "max_upscale"
        )

    def test_beyond_the_factor_with_a_larger_one(self) -> None:
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
        (Shape((640, 480), (429, 322)), ("scales it to 0.67 of its size",)),
        (Shape((480, 480), (720, 720)), ("crops 25 % of the picture", "enlarges it 1.5 times")),
        (Shape((640, 480), (640, 480), (640, 640)), ("pads it with 25 % black",)),
        (Shape((640, 480), (320, 240), (320, 320)), ("scales it to 0.5 of its size", "pads it with 25 % black")),
        (Shape((640, 480), (640, 540)), ()),
    ],
)
def test_losses_are_named_with_their_share(found: Shape, phrases: tuple[str, ...]) -> None:
    assert geometry.losses(found, Subject.of(picture(640, 480))) == phrases
