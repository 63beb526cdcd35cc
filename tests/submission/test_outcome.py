"""Outcomes of targets: code, message, asset, and what JSON shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preflight.errors import LedgerError, PreflightError, SourceError, UsageError
from preflight.providers import PROVIDERS, Asset
from preflight.report import Finding, Problem, Report, Result
from preflight.submission.outcome import (
    Submission,
    asset_from_entry,
    cancelled,
    join_sentences,
    not_hosted,
    prevented,
    rejected,
    settled,
)
from tests.rows import each_row
from tests.submission.memory import Memory, refused


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path) as memory:
        yield memory


def report_of(*severities: Any, error: Problem | None = None) -> Report:
    """A report on the target number 7 with one finding of each severity."""
    findings = tuple(
        Finding(f"code_{number}", severity, f"Text {number}.") for number, severity in enumerate(severities)
    )
    result = Result("atlas", "asset", "2026-11-28", "published", "fail", findings)
    return Report("a.png", None, index=7, results=(result,), error=error)


class TestSubmission:
    def test_json_has_every_field_and_null_for_missing_values(self) -> None:
        assert Submission("a.png", "unknown").as_json() == {
            "source": "a.png",
            "index": 0,
            "outcome": "unknown",
            "reused": False,
            "code": None,
            "message": None,
            "asset": None,
            "report": None,
            "fix": None,
        }

    def test_json_has_the_asset_and_the_report(self) -> None:
        asset, report = Asset("asset-1", "atlas"), report_of("error")
        shown = Submission("a.png", "active", 7, report, asset, reused=True).as_json()
        assert (shown["asset"], shown["report"]) == (asset.as_json(), report.as_json())
        assert (shown["index"], shown["reused"]) == (7, True)


class TestRejected:
    @each_row(
        "severities, code, message",
        [
            (["error"], "code_0", "Text 0."),
            (["unknown"], "code_0", "Text 0."),
            (["warning", "note", "error"], "code_2", "Text 2."),
            (["unknown", "warning", "error"], "code_0", "Text 0. (and 1 more)"),
            (["error", "error", "unknown"], "code_0", "Text 0. (and 2 more)"),
            (["warning"], "code_0", "Text 0. (a warning, which strict makes a failure)"),
            (["note", "warning"], "code_1", "Text 1. (a warning, which strict makes a failure)"),
            (["warning", "warning"], "code_0", "Text 0. (a warning, which strict makes a failure) (and 1 more)"),
            (["note"], "internal_error", "It does not pass, and no rule says why."),
            ([], "internal_error", "It does not pass, and no rule says why."),
        ],
    )
    def test_first_problem_is_the_reason(self, severities: list[str], code: str, message: str) -> None:
        report = report_of(*severities)
        submission = rejected(report)
        assert (submission.outcome, submission.code, submission.message) == ("rejected", code, message)
        assert (submission.source, submission.index, submission.report) == ("a.png", 7, report)
        assert submission.error is None

    def test_unreadable_source_is_the_reason(self) -> None:
        submission = rejected(report_of(error=Problem("not_found", "There is no file.")))
        assert (submission.code, submission.message, submission.error) == ("not_found", "There is no file.", None)

    def test_object_that_is_not_a_source_is_a_wrong_call(self) -> None:
        submission = rejected(report_of(error=Problem("not_a_media_source", "7 is not a source.")))
        assert isinstance(submission.error, UsageError)
        assert str(submission.error) == submission.message == "7 is not a source."


def test_file_without_a_host_is_rejected() -> None:
    error, report = UsageError("Give host=."), report_of()
    assert not_hosted(report, error) == Submission(
        "a.png", "rejected", 7, report, code="not_hosted", message="Give host=.", error=error
    )


@each_row(
    "error, code",
    [
        (LedgerError("text"), "ledger_error"),
        (SourceError("upload_failed", "text"), "upload_failed"),
        (refused(), "invalid"),
        (UsageError("text"), None),
    ],
)
def test_error_gives_its_code(error: PreflightError, code: str | None) -> None:
    made = prevented("a.png", 7, None, error)
    assert made == Submission("a.png", "error", 7, code=code, message=str(error), error=error)


def test_cancelled_target_continues_with_the_same_call() -> None:
    made = cancelled("a.png", 7)
    assert (made.outcome, made.index, made.code) == ("cancelled", 7, "cancelled")
    assert made.message == "It was cancelled before it was registered. The same call continues it."


class TestSettled:
    @each_row(
        "state, outcome",
        [
            ("active", "active"),
            ("processing", "processing"),
            ("failed", "failed"),
            ("intended", "unknown"),
            ("unknown", "unknown"),
        ],
    )
    def test_outcome_is_that_of_the_entry(self, tmp_path: Path, state: Any, outcome: str) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.enter("asset-1", state=state, error_code="code", error_message="text")
            made = settled(report_of(), entry, None, memory.provider, reused=False, note=None)
            assert (made.outcome, made.code, made.message, made.reused) == (outcome, "code", "text", False)
            assert made.asset == asset_from_entry(entry, memory.spec)

    RETRY = "It failed before, and is not registered again. Change the file, or submit it with retry_failed=True."

    @each_row(
        "text, code, reused, known, message",
        [
            ("too small", "E1", False, False, "too small"),
            (None, "E1", False, False, "E1"),
            (None, None, False, False, "Atlas Cloud gives no reason."),
            ("", "", False, False, "Atlas Cloud gives no reason."),
            ("too small", "E1", True, False, f"too small. {RETRY}"),
            (None, None, True, False, f"Atlas Cloud gives no reason. {RETRY}"),
            ("too small", None, True, True, "too small"),
            ("too small", None, False, True, "too small"),
        ],
    )
    def test_known_failure_has_a_reason_and_a_remedy(
        self, tmp_path: Path, text: str | None, code: str | None, reused: bool, known: bool, message: str
    ) -> None:
        with Memory(tmp_path) as memory:
            entry = memory.enter("asset-1", state="failed", error_message=text, provider_code=code)
            asset = Asset("asset-1", "atlas", "failed") if known else None
            made = settled(report_of(), entry, asset, memory.provider, reused=reused, note=None)
            assert (made.message, made.reused) == (message, reused)

    def test_success_has_no_message_but_the_note(self, memory: Memory) -> None:
        entry = memory.enter("asset-1", provider_code="E1")
        for note, message in ((None, None), ("Registered before", "Registered before")):
            made = settled(report_of(), entry, None, memory.provider, reused=True, note=note)
            assert made.message == message

    def test_asset_is_as_last_described(self, memory: Memory) -> None:
        entry, asset = memory.enter("asset-1"), Asset("asset-1", "atlas", url="https://cdn.example/a")
        assert settled(report_of(), entry, asset, memory.provider, reused=False, note=None).asset is asset


@each_row(
    "texts, expected",
    [
        ([], ""),
        ([None, ""], ""),
        (["one"], "one"),
        (["one."], "one."),
        ([None, "one"], "one"),
        (["one", "two"], "one. two."),
        (["one.", "two"], "one. two."),
        (["one!", "two?"], "one! two?"),
        (["一。", None, "two"], "一。 two."),
        (["one", "two", "three"], "one. two. three."),
    ],
)
def test_several_texts_become_sentences(texts: list[str | None], expected: str) -> None:
    assert join_sentences(*texts) == expected


class TestAssetFromEntry:
    def test_entry_without_an_id_has_no_asset(self, memory: Memory) -> None:
        assert asset_from_entry(memory.enter(None), memory.spec) is None

    def test_asset_is_as_recorded(self, memory: Memory) -> None:
        entry = memory.enter(
            "asset-1", group="g-1", error_code="code", error_message="text", provider_code="E1", kind="image:Script"
        )
        asset = asset_from_entry(entry, memory.spec)
        assert asset is not None
        assert (asset.id, asset.provider, asset.reference, asset.name) == (
            "asset-1",
            "atlas",
            "asset://asset-1",
            entry.name,
        )
        assert (asset.group, asset.kind, asset.status) == ("g-1", "image", "active")
        assert (asset.error_code, asset.error_message, asset.provider_code) == ("code", "text", "E1")

    @each_row(
        "state, status",
        [("active", "active"), ("failed", "failed"), ("gone", "processing"), ("unknown", "processing")],
    )
    def test_state_without_a_status_is_processing(self, tmp_path: Path, state: Any, status: str) -> None:
        with Memory(tmp_path) as memory:
            asset = asset_from_entry(memory.enter("asset-1", state=state), memory.spec)
            assert asset is not None
            assert asset.status == status

    @each_row(
        "kind, group, expected",
        [("video", "", ("video", None)), ("model", "g-1", (None, "g-1")), ("", "", (None, None))],
    )
    def test_kind_and_group_may_be_absent(self, tmp_path: Path, kind: str, group: str, expected: Any) -> None:
        with Memory(tmp_path) as memory:
            asset = asset_from_entry(memory.enter("asset-1", kind=kind, group=group), memory.spec)
            assert asset is not None
            assert (asset.kind, asset.group) == expected

    def test_request_goes_to_where_the_asset_is(self, memory: Memory) -> None:
        entry = memory.enter("asset-1")
        elsewhere = replace(entry, origin="https://else.example")
        usual = asset_from_entry(entry, memory.spec)
        given = asset_from_entry(elsewhere, memory.spec)
        assert usual is not None
        assert given is not None
        assert memory.spec.generation is not None
        assert (
            usual.request(prompt="x").url
            == Asset(
                "asset-1",
                "atlas",
                "active",
                "image",
                "asset://asset-1",
                generation=memory.spec.generation.at(memory.spec.origins),
            )
            .request(prompt="x")
            .url
        )
        assert usual.request(prompt="x").url.startswith("https://api.atlascloud.ai/")
        assert given.request(prompt="x").url.startswith("https://else.example/")

    def test_provider_without_requests_has_none(self, memory: Memory) -> None:
        asset = asset_from_entry(memory.enter("asset-1"), replace(memory.spec, generation=None))
        assert asset is not None
        assert asset.generation is None
        assert PROVIDERS["atlas"].generation is not None
