"""The same paths are ignored as by `git check-ignore`, whatever the rules."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preflight.gitignore import GitignoreFile, IgnoreRules
from preflight.targets import Selection, expand
from tests.rows import each_row

NAMES = ("a", "b", "ab", "a.png", "b.png", "x y", "[1]", "ü.png")
PIECES = (
    *NAMES,
    *("*", "?", "**", "***", "a*", "*.png", "*a*b*", "a**", "**a", "?*", "\\*", "\\[1]", "\\a", "a\\", "?.png"),
    *("[ab]", "[!a]", "[^b]", "[a-b]*", "[]a]", "[!]]", "[-a]*", "[[:alpha:]]", "[[:digit:]]", "[[:nothing:]]", "[a"),
)

pieces = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4)
lines = st.builds(
    lambda start, path, slash, end: start + "/".join(path) + slash + end,
    st.sampled_from(("", "", "", "/", "!", "!/", "#", "\\!", "\\#")),
    pieces,
    st.sampled_from(("", "", "/", "//")),
    st.sampled_from(("", "", "", " ", "\\ ", "  ", "\t", "\r")),
)
files = st.lists(lines, min_size=1, max_size=5).map("\n".join)


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(folder: Path, *words: str) -> str:
    """The output of a git command in a folder."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    top = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", top], check=True)
    for first in NAMES:
        if len(first) < 3:
            for second in NAMES:
                if len(second) < 3:
                    (top / first / second).mkdir(parents=True)
                    for third in NAMES:
                        (top / first / second / third).touch()
                else:
                    (top / first / second).touch()
        else:
            (top / first).touch()
    return top


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(upper=files, lower=files, excluded=files)
def test_the_same_files_are_ignored_as_by_git(repository: Path, upper: str, lower: str, excluded: str) -> None:
    for name, text in ((".gitignore", upper), ("a/.gitignore", lower), (".git/info/exclude", excluded)):
        (repository / name).write_bytes(text.encode())
    every = [str(item.target) for item in expand([str(repository)], Selection(ignore=False))]
    asked = "\0".join(os.path.relpath(path, repository) for path in every)
    command = ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, cwd=repository, input=asked.encode(), capture_output=True, check=False)
    ignored = {os.path.join(repository, path) for path in done.stdout.decode().split("\0") if path}
    left = {str(item.target) for item in expand([str(repository)]) if item.problem is None}
    assert left == set(every) - ignored


@each_row(
    ("rule", "path", "is_folder", "expected"),
    [
        ("node_modules/", "node_modules", True, True),
        ("node_modules/", "node_modules", False, None),
        ("/a.png", "b/a.png", False, None),
        ("b/a.png", "x/b/a.png", False, None),
        ("**/b/a.png", "x/b/a.png", False, True),
        ("*.png\n!a.png", "b/a.png", False, False),
        ("a/**/b", "a/b", False, True),
        ("a**/b", "ab", False, True),
        ("\ufeffa", "a", False, True),
        ("a\r\nb\r\n", "b", False, True),
        ("?.png", "ü.png", False, None),
        ("[", "[", False, None),
    ],
)
def test_single_rule_matches_as_in_git(rule: str, path: str, is_folder: bool, expected: bool | None) -> None:
    assert GitignoreFile(rule.encode()).verdict(path, is_folder=is_folder) is expected


@each_row(
    ("rule", "path"),
    [
        ("*a" * 60 + "b", "a" * 255),
        ("**/" * 30 + "*a" * 20 + "/b", "a/" * 100 + "c"),
        ("a/" + "**/a/" * 60 + "b", "a/" * 600 + "c"),
    ],
)
def test_hostile_rules_match_in_bounded_time(rule: str, path: str) -> None:
    began = time.process_time()
    assert GitignoreFile(rule.encode()).verdict(path, is_folder=False) is None
    assert time.process_time() - began < 0.5


def test_ignored_folder_inherits_no_rules(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "build").mkdir()
    (tmp_path / ".gitignore").write_text("build\n*.png\n")
    assert not IgnoreRules.for_folder(str(tmp_path / "build")).ignores(str(tmp_path / "build/a.png"), is_folder=False)
    assert (
        IgnoreRules.for_folder(str(tmp_path))
        .with_folder(str(tmp_path))
        .ignores(str(tmp_path / "a.png"), is_folder=False)
    )


@needs_git
def test_worktree_uses_the_exclude_file_of_its_repository(tmp_path: Path) -> None:
    main, other = tmp_path / "main", tmp_path / "other"
    git(tmp_path, "init", "-q", str(main))
    git(main, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "Begin")
    git(main, "worktree", "add", "-q", str(other))
    (main / ".git/info/exclude").write_text("out\n")
    for name in ("a.png", "out/b.png"):
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).touch()
    assert [item.target for item in expand([str(other)], Selection())] == [str(other / "a.png")]


@needs_git
def test_nested_repository_uses_only_its_own_rules(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    for repository, rules in ((tmp_path, "*.png"), (inner, "*.gif")):
        git(tmp_path, "init", "-q", str(repository))
        (repository / ".gitignore").write_text(rules)
    for name in ("a.png", "b.gif"):
        (tmp_path / name).touch()
        (inner / name).touch()
    found = [str(tmp_path / "b.gif"), str(inner / "a.png")]
    assert [item.target for item in expand([str(tmp_path)], Selection())] == found
    listed = git(inner, "ls-files", "--others", "--exclude-standard")
    assert listed.split() == [".gitignore", "a.png"]


@pytest.mark.parametrize("text", ["gitdir: ", "gitdir: a\0b", "gitdir: .git", "", "other"])
def test_git_file_with_a_dangling_path_has_no_rules(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text)
    (tmp_path / "a.png").touch()
    assert [item.target for item in expand([str(tmp_path)], Selection())] == [str(tmp_path / "a.png")]
