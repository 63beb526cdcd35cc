"""`asset://ID` within a request is counted by kind; its facts are unknown, never an error."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import preflight
from preflight import AssetReference
from preflight.cli.params import with_kinds
from preflight.combination import judge_request
from preflight.errors import LedgerError, UsageError
from preflight.ledger import Ledger, registered_kind
from preflight.media import Media
from preflight.report import Report, Result
from preflight.ruleset import RuleSet, compile_ruleset
from preflight.sources.open import asset_of
from tests.conftest import Run
from tests.ledger.test_ledger import entry
from tests.rows import each_row

PICTURE, SOUND, CLIP = (f"fixtures/accepted/{name}" for name in ("picture.jpg", "sound.wav", "clip.mp4"))


def codes(result: Result) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in result.findings]


def together(run: Run, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and the row of each source, of `preflight check … --together`."""
    done = run("check", *words, "--for", "seedance-2.0", "--together", "--format", "jsonl")
    return done.returncode, {row["source"]: row for row in map(json.loads, done.stdout.splitlines())}


class TestWrongCalls:
    def test_reference_must_be_a_string(self) -> None:
        with pytest.raises(UsageError, match="An asset's reference is int"):
            AssetReference(5, "image")  # type: ignore[arg-type]

    @pytest.mark.parametrize("kinds", [[("asset://a", "image")], "asset://a"])
    def test_asset_kinds_must_be_a_mapping(self, kinds: Any) -> None:
        with pytest.raises(UsageError, match="Give a dict of kinds by reference"):
            preflight.check_request(["asset://a"], "seedance-2.0", asset_kinds=kinds)


class TestCounting:
    """Assets among the files of `check_request`."""

    def test_asset_of_unknown_kind_is_a_note(self) -> None:
        result, reports = preflight.check_request([PICTURE, "asset://asset-1"], "seedance-2.0")
        assert result.verdict == "pass"
        assert codes(result) == [("asset_not_counted", "note")]
        assert [report.verdict for report in reports] == ["pass", "pass"]
        assert codes(reports[1].results[0]) == [("asset_reference", "note")]
        assert reports[1].source == "asset://asset-1"
        assert reports[1].media is None

    def test_asset_of_known_kind_counts_as_a_file_of_it(self) -> None:
        images = [f"image=asset://asset-{number}" for number in range(9)]
        result, reports = preflight.check_request(images, "seedance-2.0")
        assert (result.verdict, codes(result)) == ("pass", [])
        assert {report.media for report in reports} == {Media(kind="image")}
        result, _ = preflight.check_request([*images, PICTURE], "seedance-2.0")
        assert codes(result) == [("too_many_files", "error")]
        assert result.findings[0].value == 10

    def test_kinds_can_be_stated_in_code(self) -> None:
        for targets, kinds in (
            ([SOUND, AssetReference("asset://asset-1", "image")], None),
            ([SOUND, AssetReference("asset://asset-1")], {"asset://asset-1": "image"}),
            ([SOUND, "Asset://asset-1"], {"Asset://asset-1": "video"}),
        ):
            result, _ = preflight.check_request(targets, "seedance-2.0", asset_kinds=kinds)
            assert result.verdict == "pass", targets
        with pytest.raises(UsageError, match="Unknown kind 'sound' of asset://a"):
            AssetReference("asset://a", "sound")

    def test_companion_is_required_of_assets_of_known_kind(self) -> None:
        result, _ = preflight.check_request(["audio=asset://asset-1"], "seedance-2.0")
        assert ("companion_required", "error") in codes(result)
        result, _ = preflight.check_request(["audio=asset://asset-1", PICTURE], "seedance-2.0")
        assert result.verdict == "pass"

    def test_companion_that_an_asset_of_unknown_kind_may_be_is_a_note(self) -> None:
        result, _ = preflight.check_request([SOUND, "asset://asset-1"], "seedance-2.0")
        assert result.verdict == "pass"
        assert {severity for _, severity in codes(result)} == {"note"}
        assert any("the kind of 1 registered asset is unknown" in finding.message for finding in result.findings)

    def test_a_file_that_fails_or_is_unknown_still_decides(self) -> None:
        for path, verdict in (("fixtures/refused/png-too-narrow.png", "fail"), ("gone.png", "unknown")):
            result, _ = preflight.check_request([path, "image=asset://asset-1"], "seedance-2.0")
            assert result.verdict == verdict

    def test_scheme_is_read_in_any_case(self) -> None:
        for word in ("asset://a", "Asset://a", "ASSET://A-b_c.1", "Video=Asset://a"):
            asset = asset_of(word)
            assert asset is not None
            assert asset.kind == ("video" if "=" in word else None)
        for word in ("asset:a", "asset://", "asset:// a", "xasset://a", "sound=asset://a", "a/asset://b", b"asset://a"):
            assert asset_of(word) is None


RULES = {
    "title": "Mine: requests",
    "stage": "generate",
    "source": "x",
    "as_of": "2026-11-20",
    "basis": "published",
    "video": {},
    "image": {},
    "request": {
        "video": {"files": {"min": 2, "max": 3}, "total_duration": {"min": 10, "max": 15, "lenient": {"max": 15.2}}},
        "all": {"files": {"max": 4}, "total_size": {"max": 100}},
    },
}


