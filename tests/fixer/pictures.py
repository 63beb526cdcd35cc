"""Pictures and recipes for the tests of the fixer, and the task called as its process calls it."""

from __future__ import annotations

import json
from base64 import b64decode
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from preflight.fixer.picture import task as picture_task
from preflight.plans.picture_formats import PICTURE_READERS
from preflight.plans.recipes import PictureRecipe


def recipe_of(source: str = "png", written: str = "png", **fields: Any) -> PictureRecipe:
    lossless = written in ("png", "gif", "bmp", "tiff")
    return PictureRecipe(PICTURE_READERS[source], written, **{"lossless": lossless, **fields})


def saved(image: Image.Image, written: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, written, **options)
    return file.getvalue()


def answered(data: bytes, recipe: PictureRecipe, budget: int | None = None) -> dict[str, Any]:
    """Return the answer of the task; recipe and answer go through JSON, as between the processes."""
    arguments = json.loads(json.dumps({"recipe": recipe._asdict(), "budget": budget}))
    return json.loads(json.dumps(picture_task.write(BytesIO(data), **arguments)))


def written(data: bytes, recipe: PictureRecipe, budget: int | None = None) -> bytes:
    answer = answered(data, recipe, budget)
    assert "refused" not in answer, answer
    return b64decode(answer["data"])


def applied(data: bytes, recipe: PictureRecipe, budget: int | None = None) -> Image.Image:
    """Return the picture that a recipe makes."""
    with Image.open(BytesIO(written(data, recipe, budget))) as image:
        image.load()
        return image


def photograph(width: int = 320, height: int = 240) -> Image.Image:
    """A picture with edges, gradients and noise, the same each time."""
    ramp = Image.linear_gradient("L").resize((width, height))
    disc = Image.radial_gradient("L").resize((width, height))
    waves = Image.effect_mandelbrot((width, height), (-2, -1.2, 0.8, 1.2), 60)
    bands = [ImageChops.add(waves, ramp, 2), ImageChops.add(disc, waves, 2), ImageChops.subtract(ramp, disc, 1, 128)]
    return Image.merge("RGB", [band.filter(ImageFilter.GaussianBlur(0.6)) for band in bands])


def quarters(width: int = 40, height: int = 24) -> Image.Image:
    """Red and green above, blue and yellow below."""
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 255, 0), (width // 2, 0, width, height // 2))
    image.paste((0, 0, 255), (0, height // 2, width // 2, height))
    image.paste((255, 255, 0), (width // 2, height // 2, width, height))
    return image


def furthest(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of a component between two pictures of the same size and mode."""
    extrema = ImageChops.difference(one, other).getextrema()
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return max(int(high) for _, high in pairs)
