"""The classes that hold facts agree with the one table of facts, and everything else derives from it."""

from __future__ import annotations

import io
from typing import Any, get_args, get_type_hints

from preflight.codes import CODES
from preflight.facts import (
    DELIVERY_FACTS,
    ENCODED_FACTS,
    FACTS,
    MEDIA_FACTS,
    REQUEST_FACTS,
    Fact,
    label,
    section_facts,
)
from preflight.formats import KINDS
from preflight.media import Delivery, Media, Need
from preflight.report import Report
from preflight.reporters import ReporterOptions
from preflight.reporters.csv import CsvReporter
from preflight.reporters.html.rows import FACTS_SHOWN
from preflight.rulefile.model import json_schema
from preflight.schemas import report_schema
from preflight.units import format_value
from tests.rows import each_row

NOT_FACTS_OF_DELIVERY = {"notes"}
"""Notes on a delivery become findings; no limit applies to them."""


def value_type(hint: Any) -> Any:
    """The type of a value that may be None."""
    types = [part for part in get_args(hint) if part is not type(None)] or [hint]
    return tuple if "tuple" in str(hint) else types[0]


def test_media_has_exactly_the_facts_of_the_tables_with_their_types() -> None:
    facts = {**MEDIA_FACTS, **ENCODED_FACTS}
    types = {name: value_type(hint) for name, hint in get_type_hints(Media).items()}
    computed = {name: value for name, value in vars(Media).items() if isinstance(value, property)}
    types |= {name: value_type(get_type_hints(value.fget)["return"]) for name, value in computed.items()}
    assert types == {name: fact.type for name, fact in facts.items()}
    assert computed.keys() == {name for name, fact in facts.items() if fact.derived_from}


def test_delivery_has_exactly_the_facts_of_the_table_with_their_types() -> None:
    types = {name: value_type(hint) for name, hint in get_type_hints(Delivery).items()}
    assert types.keys() - NOT_FACTS_OF_DELIVERY == DELIVERY_FACTS.keys()
    assert {name: types[name] for name in DELIVERY_FACTS} == {name: fact.type for name, fact in DELIVERY_FACTS.items()}


def test_facts_of_different_tables_have_different_names() -> None:
    assert len(FACTS) == sum(map(len, (MEDIA_FACTS, ENCODED_FACTS, DELIVERY_FACTS, REQUEST_FACTS)))


@each_row("fact", FACTS.values(), ids=FACTS)
def test_every_fact_is_described(fact: Fact) -> None:
    assert FACTS[fact.name] is fact
    assert fact.help.endswith(".")
    assert fact.label == label(fact.name) != ""
    assert {*fact.bound_codes, fact.choice_code, fact.absence_code} <= CODES.keys()
    assert {*fact.derived_from, *filter(None, [fact.track])} <= MEDIA_FACTS.keys()


def test_every_kind_can_have_a_duration_and_only_pictures_have_a_width() -> None:
    assert [kind for kind in KINDS if "duration" in section_facts(kind)] == ["image", "video", "audio"]
    assert [kind for kind in KINDS if "width" in section_facts(kind)] == ["image", "video"]


def test_amounts_have_the_unit_of_their_fact() -> None:
    for fact in FACTS.values():
        if fact.unit is not None and fact.unit != "bytes":
            assert format_value(fact.name, 2) == f"2 {fact.unit}"


class TestDerived:
    """What derives from the table covers exactly the table."""

    def test_reports(self) -> None:
        assert list(Media().facts()) == list(MEDIA_FACTS)
        keys = Report("a.png", Media()).as_json(probe=True)
        assert [name for name in keys if name in FACTS] == list(MEDIA_FACTS)

    def test_needs(self) -> None:
        assert Need().facts == MEDIA_FACTS.keys()

    def test_schema_of_reports(self) -> None:
        properties = report_schema()["properties"]
        assert [name for name in properties if name in FACTS] == list(MEDIA_FACTS)
        assert {name: properties[name]["description"] for name in MEDIA_FACTS} == {
            name: fact.help for name, fact in MEDIA_FACTS.items()
        }

    @each_row(
        ("model", "section"),
        [
            ("ImageSection", "image"),
            ("VideoSection", "video"),
            ("AudioSection", "audio"),
            ("Url", "url"),
            ("DataUriLimits", "data_uri"),
            ("RequestGroup", "request"),
        ],
    )
    def test_sections_of_rule_files(self, model: str, section: Any) -> None:
        properties = json_schema()["$defs"][model]["properties"]
        described = {name: properties[name]["description"] for name in properties if name != "when"}
        assert described == {name: fact.help for name, fact in section_facts(section).items()}

    def test_examples_of_rule_files(self) -> None:
        properties = json_schema()["$defs"]["Facts"]["properties"]
        assert list(properties) == [name for name, fact in MEDIA_FACTS.items() if not fact.derived_from]

    def test_columns_of_csv(self) -> None:
        stream = io.StringIO()
        CsvReporter(stream, ReporterOptions(probe=True))
        columns = stream.getvalue().strip().split(",")
        assert [name for name in columns if name in FACTS] == list(MEDIA_FACTS)

    def test_columns_of_the_page(self) -> None:
        assert [*FACTS_SHOWN] == [name for name in MEDIA_FACTS if name not in ("kind", "format", "notes")]


def test_facts_that_servers_often_leave_out_are_optional() -> None:
    optional = {name for name, fact in FACTS.items() if fact.is_optional}
    assert optional == {
        "public", "content_type", "content_type_matches", "content_length", "ranges", "download_seconds", "expires_in",
        "page",
    }  # fmt: skip
