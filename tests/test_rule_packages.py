"""Rule sets of other packages, installed as pip does: files in a package, beside a dist-info with entry points."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import preflight
from preflight import catalog, rulepackages
from preflight.errors import RuleFileError, UsageError
from preflight.rulecheck import example_problems
from tests.conftest import ROOT, Run

PACKAGE = Path(__file__).with_name("rules_package")
PICTURE = ROOT / "fixtures/accepted/picture.png"


def forget() -> None:
    for cached in (rulepackages.packaged_files, catalog.names, catalog._packaged, catalog._load_builtin):
        cached.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, in which nothing is installed yet."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


def install(folder: Path, name: str, entry_points: dict[str, str], version: str = "1.0") -> None:
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}\n" for key, value in entry_points.items()]
    (information / "entry_points.txt").write_text("".join(["[preflight.rules]\n", *lines]))
    forget()


@pytest.fixture
def installed(site: Path) -> Path:
    """The folder in which the example package is installed."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    shutil.copytree(PACKAGE / "preflight_example_rules", site / "preflight_example_rules")
    install(site, project["name"], project["entry-points"]["preflight.rules"], project["version"])
    return site


def test_rule_sets_of_a_package_are_known_by_name(installed: Path) -> None:
    assert "example" in catalog.names()
    assert "example" in [ruleset.name for ruleset in catalog.resolve("stage:upload")]
    assert preflight.check(PICTURE, "example").verdict == "pass"
    assert list(example_problems(catalog.load("example"))) == []
    assert "preflight_example_rules" not in sys.modules


def test_the_text_that_was_read_last_counts(installed: Path) -> None:
    assert catalog.load("atlas@2026-09").title == "Atlas Cloud: read later than the built-in rule set"
    assert "read earlier" not in catalog.load("runway").title
    assert [catalog.origin(name) for name in ("example", "atlas@2026-09", "runway", "./a.toml")] == [
        "preflight-example-rules 1.2",
        "preflight-example-rules 1.2",
        f"preflight {preflight.__version__}",
        "./a.toml",
    ]


def test_files_of_a_package_are_read_from_its_folder(installed: Path) -> None:
    path = os.fspath(installed / "preflight_example_rules/atlas@2026-09.toml")
    assert next(iter(catalog.rule_file_paths("atlas@2026-09"))) == path


def test_a_user_file_extends_a_rule_set_of_a_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "example"\n[image]\nlong_side = { max = 300 }\n')
    assert preflight.check(PICTURE, tmp_path / "mine.toml").verdict == "fail"


def test_commands_show_where_each_rule_set_comes_from(installed: Path, run: Run) -> None:
    settings = {"cwd": installed}
    rows = {
        row["name"]: row["origin"] for row in json.loads(run("rules", "list", "--format", "json", **settings).stdout)
    }
    assert (rows["example"], rows["atlas"]) == ("preflight-example-rules 1.2", f"preflight {preflight.__version__}")
    assert "preflight-example-rules 1.2" in run("rules", "list", **settings).stdout
    assert run("check", PICTURE, "--for", "example", **settings).returncode == 0


def test_an_invalid_file_of_a_package_is_reported_where_it_is_used(installed: Path) -> None:
    path = installed / "preflight_example_rules/example.toml"
    path.write_text(path.read_text().replace("long_side", "longside"))
    forget()
    assert catalog.load("atlas").name == "atlas"
    with pytest.raises(RuleFileError, match=r"example\.toml:9: Unknown fact 'longside' .*Did you mean 'long_side'"):
        catalog.load("example")


def test_an_invalid_file_that_nobody_chose_is_left_out_with_a_warning(
    installed: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    path = installed / "preflight_example_rules/example.toml"
    path.write_text('extends = "nothing"\n')
    forget()
    names = [ruleset.name for ruleset in catalog.resolve("all")]
    assert ("example" in names, "atlas" in names) == (False, True)
    (said,) = caplog.messages
    assert said.startswith("The rule set example of preflight-example-rules 1.2 is left out. ")
    assert f"{path}:1: Unknown rule set 'nothing'." in said
    done = run("rules", "list", cwd=installed)
    assert (done.returncode, "is left out" in done.stderr) == (0, True)


def test_names_that_mean_something_else_are_not_taken(installed: Path) -> None:
    for name in ("all", "stage", "a.toml", "Upper"):
        shutil.copy(
            installed / "preflight_example_rules/example.toml", installed / f"preflight_example_rules/{name}.toml"
        )
    forget()
    assert not {"all", "stage", "a.toml", "Upper"} & {*catalog.names()}


@pytest.mark.parametrize("value", ["no_such_package", "os.path", "tomllib:load", "empty_package"])
def test_a_package_without_rule_files_is_one_warning(value: str, site: Path, caplog: pytest.LogCaptureFixture) -> None:
    (site / "empty_package").mkdir()
    (site / "empty_package/__init__.py").touch()
    install(site, "preflight-broken", {"x": value})
    assert catalog.names() == catalog.names()
    assert caplog.messages == [
        f"The rule sets of preflight-broken 1.0 cannot be found: {value} is not a package with them. "
        "Update or uninstall it."
    ]
    with pytest.raises(UsageError, match="Unknown rule set"):
        catalog.load("unheard")
