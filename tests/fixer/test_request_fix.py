"""Files of one request: trimmed, sized and judged together."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import preflight
from tests.conftest import Run

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on PATH")

RULES = """
title = "Mine"
stage = "generate"
source = "https://example.com"
as_of = 2026-11-20
basis = "published"

[image]
format = { any_of = ["png"] }

[video]
format = { any_of = ["mp4"] }
duration = { min = 1, max = 10 }

[request]
same = ["dimensions"]

[request.image]
files = { max = 2 }

[request.video]
total_duration = { max = 3 }
"""


Fix = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def fix(tmp_path: Path, run: Run) -> Fix:
    """The command in a folder, with those rules."""
    (tmp_path / "mine.toml").write_text(RULES)
    return lambda *words: run("fix", *words, "--for", "./mine.toml", "--together", "-o", "out", cwd=tmp_path)


def picture(path: Path, width: int, height: int) -> None:
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(path)


def clip(path: Path, seconds: float) -> None:
    source = f"testsrc2=s=64x64:r=10:d={seconds}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", path]
    subprocess.run([str(word) for word in command], check=True)


def test_pictures_get_one_size(tmp_path: Path, fix: Fix) -> None:
    picture(tmp_path / "a.png", 64, 48)
    picture(tmp_path / "b.png", 80, 48)
    done = fix("a.png", "b.png")
    assert done.returncode == 0, done.stdout
    assert "PASS        all files together" in done.stdout
    (written,) = (tmp_path / "out").iterdir()
    other = tmp_path / ("b.png" if written.name == "a.png" else "a.png")
    assert preflight.probe(written).dimensions == preflight.probe(other).dimensions


@needs_ffmpeg
def test_longest_video_is_trimmed_to_the_total(tmp_path: Path, fix: Fix) -> None:
    clip(tmp_path / "short.mp4", 1.2)
    clip(tmp_path / "long.mp4", 4)
    done = fix("short.mp4", "long.mp4")
    assert done.returncode == 0, done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["long.mp4"]
    durations = [preflight.probe(tmp_path / name).duration or 9 for name in ("short.mp4", "out/long.mp4")]
    assert 2.4 < sum(durations) <= 3


def test_too_many_files_are_not_fixed_and_leave_nothing(tmp_path: Path, fix: Fix) -> None:
    for name in "abc":
        picture(tmp_path / f"{name}.png", 64 + ord(name), 48)
    done = fix("a.png", "b.png", "c.png")
    assert done.returncode == 1
    assert "NOT FIXABLE all files together" in done.stdout
    assert not (tmp_path / "out").exists()


def test_one_file_that_cannot_be_fixed_removes_what_was_written(tmp_path: Path, fix: Fix) -> None:
    picture(tmp_path / "a.png", 64, 48)
    picture(tmp_path / "c.png", 80, 48)
    (tmp_path / "b.png").write_bytes(b"no picture")
    done = fix("a.png", "c.png", "b.png")
    assert done.returncode == 1
    assert not list((tmp_path / "out").glob("*"))


def test_json_lines_end_with_the_request(tmp_path: Path, fix: Fix) -> None:
    picture(tmp_path / "a.png", 64, 48)
    picture(tmp_path / "b.png", 80, 48)
    done = fix("a.png", "b.png", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row.get("outcome") for row in rows[:-1]].count("fixed") == 1
    assert rows[-1]["request"]["verdict"] == "pass"


@pytest.mark.parametrize("words", [("--each",), ("first=a.png",)])
def test_wrong_calls_get_a_sentence(tmp_path: Path, fix: Fix, words: tuple[str, ...]) -> None:
    picture(tmp_path / "a.png", 64, 48)
    done = fix("a.png", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("preflight: ")
    assert "Traceback" not in done.stderr


def test_plans_of_a_request_are_not_judged_before_they_are_applied(tmp_path: Path, fix: Fix) -> None:
    picture(tmp_path / "a.png", 64, 48)
    picture(tmp_path / "b.png", 80, 48)
    done = fix("a.png", "b.png", "--dry-run")
    assert done.returncode == 0, done.stdout
    assert "PLANNED" in done.stdout
    assert "all files together" not in done.stdout
    assert not (tmp_path / "out").exists()