class TestTotals:
    """Totals with assets are lower bounds."""

    RULES: RuleSet = compile_ruleset("mine", RULES)

    def judge(self, durations: list[float | None], *assets: str | None, strict: bool = False) -> Result:
        reports = [Report(f"{at}.mp4", Media(kind="video", size=9, duration=one)) for at, one in enumerate(durations)]
        reports = [Report(one.source, one.media, (self.passing(),)) for one in reports]
        for at, kind in enumerate(assets):
            reports.append(Report(f"asset://{at}", Media(kind=kind) if kind else None, (self.passing(),)))
        return judge_request(reports, self.RULES, strict=strict)

    def passing(self) -> Result:
        return Result("mine", "generate", "2026-11-20", "published", "pass")

    def test_sum_above_the_maximum_fails_with_the_files_alone(self) -> None:
        result = self.judge([8, 7.5], "video")
        assert ("total_duration_too_long", "error") in codes(result)

    def test_sum_within_the_tolerance_stays_a_warning(self) -> None:
        result = self.judge([8, 7.1], "video")
        assert ("total_duration_too_long", "warning") in codes(result)
        assert self.judge([8, 7.1], "video", strict=True).verdict == "fail"

    def test_sum_below_the_minimum_is_no_error(self) -> None:
        for assets in (("video",), (None,), ("video", None)):
            result = self.judge([3, 3], *assets)
            assert result.verdict == "pass", assets
            (note, *_) = [finding for finding in result.findings if finding.fact == "total_duration"]
            assert note.message.startswith("total duration of videos 6 s without ")
        assert self.judge([3, 3]).verdict == "fail"

    def test_fact_of_a_file_that_could_not_be_read_stays_unknown(self) -> None:
        assert self.judge([None, 3], "video").verdict == "unknown"

    def test_number_of_files_is_exact_where_every_kind_is_known(self) -> None:
        assert ("too_few_files", "error") in codes(self.judge([12]))
        assert "too_few_files" not in dict(codes(self.judge([12], "video")))
        assert ("too_few_files", "error") in codes(self.judge([12], "image"))
        assert ("too_many_files", "error") in codes(self.judge([4, 4, 4], "video"))

    def test_asset_of_unknown_kind_may_be_the_missing_file(self) -> None:
        result = self.judge([12], None)
        assert result.verdict == "pass"
        assert any(finding.message.startswith("videos 1 without 1 registered asset") for finding in result.findings)

    def test_asset_of_unknown_kind_counts_among_all_files(self) -> None:
        assert self.judge([5, 5, 4], None).verdict == "pass"
        assert ("too_many_files", "error") in codes(self.judge([5, 5, 4], None, None))

    def test_notes_do_not_fail_under_strict(self) -> None:
        assert self.judge([3, 3], "video", None, strict=True).verdict == "pass"


class TestCommand:
    """`preflight check` with assets on the command line."""

    def test_asset_passes_with_a_passing_file(self, run: Run) -> None:
        code, rows = together(run, PICTURE, "asset://asset-2026")
        assert code == 0
        assert rows["asset://asset-2026"]["verdict"] == "pass"
        assert rows["<request>"]["verdict"] == "pass"

    def test_as_option_applies_to_the_assets_that_follow(self, run: Run) -> None:
        words = ("asset://a", "--as", "image", "asset://b", PICTURE, "--as=VIDEO", "asset://c", "audio=asset://d")
        _, rows = together(run, *words, "asset://e")
        kinds = {source: row.get("kind") for source, row in rows.items()}
        assert kinds == {
            "asset://a": None,
            "asset://b": "image",
            PICTURE: "image",
            "asset://c": "video",
            "asset://d": "audio",
            "asset://e": "video",
            "<request>": None,
        }

    def test_as_option_accepts_only_kinds(self, run: Run) -> None:
        for words in (("--as", "sound", "asset://a"), ("--as=", "asset://a"), ("asset://a", "--as")):
            done = run("check", *words, "--for", "seedance-2.0", "--together")
            assert done.returncode == 2
            assert "--as" in done.stderr

    def test_as_option_after_two_dashes_is_a_target(self) -> None:
        from preflight.cli.params import _marked

        assert list(_marked(["--", "--as", "image"])) == ["--", "--as", "image"]
        assert list(with_kinds(_marked(["--as", "image", "a.png", "asset://a"]))) == ["a.png", "image=asset://a"]

    @pytest.mark.parametrize("words", [("--as", "video"), (PICTURE, "--as", "video"), ("--as", "video", PICTURE)])
    def test_kind_without_an_asset_is_a_usage_error(self, run: Run, words: tuple[str, ...]) -> None:
        done = run("check", *words, "--for", "seedance-2.0")
        assert (done.returncode, done.stdout) == (2, "")
        assert "--as video is not followed by an asset. Write asset://ID after it" in done.stderr

    def test_lists_may_name_assets(self, run: Run, tmp_path: Path) -> None:
        listed = tmp_path / "list.txt"
        listed.write_text("image=asset://a\nasset://b\n")
        code, rows = together(run, SOUND, f"@{listed}")
        assert code == 0
        assert rows["asset://a"]["kind"] == "image"

    def test_asset_outside_a_request_is_unknown(self, run: Run) -> None:
        done = run("check", "--as", "image", "asset://asset-1", "--for", "atlas")
        assert done.returncode == run("check", "gone.png", "--for", "atlas").returncode
        assert done.stdout.startswith("UNKNOWN asset://asset-1\n")
        assert "check the asset as part of a request" in done.stdout
        assert preflight.check("asset://asset-1", "atlas").verdict == "unknown"


