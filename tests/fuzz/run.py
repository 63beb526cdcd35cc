"""Run many mutated fixtures: `tox -e fuzz`, or `python -m tests.fuzz.run --count 200000 --jobs 2 --seed 7`.

Exit code 1 where a mutation shows a fault: no report, an exception inside preflight, a report that cannot be written,
more than a second of the processor, a process that died or hung. Each is printed with its number as soon as it is
found, and written to `--keep FOLDER`.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jsonschema

from preflight.checker import plan_for
from preflight.report import Report
from preflight.reporters import json as json_lines
from preflight.reporters import text
from preflight.scan.items import examine_item
from preflight.schemas import report_schema
from preflight.targets import Item
from tests.fuzz.mutations import mutated, seeds

SLOWEST = 1.0
"""s for one file of a few kilobytes; a decoder that hangs is stopped before."""
PATIENCE = 120.0
"""s for a batch, which takes two."""
_PIECE = 1000
_CHECKED = 50
"""One of so many reports is validated against the schema, which takes longer than a hundred files."""


class Found(NamedTuple):
    """The result of a batch: counted verdicts, faults as (number, sentence), the slowest file, memory in KB.

    accepted  how many mutations pass at least one rule set: none passes all
    """

    verdicts: Counter[str]
    faults: list[tuple[int, str]]
    slowest: tuple[float, int]
    memory: int
    accepted: int = 0


@cache
def _originals() -> list[bytes]:
    return seeds()


def fuzz(numbers: Iterable[int]) -> Found:
    """Examine the mutations with these numbers against all rule sets."""
    plan = plan_for("all")
    validator = jsonschema.Draft202012Validator(report_schema())
    verdicts: Counter[str] = Counter()
    faults: list[tuple[int, str]] = []
    slowest, accepted = (0.0, -1), 0
    for number in numbers:
        data = mutated(number, _originals())
        began = time.process_time()
        try:
            report = examine_item(number, Item(data), plan)
            assert report is not None
            lines = (json_lines.line(report), text.describe(report))
            row = json.loads(lines[0])
            if number % _CHECKED == 0:
                validator.validate(row)
        except Exception as error:  # noqa: BLE001 - every fault is counted, not only the first
            faults.append((number, f"{type(error).__name__}: {error}"))
            verdicts["exception"] += 1
            continue
        took = time.process_time() - began
        slowest = max(slowest, (took, number))
        verdicts[report.verdict if report.error is None else report.error.code] += 1
        accepted += any(result.verdict == "pass" for result in report.results)
        faults += [(number, fault) for fault in _faults(report, took)]
    return Found(verdicts, faults, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, accepted)


def _faults(report: Report, took: float) -> Iterator[str]:
    if report.error is not None and report.error.code == "internal_error":
        yield report.error.message
    if took > SLOWEST:
        yield f"{took:.1f} s"


def pieces(start: int, count: int) -> list[range]:
    """Return the numbers of all mutations in batches for several processes."""
    return [range(at, min(at + _PIECE, start + count)) for at in range(start, start + count, _PIECE)]


def apart(numbers: range) -> Found:
    """Run `fuzz` in a process of its own; if that dies, in halves, down to the mutation that caused it."""
    command = [sys.executable, "-m", __spec__.name, "--piece", str(numbers.start), str(len(numbers))]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
        if done.returncode == 0:
            found: Found = pickle.loads(done.stdout)
            return found
        how = f"the process ended with code {done.returncode}"
    except subprocess.TimeoutExpired:
        how = f"it hung for {PATIENCE:g} s"
    if len(numbers) == 1:
        return Found(Counter(lost=1), [(numbers.start, how)], (0.0, -1), 0)
    middle = len(numbers) // 2
    one, other = apart(numbers[:middle]), apart(numbers[middle:])
    slowest, memory = max(one.slowest, other.slowest), max(one.memory, other.memory)
    return Found(one.verdicts + other.verdicts, one.faults + other.faults, slowest, memory)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=_positive, default=200_000, help="how many mutations (200000)")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first one (0)")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--keep", type=Path, help="write the mutations that show a fault there")
    parser.add_argument("--piece", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.piece is not None:
        start, count = options.piece
        sys.stdout.buffer.write(pickle.dumps(fuzz(range(start, start + count))))
        return
    began = time.monotonic()
    verdicts: Counter[str] = Counter()
    faults = 0
    slowest, memory = (0.0, -1), 0
    with ThreadPoolExecutor(options.jobs) as threads:
        for found in threads.map(apart, pieces(options.seed, options.count)):
            verdicts += found.verdicts
            slowest, memory = max(slowest, found.slowest), max(memory, found.memory)
            for number, fault in found.faults:
                faults += 1
                print(f"mutation {number}: {fault}", flush=True)
                if options.keep is not None:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{number}.bin").write_bytes(mutated(number, _originals()))
    done = verdicts.total() - verdicts["lost"]
    print(f"{done:,} mutations in {time.monotonic() - began:.0f} s: {dict(verdicts)}")
    print(f"slowest {slowest[0] * 1000:.0f} ms (mutation {slowest[1]}), at most {memory // 1024} MB a process")
    print(f"{faults} faults, {options.count - done} mutations lost")
    sys.exit(1 if faults or done < options.count else 0)


if __name__ == "__main__":
    main()
