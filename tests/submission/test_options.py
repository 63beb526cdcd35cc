"""The options of clients and of their calls: types, values, defaults."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight import catalog
from preflight.errors import UsageError
from preflight.hosts import LocalFile
from preflight.ledger import Ledger
from preflight.providers import PROVIDERS
from preflight.submission.options import (
    CallOptions,
    SubmissionOptions,
    SubmitOptions,
    make_check_plan,
    require_text,
    rules_digest,
)
from tests.rows import each_row

ATLAS = PROVIDERS["atlas"]


class Host:
    def put(self, file: LocalFile) -> str:
        return file.name


class TestTypes:
    @each_row(
        "name, value, expected",
        [
            ("group", 7, "a string"),
            ("name", b"name", "a string"),
            ("proxy", ["http://p"], "a string"),
            ("strict", 1, "True or False"),
            ("wait", None, "True or False"),
            ("retry_failed", "yes", "True or False"),
            ("poll_timeout", "60", "seconds, 0 or more"),
            ("host", 7, r"the name of the provider, s3://bucket/prefix, or an object with put\(\)"),
            ("host", print, r"the name of the provider, s3://bucket/prefix, or an object with put\(\)"),
            ("rate", 3, "auto, published, or registrations such as 3/min"),
            ("rate", None, "auto, published"),
            ("ledger", 7, "a path, or an open ledger"),
            ("keys", 7, "a key, or the credentials by name"),
            ("ca_bundle", True, "a path"),
            ("on_rate", "print", "a function"),
            ("recovery_window", 60, "a RecoveryWindow"),
            ("clock", 0, "a Clock"),
            ("clock", print, "a Clock"),
        ],
    )
    def test_value_of_a_wrong_type_is_refused(self, name: str, value: Any, expected: str) -> None:
        kind = type(value).__name__
        with pytest.raises(UsageError, match=rf"^{name}= is of the type {kind}\. Give {expected}") as caught:
            SubmissionOptions(**{name: value})
        assert caught.value.parameters == (name,)

    @each_row(
        "name, value",
        [
            ("group", "heroes"),
            ("strict", True),
            ("wait", False),
            ("poll_timeout", 0),
            ("poll_timeout", 1.5),
            ("poll_timeout", math.inf),
            ("host", "atlas"),
            ("host", Host()),
            ("ledger", Path("ledger.sqlite")),
            ("keys", {"api_key": "sk-1"}),
            ("keys", "sk-1"),
            ("ca_bundle", Path("ca.pem")),
            ("on_rate", print),
            ("on_rate", None),
        ],
    )
    def test_value_of_the_right_type_is_accepted(self, name: str, value: Any) -> None:
        assert getattr(SubmissionOptions(**{name: value}), name) == value

    def test_open_ledger_is_taken(self, tmp_path: Path) -> None:
        with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
            assert SubmissionOptions(ledger=ledger).ledger is ledger

    @each_row("seconds", [-0.001, -1, math.nan])
    def test_negative_time_is_refused(self, seconds: float) -> None:
        with pytest.raises(UsageError, match=r"poll_timeout=.* is not a time\. Give seconds, 0 or more") as caught:
            SubmissionOptions(poll_timeout=seconds)
        assert caught.value.parameters == ("poll_timeout",)

    def test_files_are_in_one_place(self) -> None:
        with pytest.raises(UsageError, match=r"host= and public_base= both say where files are") as caught:
            SubmissionOptions(host="atlas", public_base="https://cdn.example")
        assert caught.value.parameters == ("host", "public_base")
        assert SubmissionOptions(host="atlas").public_base is None
        assert SubmissionOptions(public_base="https://cdn.example").host is None

    @each_row("what, value", [("The asset", 7), ("The group", None), ("The name", b"x")])
    def test_text_is_required(self, what: str, value: object) -> None:
        with pytest.raises(UsageError, match=rf"{what} is of the type {type(value).__name__}\. Give a string\."):
            require_text(what, value)
        require_text(what, "")


class TestDefaults:
    def test_options_are_as_documented(self) -> None:
        options = SubmissionOptions()
        assert (options.strict, options.retry_failed, options.allow_private) == (False, False, False)
        assert (options.wait, options.rate) == (True, "auto")

    def test_every_option_is_optional(self) -> None:
        assert not CallOptions.__required_keys__
        assert not SubmitOptions.__required_keys__

    def test_secrets_are_not_shown(self) -> None:
        shown = repr(SubmissionOptions(keys="sk-secret", proxy="http://me:secret@proxy.example", group="heroes"))
        assert "secret" not in shown
        assert "heroes" in shown

    @each_row("kind, minutes", [("image", 3), ("audio", 5), ("video", 15), ("other", 15)])
    def test_kinds_take_different_times(self, kind: str, minutes: int) -> None:
        assert SubmissionOptions().poll_timeout_of(kind) == minutes * 60
        assert SubmissionOptions(poll_timeout=7).poll_timeout_of(kind) == 7
        assert SubmissionOptions(poll_timeout=0).poll_timeout_of(kind) == 0


class TestForCall:
    def test_options_of_the_call_replace_those_of_the_client(self) -> None:
        options = SubmissionOptions(name="client", strict=True).for_call(ATLAS, {"name": "call", "wait": False})
        assert (options.name, options.strict, options.wait) == ("call", True, False)
        assert SubmissionOptions(name="client").for_call(ATLAS, {}).name == "client"

    @each_row(
        "given, named", [({"rate": "3/min"}, "rate"), ({"wait": True, "ledger": None, "account": "a"}, "account")]
    )
    def test_option_of_the_client_is_refused(self, given: Any, named: str) -> None:
        with pytest.raises(UsageError, match=rf"^{named}= is an option of the client\. Give it when the") as caught:
            SubmissionOptions().for_call(ATLAS, given)
        assert caught.value.parameters == (named,)

    def test_option_that_does_not_exist_is_an_error_of_the_program(self) -> None:
        with pytest.raises(TypeError, match="grup"):
            SubmissionOptions().for_call(ATLAS, {"grup": "heroes"})  # type: ignore[typeddict-unknown-key]

    def test_options_of_the_call_are_validated(self) -> None:
        with pytest.raises(UsageError, match="has no type 'Film'"):
            SubmissionOptions().for_call(ATLAS, {"type": "Film"})


class TestValidate:
    def test_type_is_one_of_the_provider(self) -> None:
        SubmissionOptions().validate(ATLAS)
        for name in ATLAS.types:
            SubmissionOptions(type=name).validate(ATLAS)
        with pytest.raises(UsageError, match=rf"has no type 'Film'\. Choose from {', '.join(ATLAS.types)}\.") as caught:
            SubmissionOptions(type="Film").validate(ATLAS)
        assert caught.value.parameters == ("type",)

    @each_row(
        "name, max_name_chars, most",
        [
            (None, 64, None),
            ("n", 64, None),
            ("n" * 48, 64, None),
            ("n" * 49, 64, 48),
            ("n" * 7, 20, None),
            ("n" * 8, 20, 7),
            (" n ", 16, None),
            ("", 64, 48),
            ("  ", 64, 48),
        ],
    )
    def test_name_leaves_room_for_what_is_added(self, name: str | None, max_name_chars: int, most: int | None) -> None:
        spec = replace(ATLAS, max_name_chars=max_name_chars)
        options = SubmissionOptions(name=name)
        if most is None:
            options.validate(spec)
            return
        message = rf"the name has {len(name or '')} characters\. Give name= with 1 to {most}; 13 more are added"
        with pytest.raises(UsageError, match=message) as caught:
            options.validate(spec)
        assert caught.value.parameters == ("name",)

    def test_description_is_one_that_the_provider_takes(self) -> None:
        with pytest.raises(UsageError, match="takes no description here"):
            SubmissionOptions(description="text").validate(replace(ATLAS, describes=frozenset()))
        SubmissionOptions(description="text").validate(replace(ATLAS, describes=frozenset({"register"})))


class TestCheckPlan:
    def test_rules_of_the_provider_come_first(self) -> None:
        own = [ruleset.name for ruleset in make_check_plan(ATLAS, SubmissionOptions()).rules]
        assert own == [ATLAS.ruleset]
        further = make_check_plan(ATLAS, SubmissionOptions(rules="fal", strict=True, timeout=7, allow_private=True))
        assert [ruleset.name for ruleset in further.rules][:1] == own
        assert len(further.rules) > 1
        assert further.strict
        assert further.http is not None
        assert (further.http.timeout, further.http.allow_private) == (7, True)

    def test_digest_depends_on_the_limits_and_not_on_their_order(self) -> None:
        (ruleset,) = catalog.resolve("atlas")
        digest = rules_digest([ruleset])
        assert len(digest) == 16
        assert rules_digest([ruleset._replace(table=dict(reversed(ruleset.table.items())))]) == digest
        assert rules_digest([ruleset._replace(table={**ruleset.table, "title": "New"})]) != digest
        assert rules_digest([ruleset, ruleset]) != digest