class TestLedger:
    """The kind of an asset is read from the ledger."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        path = str(tmp_path / "ledger ?#%.sqlite")
        with Ledger(path) as ledger:
            ledger.write(entry(kind="video", asset_id="asset-1", reference="asset://asset-1", state="active"))
            ledger.write(entry("sha256:01", kind="image", asset_id="77", reference="Asset://ark-2", state="active"))
        return path

    def test_registered_asset_has_its_kind(self, path: str) -> None:
        assert registered_kind("asset://asset-1", path) == "video"
        assert registered_kind("ASSET://asset-1", path) == "video"
        assert registered_kind("asset://ark-2", path) == "image"
        assert registered_kind("asset://77", path) == "image"
        assert registered_kind("asset://asset-2", path) is None

    def test_ledger_gives_kind_on_command_line(self, run: Run, path: str) -> None:
        code, rows = together(run, SOUND, "asset://asset-1", "--ledger", path)
        assert code == 0
        assert rows["asset://asset-1"]["kind"] == "video"
        _, rows = together(run, SOUND, "--as", "image", "asset://asset-1", "--ledger", path)
        assert rows["asset://asset-1"]["kind"] == "image"

    def test_pipe_is_not_waited_for(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipe = tmp_path / "preflight" / "ledger.sqlite"
        pipe.parent.mkdir()
        os.mkfifo(pipe)
        with pytest.raises(LedgerError, match=r"ledger\.sqlite is not a regular file\. Give another ledger="):
            registered_kind("asset://asset-1", str(pipe))
        done = run("check", "--together", SOUND, "asset://asset-1", "--for", "seedance-2.0", "--ledger", pipe)
        assert (done.returncode, "Give another --ledger." in done.stderr) == (2, True)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert registered_kind("asset://asset-1") is None

    def test_ledger_is_not_created_or_written(self, path: str, tmp_path: Path) -> None:
        gone = str(tmp_path / "gone.sqlite")
        assert registered_kind("asset://asset-1", gone) is None
        assert not os.path.exists(gone)
        before = (os.stat(path), Path(path).read_bytes())
        registered_kind("asset://asset-1", path)
        assert (os.stat(path).st_mtime_ns, Path(path).read_bytes()) == (before[0].st_mtime_ns, before[1])

    @each_row(("writable", "kind"), [(False, "video"), (True, None)])
    def test_only_a_ledger_in_a_read_only_folder_is_read_as_unchanging(
        self, path: str, monkeypatch: pytest.MonkeyPatch, writable: bool, kind: str | None
    ) -> None:
        opened: list[bool] = []
        connect = sqlite3.connect

        def refuse(database: str, **options: Any) -> sqlite3.Connection:
            opened.append("immutable" in database)
            if not opened[-1]:
                raise sqlite3.OperationalError("unable to open database file")
            return connect(database, **options)

        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", refuse)
            patch.setattr(os, "access", lambda *_: writable)
            if kind is None:
                with pytest.raises(LedgerError, match="cannot be read"):
                    registered_kind("asset://asset-1", path)
            else:
                assert registered_kind("asset://asset-1", path) == kind
        assert opened == ([False] if writable else [False, True])

    def test_ledger_that_cannot_be_opened_at_all_is_reported(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_uri: str, **_: Any) -> sqlite3.Connection:
            raise sqlite3.OperationalError("unable to open database file")

        monkeypatch.setattr(sqlite3, "connect", refuse)
        monkeypatch.setattr(os, "access", lambda *_: False)
        with pytest.raises(LedgerError, match="cannot be read"):
            registered_kind("asset://asset-1", path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_ledger_in_read_only_folder_is_read(self, path: str) -> None:
        os.chmod(path, 0o400)
        os.chmod(os.path.dirname(path), 0o500)
        try:
            assert registered_kind("asset://asset-1", path) == "video"
        finally:
            os.chmod(os.path.dirname(path), 0o700)

    def test_invalid_ledger_is_reported(self, run: Run, path: str, tmp_path: Path) -> None:
        Path(path).write_bytes(b"no database")
        with pytest.raises(LedgerError, match="cannot be read"):
            registered_kind("asset://asset-1", path)
        for words in (("--ledger", path), ("--ledger", str(tmp_path / "gone"))):
            done = run("check", "asset://a", PICTURE, "--for", "seedance-2.0", "--together", *words)
            assert done.returncode == 2
            assert "Traceback" not in done.stderr
