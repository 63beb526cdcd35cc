"""A configuration names only files inside its repository; the command line names any file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from preflight import UsageError, config
from preflight.confinement import Confinement
from tests.conftest import Run

RULES = 'title = "Mine"\nstage = "register"\nsource = "x"\nas_of = 2026-11-20\nbasis = "published"\n[image]\n'


@pytest.fixture
def repository(tmp_path: Path, fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with links that lead out of it, and the folder `outside` beside it."""
    top = tmp_path / "repository"
    (top / ".git").mkdir(parents=True)
    (top / "media").mkdir()
    (top / "sub").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    for folder in (top / "media", outside):
        shutil.copy(fixtures / "accepted/picture.png", folder / "picture.png")
    (outside / "secret.txt").write_text("AWS_SECRET=swordfish\n")
    (outside / "rules.toml").write_text(RULES)
    (top / "media/folder").symlink_to(outside)
    (top / "media/file.png").symlink_to(outside / "picture.png")
    (top / "list.txt").symlink_to(outside / "secret.txt")
    (top / "linked.toml").symlink_to(outside / "rules.toml")
    (top / "extends.toml").write_text('extends = "../outside/rules.toml"\n')
    (top / "chain.toml").write_text('extends = "./extends.toml"\n')
    monkeypatch.chdir(top)
    return top


def rows(run: Run, folder: Path, *words: str) -> dict[str, tuple[str, str]]:
    """Source → verdict and first message of `preflight check`."""
    done = run("check", "--format", "jsonl", *words, cwd=folder)
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        row["source"]: (row["verdict"], next((one["message"] for one in row["results"][0]["findings"]), ""))
        for row in listed
    }


OUTSIDE = [
    *("@/etc/passwd", "@../outside/secret.txt", "@list.txt", "@/proc/self/environ", "@/dev/zero", "@~/.netrc"),
    *("/etc/passwd", "../outside", "media/folder", "media/folder/picture.png", "media/file.png", "~/x.png"),
    *("../outside/*", "media/folder/*", "/*", "*/../../outside/*", "sub/../../outside", "/proc/self/root/etc"),
    *("file:///etc/passwd", "FILE:///etc/passwd", "https://example.com/a.png", "a\0b", "a/" * 5000),
]


@pytest.mark.parametrize(
    ("name", "path"),
    [*(("preflight.toml", path) for path in OUTSIDE), *(("pyproject.toml", path) for path in OUTSIDE[1::10])],
)
def test_path_outside_is_refused_with_file_and_line(run: Run, repository: Path, path: str, name: str) -> None:
    table = "[tool.preflight]\n" if name == "pyproject.toml" else "\n"
    (repository / name).write_text(f'{table}rules = "atlas"\npaths = [{json.dumps(path)}]\n')
    done = run("check", cwd=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"preflight: {repository / name}:3: paths: ")
    assert "swordfish" not in done.stderr
    assert done.stderr.splitlines()[1:] == ["--no-config ignores configuration files."]


@pytest.mark.parametrize(
    "rules",
    ["../outside/rules.toml", "linked.toml", "extends.toml", "chain.toml", "atlas,./linked.toml", "/etc/passwd"],
)
def test_rule_file_outside_is_refused(repository: Path, rules: str) -> None:
    (repository / "preflight.toml").write_text(f'rules = "{rules}"\n')
    with pytest.raises(UsageError, match=r"preflight\.toml:1: rules: .* is outside .*\. Give it on the command line\."):
        config.load()


def test_rule_file_outside_is_not_read(repository: Path) -> None:
    os.mkfifo(repository.parent / "outside/pipe.toml")
    (repository / "fifo.toml").write_text('extends = "../outside/pipe.toml"\n')
    (repository / "preflight.toml").write_text('rules = "fifo.toml"\n')
    with pytest.raises(UsageError, match="is outside"):
        config.load()


