"""The facts of 10,000 edited files, and what is read for them, stay as they are recorded."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

import pytest
from recording import digest, edited, fixtures, outcome, recorded

BY_SUFFIX: defaultdict[str, list[str]] = defaultdict(list)
for _name in fixtures():
    BY_SUFFIX[PurePosixPath(_name).suffix].append(_name)


def test_every_fixture_is_recorded() -> None:
    assert sorted(recorded()) == fixtures(), "python tests/probes/recording.py records them"


@pytest.mark.parametrize("suffix", sorted(BY_SUFFIX))
def test_facts_of_edited_files_are_as_recorded(suffix: str) -> None:
    record = recorded()
    for name in BY_SUFFIX[suffix]:
        for number, then in record.get(name, {}).items():
            assert digest(name, number) == then, f"{name}, edit {number}: {outcome(edited(name, number))}"
