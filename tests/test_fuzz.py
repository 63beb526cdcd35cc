"""As many mutated fixtures as fit into ten seconds; `tox -e fuzz` takes 200,000."""

from __future__ import annotations

import time
from pathlib import Path

from preflight import check_many
from tests.fuzz.mutations import mutated, seeds
from tests.fuzz.run import fuzz, pieces

SECONDS = 10
SHOWN = 5


def test_no_mutation_shows_a_fault() -> None:
    deadline = time.monotonic() + SECONDS
    done = 0
    for numbers in pieces(0, 200_000):
        found = fuzz(numbers)
        assert found.faults[:SHOWN] == []
        assert sum(found.verdicts.values()) == len(numbers)
        done += len(numbers)
        if time.monotonic() > deadline:
            break
    assert done >= 500


def test_no_mutated_file_is_lost_among_many(tmp_path: Path) -> None:
    originals = seeds()
    paths = []
    for number in range(500):
        path = tmp_path / f"{number:03}.bin"
        path.write_bytes(mutated(number, originals))
        paths.append(str(path))
    reports = list(check_many(paths, "atlas", workers=2))
    assert [report.source for report in reports] == paths
    assert [report.index for report in reports] == list(range(500))


def test_a_number_always_gives_the_same_mutation() -> None:
    originals = seeds()
    assert [mutated(number, originals) for number in range(50)] == [mutated(number, originals) for number in range(50)]
    assert len({mutated(number, originals) for number in range(500)}) > 450