def test_rule_files_inside_are_used(run: Run, repository: Path) -> None:
    shutil.copy(repository.parent / "outside/rules.toml", repository / "base.toml")
    (repository / "sub/mine.toml").write_text('extends = "../base.toml"\n[image]\nwidth = { max = 100 }\n')
    (repository / "sub/preflight.toml").write_text('rules = "mine.toml"\npaths = ["../media/picture.png"]\n')
    assert rows(run, repository / "sub")["../media/picture.png"][0] == "fail"


@pytest.mark.parametrize("name", ["preflight.toml", "pyproject.toml"])
def test_configuration_that_is_a_link_outside_is_not_read(run: Run, repository: Path, name: str) -> None:
    (repository.parent / "private.toml").write_text('[tool.preflight]\nsecret = "of the user"\n')
    (repository / "preflight.toml").unlink(missing_ok=True)
    (repository / name).symlink_to("../private.toml")
    done = run("check", "media/picture.png", "--for", "atlas", cwd=repository)
    assert done.returncode == 2
    assert f"{name} is a link that leads out of its repository. Copy the file." in done.stderr
    assert "secret" not in done.stderr + done.stdout
    (repository / "inside.toml").write_text('[tool.preflight]\nrules = "atlas"\n')
    (repository / "pyproject.toml").unlink(missing_ok=True)
    (repository / "preflight.toml").unlink(missing_ok=True)
    (repository / "pyproject.toml").symlink_to("inside.toml")
    assert run("check", "media/picture.png", cwd=repository).returncode == 0


def test_links_in_a_folder_are_not_followed_outside(run: Run, repository: Path) -> None:
    (repository / "media/same.png").symlink_to("picture.png")
    (repository / "preflight.toml").write_text('rules = "atlas"\npaths = ["media"]\n')
    found = rows(run, repository)
    assert {source: verdict for source, (verdict, _) in found.items()} == {
        "media/file.png": "unknown",
        "media/folder": "unknown",
        "media/picture.png": "pass",
        "media/same.png": "pass",
    }
    assert found["media/folder"][1].startswith(f"media/folder: is outside {repository}, ")
    assert rows(run, repository, "media")["media/folder/picture.png"][0] == "pass"


@pytest.mark.parametrize("pattern", ["**/*.png", "media/**", "m*/f*/*.png", "*/*"])
def test_patterns_do_not_match_outside(run: Run, repository: Path, pattern: str) -> None:
    (repository / "preflight.toml").write_text(f'rules = "atlas"\npaths = ["{pattern}"]\n')
    passed = {source for source, (verdict, _) in rows(run, repository).items() if verdict == "pass"}
    assert passed <= {"media/picture.png"}


def test_patterns_match_inside_like_those_of_the_command_line(run: Run, repository: Path, fixtures: Path) -> None:
    for link in (repository / "media/folder", repository / "media/file.png"):
        link.unlink()
    (repository / "media/deep/er").mkdir(parents=True)
    shutil.copy(fixtures / "accepted/picture.png", repository / "media/deep/er/b.png")
    for pattern in ("media/*.png", "**/*.png", "**/er/*", "media/*/*/[a-b].png", "media/**/**/*.png", "./m*", "m*/"):
        (repository / "preflight.toml").write_text(f'rules = "atlas"\npaths = ["{pattern}"]\n')
        found = {os.path.normpath(source) for source in rows(run, repository)}
        assert found == {os.path.normpath(source) for source in rows(run, repository, pattern)}
        assert found


def test_recursive_pattern_ends_if_links_form_a_loop(repository: Path) -> None:
    for name in ("a", "b", "c"):
        (repository / "sub" / name).symlink_to("..")
    confinement = Confinement(str(repository / "preflight.toml"))
    assert sorted(confinement.glob("sub/**/**/*")) == ["sub/a", "sub/b", "sub/c"]


