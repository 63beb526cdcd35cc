"""The lowest versions that are declared are those that `tox -e lowest` tests."""

from __future__ import annotations

import tomllib
from configparser import ConfigParser

from tests.conftest import ROOT


def test_declared_lowest_versions_are_the_tested_ones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [project["dependencies"], *(extras[name] for name in extras if name not in ("test", "dev"))]
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    declared = sorted({one.replace(">=", "==") for part in needed for one in part})
    assert sorted(tox["testenv:lowest"]["deps"].split()) == declared
