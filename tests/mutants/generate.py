"""Mutants of a Python file: one comparison, constant, operator or `not` changed, by mutmut's operators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import libcst as cst
from mutmut.mutation import mutators

# Strings, arguments and assignments are left alone: most of their mutants change a message, which proves little.
OPERATORS: tuple[tuple[type[cst.CSTNode], Callable[[Any], Iterable[cst.CSTNode]]], ...] = (
    (cst.BaseNumber, mutators.operator_number),
    (cst.Name, mutators.operator_name),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, mutators.operator_unsymmetrical_string_methods_swap),
)
# An annotation is not executed; a decorator of this project (`frozen=True`) does not compute anything.
SKIPPED = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


@dataclass(frozen=True)
class Mutant:
    """One changed place of one file."""

    path: str
    line: int
    before: str
    after: str
    code: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what identifies the mutant wherever its line stands."""
        return self.path, self.before, self.after

    def __str__(self) -> str:
        return f"{self.path}:{self.line}\n    - {self.before}\n    + {self.after}"


class _Places(cst.CSTVisitor):
    """Collects every node that an operator changes, with the changed node."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, SKIPPED):
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.found.extend((node, changed) for changed in operator(node))
        return True


class File:
    """A parsed file and the places in which it can be mutated."""

    def __init__(self, root: Path, path: str) -> None:
        self.path = path
        self.source = (root / path).read_text(encoding="utf-8")
        self._module = cst.parse_module(self.source)
        places = _Places()
        self._module.visit(places)
        self._places = places.found

    def __len__(self) -> int:
        return len(self._places)

    def texts(self, number: int) -> tuple[str, str]:
        """Return the code of one place, and what replaces it."""
        before, after = (_joined(self._module.code_for_node(node).splitlines()) for node in self._places[number])
        return before, after

    def mutant(self, number: int) -> Mutant:
        """Return the mutant of one place."""
        node, changed = self._places[number]
        module = self._module.deep_replace(node, changed)
        assert isinstance(module, cst.Module)
        line, before, after = _difference(self.source, module.code)
        return Mutant(self.path, line, before, after, module.code)


def _difference(old: str, new: str) -> tuple[int, str, str]:
    """Return the first changed line, and the changed lines before and after, without their indentation."""
    before, after = old.splitlines(), new.splitlines()
    start = sum(1 for _ in takewhile(_alike, zip(before, after, strict=False)))
    rest = zip(reversed(before[start:]), reversed(after[start:]), strict=False)
    end = sum(1 for _ in takewhile(_alike, rest))
    return start + 1, _joined(before[start : len(before) - end]), _joined(after[start : len(after) - end])


def _alike(lines: tuple[str, str]) -> bool:
    return lines[0] == lines[1]


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


def files(root: Path, patterns: list[str]) -> Iterator[str]:
    """Yield the paths below `root` that match one of the patterns, sorted."""
    yield from sorted({path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)})
