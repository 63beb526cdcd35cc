"""The structure of the package: dependencies run downwards, without cycles, and one name has one meaning."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import preflight

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
    ["fixer"],
    ["request"],
    ["scan"],
    ["targets"],
    ["checker"],
    ["importers"],
    ["export", "ruleviews", "schemas"],
    ["rulecheck"],
    ["combination"],
    ["judge"],
    ["plans"],
    ["wording"],
    ["catalog"],
    ["rulefile", "rulepackages"],
    ["ruleset"],
    ["request_limits"],
    ["limit"],
    ["probes"],
    ["processes"],
    ["sources"],
    ["net"],
    ["report"],
    ["media", "units"],
    ["output", "retry", "sqlite"],
    ["confinement", "toml", "clock"],
    ["facts"],
    ["formats", "codes", "errors", "escape", "gitignore"],
    ["forks", "interrupts", "version"],
]
"""From top to bottom: a module may import from its own line and from every line below it."""

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

UPWARD_IMPORTS: dict[tuple[str, str], str] = {}
"""The exceptions to the direction of dependencies, each with its reason."""

SHARED_NAMES = {
    "ENTRY_POINTS": "a group of entry points; providers and rule sets each have one",
    "CHUNK_SIZE": "bytes that are read or written at a time; each package has its own",
    "Refusal": "a provider's refusal, as the sandbox sends it and as the client understands it",
    "Response": "an HTTP response, as net reads it and as the sandbox writes it",
    "load": "catalog.load and config.load, always used with the name of their module",
    "main": "the entry point of the command, and of `python -m preflight`",
    "probe": "preflight.probe, and the reader's side of it",
    "read": "the one function of every reader, and toml.read",
}
"""Public names that two or more packages define on purpose, each with its reason."""

PROVIDERS = ["agentsflare", "atlas", "byteplus", "crun", "sunra", "volcengine", "agt"]
PROVIDER_PACKAGES = ("providers", "sandbox", "hosts")

PYTEST_OPTIONS = {"--preflight"}
"""Options of pytest, which the plugin adds."""

MAX_ANY = 279
"""Lines with `Any`: half of the 558 that the package once had."""


def modules() -> dict[str, Path]:
    """All modules of the package by their dotted names."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in paths}


MODULES = {name.removesuffix(".__init__"): path for name, path in modules().items()}


def part_of(module: str) -> str:
    """The package or top-level module that a module belongs to."""
    return [*module.split("."), "__init__"][1]


@cache
def text_of(module: str) -> str:
    return MODULES[module].read_text(encoding="utf-8")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(text_of(module))


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement below a node, without a look into the expressions, of which there are ten times as many."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.stmt):
            yield part
        if not isinstance(part, ast.expr):
            yield from statements(part)


@cache
def imports(module: str) -> set[str]:
    """The modules of the package that a module imports anywhere, also below TYPE_CHECKING and inside functions."""
    found = set()
    for node in statements(tree_of(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "preflight":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
    return found - {module}


def all_imports() -> dict[str, set[str]]:
    return {module: imports(module) for module in MODULES}


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of a graph as a path; an empty list if there is none."""
    finished: set[str] = set()
    path: list[str] = []

    def visit(node: str) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in finished:
            return []
        path.append(node)
        for target in sorted(graph.get(node, ())):
            if found := visit(target):
                return found
        finished.add(path.pop())
        return []

    return next((found for node in graph if (found := visit(node))), [])


def test_every_module_has_a_layer() -> None:
    assert {part_of(module) for module in MODULES} - {"__init__"} == set(LEVEL)


def test_dependencies_run_downwards() -> None:
    upwards = {
        (part_of(module), part_of(target))
        for module, targets in all_imports().items()
        for target in targets
        if part_of(module) != "__init__" and LEVEL.get(part_of(target), len(LAYERS)) < LEVEL[part_of(module)]
    }
    assert upwards == set(UPWARD_IMPORTS)


def test_no_module_imports_the_whole_package() -> None:
    assert not [module for module, targets in all_imports().items() if "preflight" in targets]


def test_imports_have_no_cycle() -> None:
    assert not cycle(all_imports())


def test_cycles_are_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def definitions(tree: ast.Module) -> Iterator[str]:
    """The public names that a module defines at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        else:
            continue
        yield from (name for name in names if not name.startswith("_") and len(name) > 1)


def test_public_names_have_one_meaning() -> None:
    homes: dict[str, set[str]] = {}
    for module in MODULES:
        if module != "preflight":
            for name in definitions(tree_of(module)):
                homes.setdefault(name, set()).add(part_of(module))
    shared = {name: sorted(parts) for name, parts in homes.items() if len(parts) > 1}
    assert not {name: parts for name, parts in shared.items() if name not in SHARED_NAMES}
    assert not SHARED_NAMES.keys() - shared.keys(), "listed, but defined once"


def test_no_module_is_named_like_a_public_function() -> None:
    """Importing such a submodule would replace the function: `preflight.submit` would be a module."""
    assert not {part_of(module) for module in MODULES} & set(preflight.__all__)


def code_of(module: str) -> str:
    """A module without comments and docstrings."""
    tree = ast.parse(text_of(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not is_text(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def found_in_code(pattern: str, flags: int = 0) -> dict[str, set[str]]:
    """What a pattern finds in each module outside of comments and docstrings.

    Only modules whose text has it at all are searched without them, since writing a tree as code takes long.
    """
    wanted = re.compile(pattern, flags)
    having = [module for module in MODULES if wanted.search(text_of(module))]
    return {module: found for module in having if (found := set(wanted.findall(code_of(module))))}


def test_providers_are_named_in_their_packages_only() -> None:
    found = found_in_code(rf"\b({'|'.join(PROVIDERS)})\b", re.IGNORECASE)
    assert {part_of(module) for module in found} <= set(PROVIDER_PACKAGES)
    assert "providers" in {part_of(module) for module in found}


def test_command_line_options_are_named_in_cli_only() -> None:
    assert not {
        module: others
        for module, found in found_in_code(r"(?<![\w-])--[a-z][a-z-]+").items()
        if part_of(module) not in ("cli", "__main__") and (others := found - PYTEST_OPTIONS)
    }


def test_probes_know_no_http() -> None:
    assert "probes" not in {part_of(module) for module in found_in_code(r"import (requests|urllib|http)")}
    for module, targets in all_imports().items():
        assert part_of(module) != "probes" or not {part_of(target) for target in targets} & {"net"}, module


def test_probes_sources_and_providers_see_no_rule_set() -> None:
    for module, targets in all_imports().items():
        if part_of(module) in ("probes", "sources", "net", "providers"):
            assert not {part_of(target) for target in targets} & {"ruleset", "catalog", "judge", "rulefile"}, module


def test_providers_know_no_ledger() -> None:
    for module, targets in all_imports().items():
        if part_of(module) == "providers":
            assert not {part_of(target) for target in targets} & {"ledger", "submission"}, module


def test_any_is_rare() -> None:
    lines = [line for module in MODULES for line in text_of(module).splitlines()]
    assert sum(1 for line in lines if re.search(r"\bAny\b", line)) <= MAX_ANY


def test_the_top_level_holds_the_agreed_entries() -> None:
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
        "docs",
        "fixtures",
        "preflight",
        "pyproject.toml",
        "rules",
        "tests",
        "tox.ini",
    }
