"""The README's tour and recipes, and the examples for frameworks, each run as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from preflight import config
from tests.conftest import ROOT, Run
from tests.documented import Desk, blocks, follow, matches, sections, transcript

README = (ROOT / "README.md").read_text(encoding="utf-8")
CHAPTERS = sections(README, "##")
FRAMEWORKS = sections((ROOT / "docs/integrations.md").read_text(encoding="utf-8"), "##")
RECIPES = {**sections(CHAPTERS["Recipes"], "###"), **FRAMEWORKS}
TOUR = blocks(CHAPTERS["Five minutes"])

AFTERWARDS = {
    "Keep only what passes": """
        assert open("passed.txt").read().split() == ["media/clip.mp4", "media/photo.jpg"]
    """,
    "Check ten thousand files, and check them again tomorrow": """
        import json, os
        assert [json.loads(line)["index"] for line in open("run.jsonl")] == [0, 1, 2]
        assert os.path.getsize("checked.cache") > 0
    """,
    "Write reports for people and for machines": """
        assert "<html" in open("report.html").read() and "<testsuite" in open("report.xml").read()
        assert '"2.1.0"' in open("report.sarif").read()
    """,
    "Check uploads in FastAPI": """
        import asyncio, httpx
        from app import app

        async def post(path):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://t") as client:
                return await client.post("/clips", files={"clip": ("a", open(path, "rb").read())})

        assert asyncio.run(post("clip.mp4")).json() == {"accepted": "a"}
        refused = asyncio.run(post("media/narrow.png"))
        assert refused.status_code == 422 and refused.json()["detail"][0]["type"] == "width_too_small"
    """,
    "Check uploads in Django": """
        import django
        from django.conf import settings
        settings.configure(USE_I18N=False)
        django.setup()
        from django.core.files.uploadedfile import SimpleUploadedFile
        from clip_forms import ClipForm

        def errors(path):
            return ClipForm({}, {"clip": SimpleUploadedFile("a", open(path, "rb").read())}).errors.as_data()

        assert not errors("clip.mp4")
        assert errors("media/narrow.png")["clip"][0].code == "width_too_small"
    """,
}
"""Python that runs in a recipe's folder after the recipe and asserts its results."""


@pytest.fixture
def desk(tmp_path: Path, run: Run) -> Desk:
    return Desk(tmp_path, run)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_has_the_stated_exit_code(name: str, desk: Desk) -> None:
    shown = blocks(RECIPES[name])
    assert shown, "a recipe has a block"
    for block in shown:
        follow(block, desk)
    if name in AFTERWARDS:
        import textwrap

        done = desk.python(textwrap.dedent(AFTERWARDS[name]))
        assert done.returncode == 0, done.stderr


def test_every_follow_up_check_belongs_to_a_recipe() -> None:
    assert set(AFTERWARDS) <= set(RECIPES)


@pytest.mark.parametrize(
    ("command", "shown"),
    [pair for block in TOUR if block.language == "console" for pair in transcript(block.text)],
    ids=lambda text: text if text.startswith("preflight") else "",
)
def test_tour_shows_the_printed_output(command: str, shown: str, desk: Desk) -> None:
    done = desk.shell(command)
    assert matches(shown, done.stdout), done.stdout + done.stderr


def test_program_of_the_tour_runs(desk: Desk) -> None:
    (block,) = [block for block in TOUR if block.language == "python"]
    follow(block, desk)


def test_shown_configuration_has_every_key_and_works(desk: Desk) -> None:
    toml, shell = blocks(CHAPTERS["Configuration"])
    desk.write(toml)
    done = desk.shell(shell.text)
    assert done.returncode == 0, done.stderr
    assert "PASS    media/clip.mp4" in done.stdout
    assert "narrow.png" not in done.stdout
    assert all(key in toml.text for key in config.KEYS)


def test_shown_hook_and_action_exist() -> None:
    hook, workflow = (yaml.safe_load(block.text) for block in blocks(RECIPES["Check before each commit, and in CI"]))
    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["repos"][0]["hooks"][0]["id"] in [one["id"] for one in offered]
    step = workflow["jobs"]["media"]["steps"][-1]
    action = yaml.safe_load((ROOT / ".github/actions/preflight/action.yml").read_text(encoding="utf-8"))
    assert ".github/actions/preflight@" in step["uses"]
    assert set(step["with"]) <= set(action["inputs"])


def test_every_extra_is_in_the_table() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for extra in set(extras) - {"dev", "fixtures", "test"}:
        assert f"| `{extra}` |" in CHAPTERS["Extras"], extra
