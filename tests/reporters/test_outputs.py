"""Several reports of one run, whose formats and paths are checked before anything is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preflight.errors import UsageError
from preflight.reporters import PROBE_FORMATS, REPORTERS, SUFFIXES, format_of, make_reporter
from preflight.summary import Summary
from tests.conftest import Run
from tests.rows import each_row

FAILING = "fixtures/refused/png-too-narrow.png"


def test_every_format_has_a_reporter() -> None:
    import io

    for name in REPORTERS:
        reporter = make_reporter(name, io.StringIO())
        assert hasattr(reporter, "add")
        reporter.close(Summary())
    assert set(PROBE_FORMATS) < set(REPORTERS)


@each_row(
    ("words", "expected"),
    [
        ("r.html", ("html", "r.html")),
        ("a=b/r.XML", ("junit", "a=b/r.XML")),
        ("r.sarif.json", ("sarif", "r.sarif.json")),
        ("r.json", ("json", "r.json")),
        ("github=/dev/stderr", ("github", "/dev/stderr")),
        ("csv=r.html", ("csv", "r.html")),
    ],
)
def test_name_determines_the_format_unless_it_is_given(words: str, expected: tuple[str, str]) -> None:
    assert format_of(words) == expected


def test_name_without_known_extension_is_an_error_with_the_choices() -> None:
    with pytest.raises(UsageError, match=r"\.html, .*FORMAT=FILE"):
        format_of("report.doc")


def test_all_suffixes_name_formats() -> None:
    assert set(SUFFIXES.values()) <= set(REPORTERS)


def test_several_reports_are_written_besides_the_main_output(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("r.xml", "r.sarif", "r.csv", "r.html", "r.jsonl")]
    words = [word for path in paths for word in ("--report", path)]
    done = run("check", FAILING, "--for", "atlas", *words)
    assert done.returncode == 1
    assert done.stdout.startswith(f"FAIL    {FAILING}")
    assert all(path.stat().st_size > 100 for path in paths)
    assert json.loads(paths[4].read_text())["verdict"] == "fail"


def test_quiet_applies_only_to_the_main_output(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    run("check", "fixtures/accepted/picture.png", "--for", "atlas", "--quiet", "--report", out)
    assert json.loads(out.read_text())["verdict"] == "pass"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--report", "no/such/folder/r.html"], "no/such/folder/r.html cannot be written"),
        (["--report", "/tmp/x.html", "--report", "html=/tmp/../tmp/x.html"], "Give each a path of its own"),
        (["--report", "r"], "has no known extension"),
    ],
)
def test_wrong_path_is_reported_before_anything_is_read(run: Run, words: list[str], said: str) -> None:
    done = run("check", "gone.png", "--for", "atlas", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "gone.png" not in done.stdout + done.stderr.replace("check gone.png", "")


def test_main_output_and_report_must_have_different_paths(run: Run, tmp_path: Path) -> None:
    done = run("check", FAILING, "--for", "atlas", "--output", tmp_path / "r.xml", "--report", tmp_path / "r.xml")
    assert done.returncode == 2
    assert "Give each a path of its own" in done.stderr


def test_missing_extra_is_reported_before_anything_is_read(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; sys.modules['jinja2'] = None; sys.argv = ['preflight', *sys.argv[1:]]\n"
        "from preflight.cli import main; main()"
    )
    words = ["check", FAILING, "--for", "atlas", "--report", str(tmp_path / "r.html")]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'preflight-media[report]'" in done.stderr
    assert done.stdout == ""
