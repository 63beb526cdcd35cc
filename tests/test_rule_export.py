"""`rules export` and `rules new`: what they print and write, and that it is valid."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from preflight import catalog
from preflight.export import EXPORT_ID, export_ruleset, export_schema
from preflight.rulecheck import validate_file
from preflight.ruleset import compile_ruleset
from tests.conftest import Run
from tests.test_rule_requests import EXAMPLE

SCHEMA = jsonschema.Draft202012Validator(export_schema())
WHOLE = export_ruleset(compile_ruleset("kling", tomllib.loads(EXAMPLE)))


def valid(row: dict[str, Any]) -> None:
    errors = [error.message for error in SCHEMA.iter_errors(row)]
    assert errors == []


def test_every_rule_set_is_valid_by_the_exported_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(export_schema())
    for name in catalog.names():
        valid(json.loads(json.dumps(export_ruleset(catalog.load(name)))))
    valid(WHOLE)


def test_bounds_are_numbers_and_conditions_are_listed() -> None:
    assert (WHOLE["$schema"], WHOLE["$id"], WHOLE["variant"]) == (EXPORT_ID, f"{EXPORT_ID}:kling", "720p")
    image = {limit["fact"]: limit for limit in WHOLE["kinds"]["image"]["limits"]}
    assert image["size"] == {
        "fact": "size",
        "max": 10_000_000,
        "lenient": {"max": 50_000_000},
        "note": "10 MB in the older text",
    }
    assert image["aspect_ratio"] == {"fact": "aspect_ratio", "any_of": [16 / 9, 9 / 16], "within": 0.01}
    assert image["bit_depth"] == {"fact": "bit_depth", "max": 8, "otherwise": "converted"}
    (when,) = WHOLE["kinds"]["video"]["when"]
    assert when["conditions"] == [{"fact": "format", "any_of": ["mov"]}]
    assert when["limits"] == [{"fact": "audio_codec", "any_of": ["aac", "pcm"]}]
    pixels = {limit["fact"]: limit for limit in WHOLE["variants"]["1080p"]["kinds"]["video"]["limits"]}["pixels"]
    assert pixels == {"fact": "pixels", "max": 2_073_600}
    (when,) = WHOLE["request"]["when"]
    assert (when["conditions"], when["limits"]["image"]) == (
        {"video": [{"fact": "files", "min": 1}]},
        [{"fact": "files", "max": 4}],
    )
    assert WHOLE["request"]["roles"]["last_frame"]["requires"] == ["first_frame"]
    assert WHOLE["units"]["size"] == "bytes"


def test_a_changed_rule_set_is_not_valid() -> None:
    for change in ({"stage": "sleep"}, {"kinds": {"text": {}}}, {"url": [{"fact": "size", "max": "30 MB"}]}):
        assert list(SCHEMA.iter_errors({**WHOLE, **change}))


def test_unknown_and_missing_keys_are_not_valid() -> None:
    def changed(path: tuple[str | int, ...], **extra: Any) -> dict[str, Any]:
        row = json.loads(json.dumps(WHOLE))
        here = row
        for key in path:
            here = here[key]
        here |= extra
        return row

    video = ("kinds", "video")
    for path in ((), video, (*video, "when", 0), (*video, "limits", 0), ("request",), ("request", "when", 0)):
        valid(changed(path))
        assert list(SCHEMA.iter_errors(changed(path, other=1)))
    lenient = ("kinds", "image", "limits", 0)
    valid(changed(lenient, lenient={"max": 1}))
    assert list(SCHEMA.iter_errors(changed(lenient, lenient={"most": 1})))
    assert list(SCHEMA.iter_errors({key: value for key, value in WHOLE.items() if key != "units"}))


def test_the_command_exports_those_that_are_named_or_all(run: Run) -> None:
    assert [row["name"] for row in json.loads(run("rules", "export", "atlas,ltx").stdout)] == ["atlas", "ltx"]
    assert len(json.loads(run("rules", "export").stdout)) == len(catalog.names())
    assert json.loads(run("rules", "schema", "--export").stdout) == export_schema()
    assert run("rules", "schema", "--export", "--report").returncode == 2


@pytest.mark.parametrize("name", ["house.toml", "house"])
def test_a_new_file_is_valid(name: str, run: Run, tmp_path: Path) -> None:
    done = run("rules", "new", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "house.toml: written. Complete it, then run preflight rules validate house.toml\n",
    )
    path = tmp_path / "house.toml"
    assert validate_file(str(path)) == []
    assert 'title = "house: ' in path.read_text()
    assert run("rules", "new", name, cwd=tmp_path).returncode == 2


def test_commented_lines_of_a_new_file_are_valid_too(run: Run, tmp_path: Path) -> None:
    assert run("rules", "new", "house", cwd=tmp_path).returncode == 0
    path = tmp_path / "house.toml"
    text = path.read_text().partition("\n\n")[2]
    for commented in ("# [", "# width", "# format", "# video_codec", "# audio_codec", "# duration", "# files"):
        text = text.replace(f"\n{commented}", f"\n{commented[2:]}")
    path.write_text(text.replace("width = { multiple_of = 16 }\n", ""))
    assert "\n[variants.pro.video]" in path.read_text()
    assert validate_file(str(path)) == []


@pytest.mark.parametrize("name", ["house.txt", "a/b:c", ".toml", "x\ny", "nowhere/house.toml"])
def test_a_name_that_cannot_be_written_is_refused(name: str, run: Run, tmp_path: Path) -> None:
    assert run("rules", "new", name, cwd=tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())
