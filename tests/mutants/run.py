"""Mutation testing: `tox -e mutants`, or `python -m tests.mutants.run --count 300 --seed 7 --package judge`.

Each mutant of a random sample is written into a copy of the project, and the tests that stand beside its package in
`packages.toml` run there up to the first that fails. A mutant is found when a test fails, or when the tests take much
longer than on the unchanged code. Those that `equivalent.toml` lists, each with its reason, behave as the code does:
they are counted and not run. Exit code 1 where less than `--least` percent of the others are found.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import random
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.copies import Copy, preload
from tests.mutants.generate import File, Mutant, files

ROOT = Path(__file__).parents[2]
LEAST_PER_PACKAGE = 5
UNCHANGED_LIMIT = 1800.0  # s for the tests of a package on the unchanged code


@dataclass(frozen=True)
class Package:
    """A part of the code, as patterns of paths, and the tests that stand beside it."""

    name: str
    code: list[str]
    tests: list[str]


@dataclass(frozen=True)
class Run:
    """The tests of a package with one mutant, whose file otherwise has the text `source`; or without any."""

    package: Package
    mutant: Mutant | None = None
    source: str = ""


@dataclass
class Counts:
    """How many mutants of a package were found, survived or are equivalent to the code."""

    found: int = 0
    timeout: int = 0
    survived: int = 0
    equivalent: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def percent(self) -> float:
        """Return the part of the mutants that differ from the code which was found."""
        found = self.found + self.timeout
        return 100 * found / ((found + self.survived) or 1)

    def row(self, name: str) -> str:
        cells = "".join(f"{count:11}" for count in (sum(vars(self).values()), *vars(self).values()))
        return f"{name:20}{cells}{self.percent:10.1f}"


def packages(root: Path, wanted: list[str]) -> list[Package]:
    table = tomllib.loads((root / "tests/mutants/packages.toml").read_text(encoding="utf-8"))
    if unknown := sorted(set(wanted) - set(table)):
        sys.exit(f"Unknown package {unknown[0]!r} (choose from {', '.join(table)}).")
    return [Package(name, **entry) for name, entry in table.items() if name in wanted or not wanted]


def equivalent(root: Path) -> frozenset[tuple[str, str, str]]:
    """Return the mutants that no test can find: path, changed line before and after."""
    table = tomllib.loads((root / "tests/mutants/equivalent.toml").read_text(encoding="utf-8"))
    return frozenset((one["path"], one["before"], one["after"]) for one in table.get("mutant", []) if one["reason"])


def sample(options: argparse.Namespace, chosen: list[Package]) -> list[Run]:
    """Return mutants of each package in proportion to its size, but at least a few."""
    places: dict[str, list[tuple[File, int]]] = {}
    for package in chosen:
        paths = [path for path in files(options.root, package.code) if fnmatch.fnmatch(path, options.file)]
        parsed = [File(options.root, path) for path in paths]
        places[package.name] = [(file, number) for file in parsed for number in range(len(file))]
    total = sum(map(len, places.values())) or 1
    generator = random.Random(options.seed)
    drawn = []
    for package in chosen:
        here = places[package.name]
        size = max(LEAST_PER_PACKAGE, round(options.count * len(here) / total))
        for file, number in generator.sample(here, min(len(here), size)):
            drawn.append(Run(package, file.mutant(number), file.source))
    generator.shuffle(drawn)
    return drawn


class Queue:
    """Test runs that wait for a copy of the project, and those under way: as many as there are copies."""

    def __init__(self, copies: list[Copy]) -> None:
        self._idle = copies
        self._busy: dict[Copy, tuple[Run, float]] = {}

    def kill(self) -> None:
        """End the runs that are under way."""
        for copy in self._busy:
            copy.kill()

    def run(self, runs: list[Run], limits: dict[str, float]) -> Iterator[tuple[Run, Copy, str]]:
        """Yield each run with the copy in which it ran, and what `Copy.poll` says of it."""
        while runs or self._busy:
            while runs and self._idle:
                run, copy = runs.pop(), self._idle.pop()
                if run.mutant is not None:
                    copy.write(run.mutant.path, run.mutant.code)
                copy.start(run.package.tests)
                self._busy[copy] = run, limits.get(run.package.name, UNCHANGED_LIMIT)
            for copy, (run, limit) in list(self._busy.items()):
                outcome = copy.poll(limit)
                if outcome is not None:
                    yield run, copy, outcome
                    if run.mutant is not None:
                        copy.write(run.mutant.path, run.source)
                    del self._busy[copy]
                    self._idle.append(copy)
            time.sleep(0.02)


def time_limits(options: argparse.Namespace, chosen: list[Package], queue: Queue) -> dict[str, float]:
    """Return how many seconds the tests of each package may take; exit where they fail on the unchanged code."""
    limits = {}
    for run, copy, outcome in queue.run([Run(package) for package in chosen], {}):
        if outcome != "survived":
            sys.exit(f"The tests of {run.package.name} fail on the unchanged code:\n{copy.log.read_text()}")
        limits[run.package.name] = 10 + options.patience * copy.seconds()
        print(f"{run.package.name}: {copy.seconds():.1f} s", file=sys.stderr, flush=True)
    return limits


def test(options: argparse.Namespace, queue: Queue) -> int:
    """Test a sample of mutants and print what became of them."""
    chosen = packages(options.root, options.package)
    known = equivalent(options.root)
    limits = time_limits(options, chosen, queue)
    counts = {package.name: Counts() for package in chosen}
    runs, survivors = [], []
    for run in sample(options, chosen):
        if run.mutant is None or run.mutant.key not in known:
            runs.append(run)
        else:
            counts[run.package.name].equivalent += 1
    for run, copy, outcome in queue.run(runs, limits):
        name = run.package.name
        setattr(counts[name], outcome, getattr(counts[name], outcome) + 1)
        print(f"{outcome} {copy.seconds():.1f} s {name} {run.mutant}", file=sys.stderr, flush=True)
        if outcome == "survived" and run.mutant is not None:
            survivors.append(run.mutant)
    report(options, counts, survivors)
    return 0 if sum(counts.values(), Counts()).percent >= options.least else 1


def report(options: argparse.Namespace, counts: dict[str, Counts], survivors: list[Mutant]) -> None:
    print(f"Survivors ({len(survivors)})\n")
    for mutant in sorted(survivors, key=lambda one: (one.path, one.line)):
        print(mutant)
    headings = "".join(f"{name:>11}" for name in ("mutants", *vars(Counts())))
    print(f"\n{'package':20}{headings}   percent")
    for name, counted in counts.items():
        print(counted.row(name))
    print(sum(counts.values(), Counts()).row("all"))
    print(f"seed {options.seed}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="mutants in the sample (300)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the sample (the time)")
    parser.add_argument("--package", action="append", default=[], help="only this package of packages.toml; repeatable")
    parser.add_argument("--file", default="*", help="only files whose path matches this pattern")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants tested at a time (processors)")
    parser.add_argument("--patience", type=float, default=4.0, help="times the usual duration before a timeout (4)")
    parser.add_argument("--least", type=float, default=90.0, help="percent of mutants that have to be found (90)")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the project")
    options = parser.parse_args()
    preload()
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        queue = Queue([Copy(options.root, Path(folder, str(number))) for number in range(options.jobs)])
        try:
            return test(options, queue)
        finally:
            queue.kill()


if __name__ == "__main__":
    sys.exit(main())
