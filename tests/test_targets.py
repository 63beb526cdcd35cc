"""Expansion of what a command line names to single targets, in an order that is always the same."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

import preflight
from preflight.targets import Selection, expand
from tests.conftest import Run


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """a.png, b/ with c.png and d/e.mp4, hidden things, and z.jpg."""
    for name in ("a.png", "b/c.png", "b/d/e.mp4", ".hidden/x.png", "b/.y.png", "z.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    items = expand(words, Selection(include, exclude))
    return [f"{item.problem.code}: {item.name}" if item.problem else str(item.target) for item in items]


class TestFolders:
    def test_files_come_before_subfolders_sorted_by_name(self, tree: Path) -> None:
        assert names(".") == ["./a.png", "./z.jpg", "./b/c.png", "./b/d/e.mp4"]

    def test_files_of_folders_are_not_explicit(self, tree: Path) -> None:
        assert [item.explicit for item in expand(["b", "a.png"])] == [False, False, True]

    def test_patterns_match_the_path_below_the_folder_or_the_name(self, tree: Path) -> None:
        assert names(".", include=("*.png",)) == ["./a.png", "./b/c.png"]
        assert names(".", include=("b/*",)) == ["./b/c.png", "./b/d/e.mp4"]
        assert names(".", exclude=("c.*", "*.jpg")) == ["./a.png", "./b/d/e.mp4"]
        assert names(".", include=("*.png",), exclude=("b/*",)) == ["./a.png"]
        assert names(str(tree), include=("b/*",)) == [f"{tree}/b/c.png", f"{tree}/b/d/e.mp4"]

    def test_patterns_do_not_apply_to_named_files(self, tree: Path) -> None:
        assert names("a.png", include=("*.mp4",)) == ["a.png"]

    def test_folder_without_a_matching_file_is_a_problem(self, tree: Path) -> None:
        assert names(".", include=("*.wav",)) == ["no_media: ."]

    def test_links_are_followed_and_loops_are_not(self, tree: Path) -> None:
        (tree / "b/up").symlink_to(tree)
        (tree / "b/lost.png").symlink_to("nowhere")
        (tree / "b/self.png").symlink_to("self.png")
        assert names("b") == ["b/c.png", "b/lost.png", "b/self.png", "b/d/e.mp4", "b/up/a.png", "b/up/z.jpg"]

    def test_pipes_sockets_and_devices_are_skipped(self, tree: Path) -> None:
        os.mkfifo(tree / "b/pipe.png")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("b/socket.png")
        assert names("b") == ["b/c.png", "b/d/e.mp4"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
    def test_unreadable_folder_is_one_problem(self, tree: Path) -> None:
        (tree / "b").chmod(0)
        assert names(".") == ["./a.png", "./z.jpg", "unreadable: ./b"]
        (tree / "b").chmod(0o700)

    def test_ten_thousand_files_are_listed_quickly(self, tree: Path) -> None:
        import time

        for number in range(10_000):
            os.link(tree / "a.png", tree / f"b/d/{number}.png")
        began = time.process_time()
        assert len(names(".")) == 10_004
        assert time.process_time() - began < 0.5


class TestPatterns:
    def test_pattern_that_the_shell_did_not_expand_is_expanded(self, tree: Path) -> None:
        assert names("*.png", "b/**/*.mp4") == ["a.png", "b/d/e.mp4"]
        assert names("?") == ["b/c.png", "b/d/e.mp4"]

    def test_file_below_a_folder_that_matches_too_is_listed_once(self, tree: Path) -> None:
        assert names("**") == ["a.png", "b/c.png", "b/d/e.mp4", "z.jpg"]
        assert names("b/**") == ["b/c.png", "b/d/e.mp4"]
        assert names("b/*") == ["b/c.png", "b/d/e.mp4"]
        assert names("./**/*") == ["./a.png", "./b/c.png", "./b/d/e.mp4", "./z.jpg"]

    def test_folders_whose_names_begin_alike_are_all_listed(self, tree: Path) -> None:
        (tree / "b-old").mkdir()
        (tree / "b-old/f.png").write_bytes(b"x")
        assert names("b*") == ["b/c.png", "b/d/e.mp4", "b-old/f.png"]

    def test_pattern_without_a_match_is_a_problem(self, tree: Path) -> None:
        assert names("*.wav") == ["not_found: *.wav"]

    def test_file_whose_name_is_a_pattern_is_a_target(self, tree: Path) -> None:
        (tree / "[1].png").write_bytes(b"x")
        assert names("[1].png") == ["[1].png"]


def test_urls_and_missing_files_are_targets(tree: Path) -> None:
    assert names("https://cdn.example/*.png", "gone.png", "a.png") == [
        "https://cdn.example/*.png",
        "gone.png",
        "a.png",
    ]


class TestIgnored:
    @pytest.fixture
    def project(self, tree: Path) -> Path:
        """A repository whose .gitignore files ignore some pictures, with the folders of dependencies."""
        subprocess.run(["git", "init", "-q"], check=True)
        for name in (
            "build/a.png",
            "src/keep.tmp.png",
            "src/other.tmp.png",
            "src/local.png",
            "node_modules/x/a.png",
            "src/node_modules/a.png",
            "env/lib/a.png",
            "src/__pycache__/a.png",
        ):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(b"x")
        (tree / "env/pyvenv.cfg").touch()
        (tree / ".gitignore").write_text("/build/\n*.tmp.png\nz.jpg\n")
        (tree / "src/.gitignore").write_text("!keep.tmp.png\nlocal.png\n")
        return tree

    def test_ignored_files_and_dependencies_are_left_out(self, project: Path) -> None:
        assert names(".") == ["./a.png", "./b/c.png", "./b/d/e.mp4", "./src/keep.tmp.png"]

    def test_rules_hold_from_the_top_of_the_repository(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert names("src") == ["src/keep.tmp.png"]
        monkeypatch.chdir(project / "src")
        assert names(".") == ["./keep.tmp.png"]
        assert names("..")[:1] == ["../a.png"]

    def test_ignored_file_named_as_target_is_checked(self, project: Path) -> None:
        assert names("build/a.png", "z.jpg") == ["build/a.png", "z.jpg"]
        assert names("build", "node_modules", "env") == [
            "build/a.png",
            "node_modules/x/a.png",
            "env/pyvenv.cfg",
            "env/lib/a.png",
        ]

    def test_no_ignore_includes_ignored_files(self, project: Path) -> None:
        found = [item.target for item in expand(["."], Selection(ignore=False))]
        assert len(found) == 13

    def test_ignored_files_are_counted(self, project: Path, run: Run) -> None:
        count: list[None] = []
        list(expand(["."], Selection(ignored=lambda: count.append(None))))
        assert len(count) == 8
        done = run("check", project, "--for", "atlas")
        assert "4 files, 8 ignored;" in done.stdout
        done = run("check", project, "--for", "atlas", "--format", "json")
        assert json.loads(done.stdout)["summary"]["ignored"] == 8
        done = run("check", project, "--for", "atlas", "--no-ignore")
        assert "12 files, 1 non-media file skipped;" in done.stdout

    def test_folder_of_only_ignored_files_is_reported(self, project: Path) -> None:
        (project / "src/keep.tmp.png").unlink()
        (item,) = expand(["src"])
        assert item.problem is not None
        assert "apart from ignored files" in item.problem.message

    def test_rules_hold_without_a_repository_below_the_folder(self, tree: Path) -> None:
        (tree / "b/.gitignore").write_text("*.png\n")
        assert names(".") == ["./a.png", "./z.jpg", "./b/d/e.mp4"]

    def test_gitignore_that_is_pipe_or_link_is_skipped(self, tree: Path) -> None:
        os.mkfifo(tree / ".gitignore")
        (tree / "rules").write_text("*\n")
        (tree / "b/.gitignore").symlink_to("../rules")
        assert names("b") == ["b/c.png", "b/d/e.mp4"]


@pytest.mark.parametrize("word", ["cdn.example.com/x.png?X-Amz-Signature=5f2caa", "//h.example/a.mp4?token=5f2caa"])
def test_signature_of_a_url_without_scheme_is_not_shown(word: str) -> None:
    (item,) = expand([word])
    assert item.problem is not None
    assert "5f2caa" not in f"{item.name} {item.problem.message}"
    report = preflight.check(word, "atlas")
    assert report.verdict == "unknown"
    assert "5f2caa" not in json.dumps(report.as_json())


def test_existing_file_whose_name_has_a_query_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png?token=5f2caa"
    path.write_bytes(b"")
    assert preflight.check(str(path), "atlas").source == str(path)
