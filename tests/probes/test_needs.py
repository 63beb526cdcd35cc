"""Test that a fact that is needed alone is the same as among all: a rule set may have only one rule."""

from __future__ import annotations

import sys
from pathlib import Path

from preflight.facts import MEDIA_FACTS
from preflight.media import Need
from preflight.probes import READERS, probe
from preflight.probes.sniff import sniff
from preflight.sources.memory import MemorySource

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from make import every_fixture
from makers import Fixture

from tests.rows import each_row

FOLDER = Path(__file__).parents[2] / "fixtures"
ALONE = tuple(fact for fact in MEDIA_FACTS if fact != "notes")


@each_row("fixture", every_fixture(), ids=lambda fixture: fixture.name)
def test_fact_does_not_depend_on_other_needs(fixture: Fixture) -> None:
    data = (FOLDER / fixture.name).read_bytes()
    if sniff(MemorySource(data)) not in READERS:
        return  # it is no media, or only a library reads it
    together = probe(MemorySource(data)).facts()
    known = [fact for fact in ALONE if together[fact] is not None]
    needs = {fact: Need(frozenset((fact, *MEDIA_FACTS[fact].derived_from))) for fact in known}
    alone = {fact: probe(MemorySource(data), need).facts()[fact] for fact, need in needs.items()}
    assert alone == {fact: together[fact] for fact in known}
    unknown = frozenset(ALONE) - {*known}
    without_known = probe(MemorySource(data), Need(unknown)).facts()
    assert {without_known[fact] for fact in unknown} == {None}
