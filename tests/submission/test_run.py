"""A run as a whole: order, early ends, what stops it, and what `submit` makes of it."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import preflight
from preflight.errors import LedgerError, MissingExtra, Stopped, UsageError
from preflight.hosts import LocalFile
from preflight.ledger import Ledger
from preflight.providers import Provider
from preflight.report import Problem, Rejected
from preflight.sandbox import Sandbox
from preflight.submission import Submission, submit, submit_many
from preflight.submission import run as running
from preflight.submission.account import SUBMIT_THREADS
from preflight.submission.outcome import NotActive
from preflight.targets import Item
from tests.submission.clocks import quick_clock, quick_wait
from tests.submission.sending import ACCEPTED, Sender

NARROW = ACCEPTED.parent / "refused" / "png-too-narrow.png"


def test_data_uris_and_assets_are_not_registered(atlas: Sender) -> None:
    data = base64.b64encode((ACCEPTED / "picture.png").read_bytes()).decode()
    made = atlas.many([f"data:image/png;base64,{data}", "asset://asset-1", "image=asset://asset-1"])
    assert [submission.outcome for submission in made] == ["rejected"] * 3
    assert [submission.code for submission in made] == ["data_uri_not_accepted", *["asset_reference"] * 2]
    assert atlas.entries() == []


def test_kind_that_polling_does_not_return_is_that_of_the_registration(
    atlas: Sender, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = Provider.get
    monkeypatch.setattr(Provider, "get", lambda self, asset_id: replace(get(self, asset_id), kind=None))
    box.faults.delay = 0.3
    submission = atlas.one(atlas.picture())
    assert submission.asset is not None
    assert (submission.asset.status, submission.asset.kind) == ("active", "image")


class TestOrder:
    def test_results_come_in_input_order_one_for_each_target(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.delay = 0.1
        pictures = atlas.pictures(3)
        targets = [pictures[0], NARROW, pictures[1], "gone.png", pictures[2]]
        made = atlas.many(targets)
        assert [submission.source for submission in made] == [str(target) for target in targets]
        assert [submission.index for submission in made] == [0, 1, 2, 3, 4]
        assert [submission.outcome for submission in made] == ["active", "rejected", "active", "rejected", "active"]

    def test_unordered_results_come_as_they_are_ready(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.delay = 0.3
        made = atlas.many([atlas.picture(), NARROW], ordered=False)
        assert [submission.index for submission in made] == [1, 0]

    def test_targets_are_taken_as_a_stream(self, atlas: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        """An endless stream is not read to its end before the first result."""
        monkeypatch.setattr(running, "WINDOW", 10)
        taken = 0

        def targets() -> Iterator[Path]:
            nonlocal taken
            while True:
                taken += 1
                yield NARROW

        with closing(submit_many(targets(), "atlas", **atlas.options())) as run:
            first = list(itertools.islice(run, 30))
        assert len(first) == 30
        assert taken <= 30 + 10

    def test_unreadable_list_entry_is_rejected_with_its_reason(self, atlas: Sender) -> None:
        item = Item("list:3", "list:3", True, Problem("unreadable_line", "list:3: mend it"))
        submission = atlas.one(item)
        assert (submission.outcome, submission.code) == ("rejected", "unreadable_line")

    def test_empty_input_yields_nothing(self, atlas: Sender) -> None:
        assert atlas.many([]) == []


class TestEarlyEnd:
    def test_abandoned_run_stops_and_the_next_one_resumes(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.delay = 0.2
        box.faults.latency = 0.02
        pictures = atlas.pictures(60)
        with closing(submit_many(pictures, "atlas", **atlas.options())) as run:
            assert next(run).outcome == "active"
        assert "intended" not in {entry.state for entry in atlas.entries()}
        there = atlas.registered()
        time.sleep(0.2)
        assert atlas.registered() == there
        assert {submission.outcome for submission in atlas.many(pictures)} == {"active"}
        assert atlas.registered() == 60

    def test_stop_waits_for_the_call_under_way_and_for_nothing_else(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.latency = 0.3
        stop = threading.Event()

        def wait(event: threading.Event | threading.Condition, seconds: float | None) -> bool:
            if isinstance(event, threading.Event) and stop.is_set():
                raise Stopped
            return quick_wait(event, seconds)

        run = submit_many(atlas.pictures(3), "atlas", **atlas.options(clock=quick_clock(wait)))
        threading.Timer(0.25, stop.set).start()
        begun = time.monotonic()
        with pytest.raises(preflight.PreflightError, match="Repeat the call to continue it"):
            list(run)
        assert time.monotonic() - begun < 3
        assert "intended" not in {entry.state for entry in atlas.entries()}
        box.faults.clear()
        assert {submission.outcome for submission in atlas.many(atlas.folder.glob("*.png"))} == {"active"}  # type: ignore[arg-type]
        assert atlas.registered() == 3

    def test_run_that_is_never_iterated_does_nothing(self, atlas: Sender, box: Sandbox) -> None:
        before = sum(box.stats.calls.values())
        submit_many([atlas.picture()], "atlas", **atlas.options())
        assert sum(box.stats.calls.values()) == before
        assert not (atlas.folder / "ledger.sqlite").exists()


class TestStops:
    def test_account_that_is_refused_in_the_middle_loses_nothing(self, fewer: Sender, box: Sandbox) -> None:
        for call in range(9, 60):
            box.faults.on("402", action="register", provider=fewer.name, call=call)
        pictures = fewer.pictures(40)
        calls = box.stats.calls[fewer.name, "register"]
        made = fewer.many(pictures)
        assert len(made) == 40
        assert {submission.code for submission in made if submission.outcome == "error"} == {"credits"}
        assert sum(submission.outcome == "active" for submission in made) == fewer.registered() == 8
        assert box.stats.calls[fewer.name, "register"] - calls < 8 + SUBMIT_THREADS + 1
        assert {entry.state for entry in fewer.entries()} == {"active"}
        box.faults.clear()
        again = fewer.many(pictures)
        assert sum(submission.reused for submission in again) == 8
        assert fewer.registered() == 40

    def test_ledger_that_fails_in_the_middle_loses_nothing(self, some: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        pictures = some.pictures(6)
        write, writes = Ledger.write, itertools.count()

        def failing(self: Ledger, entry: object) -> object:
            if next(writes) >= 7:
                raise LedgerError("the disk is full")
            return write(self, entry)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "write", failing)
            made = some.many(pictures)
        assert len(made) == 6
        assert {submission.outcome for submission in made} <= {"active", "processing", "error"}
        for submission in made:
            if submission.outcome != "active":
                assert submission.code == "ledger_error"
                assert isinstance(submission.error, LedgerError)
        stored = {asset.id for asset in some.assets()}
        said = " ".join(submission.message or "" for submission in made)
        known = {submission.asset.id for submission in made if submission.asset}
        assert all(id_ in known or id_ in said for id_ in stored)
        assert {submission.outcome for submission in some.many(pictures)} == {"active"}
        assert some.registered() == 6

    def test_local_file_without_a_host_creates_no_group(self, some: Sender, box: Sandbox) -> None:
        submission = some.one(some.picture(), host=None)
        assert (submission.outcome, submission.code) == ("rejected", "not_hosted")
        if some.group is not None:
            assert some.group not in [group.name for group in box.groups(some.name)]

    def test_targets_that_cannot_be_submitted_leave_the_others_alone(self, atlas: Sender, box: Sandbox) -> None:
        picture = atlas.picture()
        url = box.host(str(picture), picture.name)
        made = atlas.many([5, picture.read_bytes(), Path, picture, url], host=None)
        assert [(one.outcome, one.code) for one in made] == [
            *[("rejected", "not_a_media_source")] * 3,
            ("rejected", "not_hosted"),
            ("active", None),
        ]
        assert made[0].message == "<int> is neither a path nor a URL. Give one of them; write bytes to a file first."
        assert "Choose where it is hosted with host= or public_base=." in (made[3].message or "")

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"host": "atlas", "public_base": "https://cdn.example.com"}, "Give one of them"),
            ({"host": "ftp://x"}, "Give host=atlas or s3://bucket/prefix"),
            ({"type": "Vidoe"}, "has no type 'Vidoe'"),
            ({"name": "n" * 49}, "Give name= with 1 to 48"),
            ({"name": "  "}, "Give name= with 1 to 48"),
            ({"rate": "5/h"}, "Unknown rate '5/h'"),
            ({"keys": {}}, "ATLASCLOUD_API_KEY"),
            ({"endpoint": "http://example.com"}, "keys are sent nowhere else"),
            ({"rules": "atlsa"}, "atlas"),
            ({"reference_id": "uuid"}, "reference_id="),
            ({"description": "x"}, "takes no description here. Leave description= out"),
        ],
    )
    def test_wrong_call_is_refused_before_anything_is_read(
        self, atlas: Sender, options: dict[str, object], said: str
    ) -> None:
        with pytest.raises(UsageError) as raised:
            submit_many(["gone.png"], "atlas", **atlas.options(**options))
        assert said in str(raised.value)

    @pytest.mark.parametrize(
        ("provider", "variable"),
        [
            ("agentsflare", "AGENTSFLARE_API_KEY"),
            ("agt", "AGT_API_KEY"),
            ("atlas", "ATLASCLOUD_API_KEY"),
            ("byteplus", "BYTEPLUS_ACCESSKEY"),
            ("crun", "CRUN_API_KEY"),
            ("sunra", "SUNRA_API_KEY"),
            ("volcengine", "VOLC_ACCESSKEY"),
        ],
    )
    def test_missing_key_error_names_the_variable(self, provider: str, variable: str) -> None:
        with pytest.raises(UsageError, match=f"needs a key. Set the environment variable {variable}"):
            submit_many(["gone.png"], provider)

    def test_unknown_provider_error_names_the_nearest(self) -> None:
        with pytest.raises(UsageError, match="Did you mean 'atlas'"):
            submit_many([], "atals")

    def test_missing_extra_is_named(self, atlas: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "boto3", None)
        with pytest.raises(MissingExtra, match=r"preflight-media\[s3\]"):
            submit_many([], "atlas", **atlas.options(host="s3://bucket/prefix"))

    def test_error_of_a_custom_host_affects_one_file(self, atlas: Sender) -> None:
        good, bad = atlas.pictures(2)

        class Broken:
            def put(self, file: LocalFile) -> str:
                if file.path == str(bad):
                    raise OSError("cannot reach https://store.example/x?X-Amz-Signature=5f2c0123456789abcdef")
                return atlas.host.put(file)

        made = atlas.many([bad, good], host=Broken())
        assert [(submission.outcome, submission.code) for submission in made] == [
            ("error", "upload_failed"),
            ("active", None),
        ]
        assert "cannot reach https://store.example/x" in (made[0].message or "")
        assert "5f2c0123456789abcdef" not in (made[0].message or "")


class TestSubmit:
    def test_submit_returns_the_active_asset(self, some: Sender) -> None:
        asset = submit(str(some.picture()), some.name, **some.options())
        assert asset.status == "active"

    @pytest.mark.parametrize("target", [5, b"GIF89a", ACCEPTED / "picture.png"])
    def test_target_that_cannot_be_submitted_is_a_wrong_call(self, atlas: Sender, target: Any) -> None:
        with pytest.raises(UsageError, match=r"neither a path nor a URL|host= or public_base="):
            submit(target, "atlas", **atlas.options(host=None))

    def test_rejected_raises_with_the_report(self, atlas: Sender) -> None:
        with pytest.raises(Rejected, match="does not pass: width 299 px") as raised:
            submit(NARROW, "atlas", **atlas.options())
        assert raised.value.report.findings[0].code == "width_too_small"

    def test_failed_asset_raises_with_the_submission(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.fail("FaceMismatch", match=f"{atlas.mark}*")
        with pytest.raises(NotActive, match="failed as the sandbox was configured to") as raised:
            submit(atlas.picture(), "atlas", **atlas.options())
        submission: Submission = raised.value.submission
        assert submission.code == "face_mismatch"

    def test_processing_raises_unless_wait_is_false(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.delay = 60
        picture = atlas.picture()
        with pytest.raises(NotActive, match="still processing after 1 s"):
            submit(picture, "atlas", **atlas.options(poll_timeout=1))
        assert submit(picture, "atlas", **atlas.options(wait=False)).status == "processing"

    def test_call_that_fails_raises_its_own_error(self, atlas: Sender, box: Sandbox) -> None:
        box.faults.on("subscription", provider="atlas")
        with pytest.raises(preflight.AccountRefused, match="no plan"):
            submit(atlas.picture(), "atlas", **atlas.options())

    def test_submission_is_json(self, atlas: Sender) -> None:
        made = atlas.many([atlas.picture(), NARROW])
        rows = [json.loads(json.dumps(submission.as_json())) for submission in made]
        assert rows[0]["asset"]["status"] == "active"
        assert rows[0]["report"]["verdict"] == "pass"
        assert rows[1]["asset"] is None
        assert set(rows[0]) == {"source", "index", "outcome", "reused", "code", "message", "asset", "report", "fix"}
