"""Animations: every frame keeps its picture and its time, or only the first one stays."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageSequence

from preflight.fixer.picture import originals as picture_source
from tests.fixer.pictures import answered, furthest, photograph, quarters, recipe_of, saved, written
from tests.rows import each_row

QUIRKS = Path("fixtures/quirks")
DURATIONS = [40, 120, 40, 300]

Shown = list[tuple[Image.Image, int]]


def frames(*, transparent: bool = False) -> list[Image.Image]:
    """A square that moves, on colors or on nothing."""
    found = []
    for number in range(4):
        image = Image.new("RGBA", (40, 24), (0, 0, 0, 0)) if transparent else quarters().convert("RGBA")
        ImageDraw.Draw(image).rectangle((6 * number, 4, 6 * number + 8, 16), (255, 255, 255, 255))
        found.append(image)
    return found


def animation(kind: str, *, transparent: bool = False, **options: Any) -> bytes:
    first, *others = frames(transparent=transparent)
    return saved(first, kind.upper(), save_all=True, append_images=others, duration=DURATIONS, loop=0, **options)


def shown(data: bytes) -> Shown:
    """Return the frames as a viewer shows them, and how long."""
    with Image.open(BytesIO(data)) as image:
        return [
            (frame.convert("RGBA"), round(frame.info.get("duration", 0))) for frame in ImageSequence.Iterator(image)
        ]


def is_near(one: Image.Image, other: Image.Image, tolerance: int) -> bool:
    """Compare two pictures; the colors of transparent pixels do not count."""
    black = Image.new("RGBA", one.size, "black")
    return furthest(Image.alpha_composite(black, one), Image.alpha_composite(black, other)) <= tolerance


@each_row(
    ("kind", "options", "transparent"),
    [
        ("gif", {"disposal": 1}, False),
        ("gif", {"disposal": 2}, True),
        ("gif", {"disposal": 3}, True),
        ("png", {}, False),
        ("png", {"disposal": 1}, True),
        ("webp", {"lossless": True}, False),
        ("webp", {"lossless": True}, True),
    ],
)
def test_every_frame_keeps_picture_and_time(kind: str, options: dict[str, Any], transparent: bool) -> None:
    data = animation(kind, transparent=transparent, **options)
    before = shown(data)
    assert len(before) == 4
    recipe = recipe_of(kind, kind, keeps_frames=True, lossless=True, crop=(0, 0, 32, 24))
    after = shown(written(data, recipe))
    assert [duration for _, duration in after] == [duration for _, duration in before] == DURATIONS
    for (expected, _), (found, _) in zip(before, after, strict=True):
        assert is_near(found, expected.crop((0, 0, 32, 24)), 0)


@each_row("name", ["gif-animated.gif", "gif-animated-once.gif", "gif-local-palette.gif"])
def test_animated_fixture_keeps_its_frames_when_scaled(name: str) -> None:
    data = (QUIRKS / name).read_bytes()
    kind = name[-3:]
    before = shown(data)
    size = (before[0][0].width // 2, before[0][0].height // 2)
    after = shown(written(data, recipe_of(kind, kind, keeps_frames=True, size=size)))
    assert sum(duration for _, duration in after) == sum(duration for _, duration in before)
    assert after[0][0].size == size
    assert is_near(after[-1][0], before[-1][0].resize(size, Image.Resampling.LANCZOS), 40)


@each_row(("loop", "expected"), [(None, None), (0, 0), (3, 3)])
def test_loops_of_a_gif_stay(loop: int | None, expected: int | None) -> None:
    first, *others = frames()
    options = {} if loop is None else {"loop": loop}
    data = saved(first, "GIF", save_all=True, append_images=others, duration=50, **options)
    with Image.open(BytesIO(written(data, recipe_of("gif", "gif", keeps_frames=True, size=(20, 12))))) as image:
        assert image.info.get("loop") == expected
    with Image.open(BytesIO(written(data, recipe_of("gif", "webp", keeps_frames=True)))) as image:
        assert image.info.get("loop") == {None: 1, 0: 0, 3: 4}[loop]


def test_animation_moves_to_another_format() -> None:
    data = animation("gif")
    after = shown(written(data, recipe_of("gif", "webp", keeps_frames=True, lossless=True)))
    assert [duration for _, duration in after] == DURATIONS
    for (expected, _), (found, _) in zip(shown(data), after, strict=True):
        assert is_near(found, expected, 0)


def test_sequence_of_avif_keeps_its_frames() -> None:
    data = (QUIRKS / "avif-sequence.avifs").read_bytes()
    before = shown(data)
    after = shown(written(data, recipe_of("avif", "avif", keeps_frames=True, chroma="4:4:4")))
    assert [duration for _, duration in after] == [duration for _, duration in before]


@each_row("kind", ["gif", "png", "webp"])
def test_first_frame_is_kept_for_a_still(kind: str) -> None:
    data = animation(kind, **({"lossless": True} if kind == "webp" else {}))
    (still, _), *others = shown(written(data, recipe_of(kind, "png")))
    assert not others
    assert is_near(still, frames()[0], 0)


def test_animation_becomes_smaller_until_it_fits() -> None:
    first, *others = (photograph(200, 120).rotate(turn).quantize(64) for turn in (0, 90, 180))
    data = saved(first, "GIF", save_all=True, append_images=others, duration=50)
    smaller = tuple((round(200 * 0.97**n), round(120 * 0.97**n)) for n in range(1, 60))
    answer = answered(data, recipe_of("gif", "gif", keeps_frames=True, smaller=smaller), int(len(data) * 0.6))
    assert 60 < answer["width"] < 200
    assert answer["quality"] is None
    assert len(shown(b64decode(answer["data"]))) == 3


def test_frames_of_too_many_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_source, "_MAX_FRAME_PIXELS", 4 * 40 * 24 - 1)
    answer = answered(animation("gif"), recipe_of("gif", "gif", keeps_frames=True))
    assert answer["refused"] == "has 4 frames of 40×24 pixels, too many to change at once"
