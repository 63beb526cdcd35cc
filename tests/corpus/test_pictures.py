"""Write every picture of the corpus as JPEG and as PNG, and open the results with Pillow."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from preflight.checker import probe
from preflight.fixer.pictures import CannotWrite, apply_picture
from preflight.plans import pictures
from preflight.plans.choices import Choices
from preflight.plans.encoding import Subject
from preflight.plans.least_change import changes_for
from preflight.plans.picture_formats import PICTURE_READERS
from preflight.ruleset import compile_ruleset
from preflight.sources.local import LocalSource

HEAD = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
CHOICES = Choices(first_picture=True)
SHORT = 40
"""Every so manieth picture is in the short form of the test."""


def written(path: Path, target: str) -> str | None:
    """Write a picture whose longest side is at most 300 px; return why that is not possible. None: it is as planned."""
    media = probe(str(path))
    if media.format not in PICTURE_READERS:
        return f"is {media.format}"
    limits = {"format": {"any_of": [target]}, "long_side": {"max": 300}}
    section = compile_ruleset("mine", {**HEAD, "image": limits}).sections["image"].mandatory
    wrong = {"format"} - ({"format"} if media.format == target else set())
    wrong |= {"long_side"} if (media.long_side or 0) > 300 else set()
    changes = changes_for(frozenset(wrong), Subject.of(media, exact=True), section, CHOICES)
    recipe = pictures.recipe(changes)
    if recipe is None:
        return str(pictures.obstacle(changes, media))
    source = LocalSource(str(path))
    try:
        result = apply_picture(source, media, recipe)
    except CannotWrite as error:
        return error.reason
    finally:
        source.close()
    planned = changes.shape.result if changes.shape is not None else (media.width, media.height)
    with Image.open(BytesIO(result.data)) as image:
        image.load()
        assert (image.format, image.size) == (target.upper(), planned)
    return None


def pictures_of(corpus: Path) -> list[dict[str, Any]]:
    lines = (corpus / "manifest.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    known = [json.loads(line) for line in lines]
    return [row for row in known if row["class"] == "core" and row["kind"] == "image"]


def require_written(corpus: Path, rows: list[dict[str, Any]]) -> Counter[str]:
    """Write the pictures; the only ones that are not are damaged, or coded in a way that Pillow does not decode."""
    reasons: Counter[str] = Counter()
    for row in rows:
        for target in ("jpeg", "png"):
            reason = written(corpus / "files" / row["path"], target)
            if row["decodes"] and not row["broken"]:
                reasons[reason or "written"] += 1
            assert reason is None or reason.startswith(("is damaged, or coded in a way", "is ")), (row["path"], reason)
    return reasons


def test_some_pictures_are_written_as_planned(corpus: Path) -> None:
    assert require_written(corpus, pictures_of(corpus)[::SHORT])["written"] > 20


@pytest.mark.slow
def test_nearly_all_pictures_are_written_as_planned(corpus: Path) -> None:
    reasons = require_written(corpus, pictures_of(corpus))
    print(*[f"{count:5} {reason}" for reason, count in reasons.most_common()], sep="\n")
    assert reasons["written"] >= 0.94 * reasons.total()
