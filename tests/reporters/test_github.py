"""Annotations for GitHub: a workflow command for each finding, and none from a file name."""

from __future__ import annotations

import re

from preflight.report import Report
from tests.reporters.conftest import HOSTILE, report_of, written
from tests.rows import each_row

COMMAND = re.compile(r"::(error|warning|notice) (?:file=([^,:]*),)?title=([^,:]*)::(.*)")


def commands(text: str) -> list[tuple[str, ...]]:
    lines = text.split("\n")
    assert lines[-1] == ""
    assert lines[-2].startswith("preflight: ")
    return [match.groups() for line in lines[:-2] if (match := COMMAND.fullmatch(line)) is not None or wrong(line)]


def wrong(line: str) -> bool:
    raise AssertionError(f"not a command: {line!r}")


def unescaped(text: str) -> str:
    """Return a property as the runner reads it."""
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_each_finding_is_an_annotation_of_its_severity(three: list[Report]) -> None:
    found = commands(written("github", three))
    assert [command[:3] for command in found] == [
        ("error", "a.png", "Width too small"),
        ("error", "b.png", "Not found"),
        ("warning", "c.mp4", "Too long"),
        ("notice", "c.mp4", "Misleading extension"),
    ]
    assert found[0][3].startswith("a.png: width 299 px: below the 300 px")
    assert " → scale it to 300×401 [width_too_small]%0ACommand that fixes it: preflight fix " in found[0][3]
    assert found[1][3] == "b.png does not exist. Check the path. [not_found]"


def test_last_line_has_the_counts(three: list[Report]) -> None:
    assert written("github", three).endswith("\npreflight: 3 files: 1 pass, 1 fail, 1 unknown\n")


@each_row("name", HOSTILE)
def test_file_name_cannot_end_its_annotation(name: str) -> None:
    ((level, file, _, message),) = commands(written("github", [report_of(name)]))
    assert level == "error"
    assert message.isprintable()
    assert file is not None
    assert unescaped(file).isprintable() or "\n" in unescaped(file)


def test_source_that_is_not_a_path_is_named_only_in_the_message() -> None:
    reports = [report_of("<stdin>"), report_of("https://example.com/a.png?x=1")]
    (_, file, _, message), (_, link, _, about) = commands(written("github", reports))
    assert (file, link) == (None, None)
    assert message.startswith("<stdin>: width")
    assert about.startswith("https://example.com/a.png?x=1: width")