def test_lines_of_a_list_are_confined_and_not_fetched(run: Run, repository: Path) -> None:
    lines = ["/etc/passwd", "http://127.0.0.1:9/a.png", "../outside", "media/picture.png", str(repository / "media/f*")]
    (repository / "chosen.txt").write_text("\n".join(lines))
    (repository / "preflight.toml").write_text('rules = "atlas"\npaths = ["@chosen.txt"]\n')
    found = rows(run, repository)
    assert "is outside" in found["/etc/passwd"][1]
    assert "is outside" in found["../outside"][1]
    assert "is not fetched. Give the list on the command line." in found["chosen.txt:2"][1]
    assert found["media/picture.png"][0] == "pass"
    assert {verdict for verdict, _ in found.values()} == {"pass", "unknown"}


def test_list_that_is_a_fifo_does_not_wait(run: Run, repository: Path) -> None:
    os.mkfifo(repository / "fifo")
    (repository / "preflight.toml").write_text('rules = "atlas"\npaths = ["@fifo"]\n')
    assert "not a regular file" in rows(run, repository)["@fifo"][1]


def test_command_line_is_not_confined(run: Run, repository: Path) -> None:
    (repository / "preflight.toml").write_text('rules = "atlas"\npaths = ["media"]\n')
    assert rows(run, repository, "../outside/picture.png")["../outside/picture.png"][0] == "pass"
    assert rows(run, repository, "media/f*", "--for", "chain.toml")["media/file.png"][0] == "pass"
    (repository.parent / "list.txt").write_text("../outside/picture.png\n")
    assert rows(run, repository, "@../list.txt")["../outside/picture.png"][0] == "pass"


def test_configuration_is_confined_to_its_repository_or_folder(repository: Path, tmp_path: Path) -> None:
    assert Confinement(str(repository / "sub/preflight.toml")).top == str(repository)
    alone = tmp_path / "alone"
    (alone / "media").mkdir(parents=True)
    assert Confinement(str(alone / "preflight.toml")).top == str(alone)
    (alone / "preflight.toml").write_text('paths = ["../outside"]\n')
    with pytest.raises(UsageError, match="is outside"):
        config.load(str(alone))
    (alone / "preflight.toml").write_text('paths = ["media", "%s"]\n' % (alone / "media"))
    assert config.load(str(alone)) is not None


def test_linked_repository_contains_its_own_files(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repository)
    confinement = Confinement(str(tmp_path / "link/preflight.toml"))
    assert confinement.contains(str(repository / "media/picture.png"))
    assert confinement.contains(str(tmp_path / "link/media/not there.png"))
    assert not confinement.contains(str(tmp_path / "repository-2"))


@pytest.mark.parametrize("text", ["a" + ".a" * 20_000 + " = 1", "a = " + "[" * 50_000, "a = 1\n" * 300_000])
@pytest.mark.parametrize("name", ["preflight.toml", "pyproject.toml"])
def test_hostile_configuration_is_refused(repository: Path, name: str, text: str) -> None:
    (repository / name).write_text(f"# preflight\n{text}")
    with pytest.raises(UsageError, match=rf"{name}(:2)?: (A key|Arrays|The file)"):
        config.load()


def test_values_in_messages_are_short(repository: Path) -> None:
    for line in ("strict = '%s'", "rules = '%s'", "'%s' = 1", "select = '%s'", "paths = '/%s'"):
        (repository / "preflight.toml").write_text(line % ("x" * 900_000))
        with pytest.raises(UsageError) as caught:
            config.load()
        assert len(str(caught.value)) < 4000


def test_many_rule_files_are_refused_before_they_are_read(repository: Path) -> None:
    names = ", ".join(f'"./{number}.toml"' for number in range(101))
    (repository / "preflight.toml").write_text(f"rules = [{names}]")
    with pytest.raises(UsageError, match=r"101 rule sets\. Name at most 100"):
        config.load()
