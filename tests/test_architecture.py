"""The direction of dependencies, held: a module imports only what stands below it, and facts flow one way."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "preflight"

LAYERS = [
    ["cli", "__main__"],
    ["integrations"],
    ["run"],
    ["reporters"],
    ["summary"],
    ["config"],
    ["sandbox"],
    ["submission"],
    ["rates"],
    ["ledger"],
    ["hosts"],
    ["providers"],
    ["request"],
    ["scan"],
    ["targets"],
    ["checker"],
    ["ruleviews", "schemas"],
    ["rulecheck"],
    ["judge"],
    ["plans"],
    ["wording"],
    ["catalog"],
    ["rulefile"],
    ["ruleset"],
    ["probes"],
    ["processes"],
    ["sources"],
    ["net"],
    ["report"],
    ["media", "units"],
    ["output"],
    ["confinement", "toml"],
    ["retry"],
    ["clock"],
    ["formats", "codes", "errors", "escape", "gitignore", "version"],
]
"""From top to bottom: a module may import from its own line and from every line below."""

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

ALLOWED = {
    ("checker", "reporters"): "assert_passes words its failure as the text reporter does, and only when it fails",
}
"""The exceptions, each with its reason."""

PROVIDERS = ["agentsflare", "atlas", "byteplus", "crun", "sunra", "volcengine", "agt"]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The first part of every name of ours that a module imports when it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "preflight":
            names = [node.module or ""] if node.module != "preflight" else [f"preflight.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "preflight"]
        else:
            continue
        found |= {name.split(".")[1] for name in names if "." in name}
    return found


def test_dependencies_run_downwards() -> None:
    upwards = []
    for path in modules():
        here = room(path)
        if here == "__init__":
            continue
        assert here in LEVEL, f"{here} has no place in the layers: give it one"
        above = {name for name in imported(path) if LEVEL.get(name, len(LAYERS)) < LEVEL[here]}
        upwards += [f"{path} imports {name} from above" for name in sorted(above) if (here, name) not in ALLOWED]
    assert not upwards


def code_alone(path: Path) -> str:
    """A module without comments and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_no_provider_is_named_outside_its_rooms() -> None:
    for path in modules():
        if room(path) not in ("providers", "sandbox", "hosts"):
            assert not re.search(rf"\b({'|'.join(PROVIDERS)})\b", code_alone(path), re.IGNORECASE), path


def test_probes_know_no_http() -> None:
    for path in modules():
        if room(path) == "probes":
            assert not re.search(r"import (requests|urllib|http)", code_alone(path)), path


def test_no_probe_source_or_provider_sees_a_rule_set() -> None:
    for path in modules():
        if room(path) in ("probes", "sources", "providers"):
            assert not imported(path) & {"ruleset", "catalog", "judge", "rulefile"}, path


def test_the_top_level_is_as_it_was_fixed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("only a checkout tells what belongs to the project")
    top = {name.partition("/")[0] for name in listed.stdout.splitlines() if not name.startswith(".")}
    assert top == {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "KNOWN_LIMITS.md",
        "LICENSE",
        "README.md",
        "fixtures",
        "preflight",
        "pyproject.toml",
        "rules",
        "tests",
        "tox.ini",
    }
