"""Wrong targets and options of the library: missing paths, closed files, one target in place of many."""

from __future__ import annotations

import io
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

import preflight
from preflight import Report, UsageError
from tests.conftest import Run
from tests.rows import each_row

PASSING = "fixtures/accepted/picture.png"


def error_of(report: Report) -> tuple[str, str]:
    assert report.error is not None
    assert "\n" not in report.error.message
    return report.error.code, report.error.message


class TestPaths:
    @each_row(
        ("path", "code", "said"),
        [
            ("", "not_found", "the path is empty"),
            ("a\0b.png", "not_found", "characters that are not allowed in a path"),
            ("a\ud800b.png", "not_found", "characters that are not allowed in a path"),
            (Path("a\0b.png"), "not_found", "characters that are not allowed in a path"),
            ("a" * 5000, "not_found", "exceeds the maximum length of a path"),
            ("a/" * 2500 + "b.png", "not_found", "exceeds the maximum length of a path"),
            ("fixtures", "not_a_file", "is a folder"),
            (f"{PASSING}/b.png", "not_found", "does not exist"),
            ("/dev/null", "not_a_file", "neither a file nor a folder"),
            ("http:example.com/a.png", "not_found", "Give the URL as a string, with //"),
            ("www.example.com/a.png", "not_found", "add its scheme: https://"),
            (Path("https://example.com/a.png"), "not_found", "Give the URL as a string, with //"),
        ],
        ids=lambda value: str(value)[:20].encode("ascii", "backslashreplace").decode().replace("\0", "NUL"),
    )
    def test_missing_path_is_reported(self, path: str | Path, code: str, said: str) -> None:
        report = preflight.check(path, "atlas")
        found, message = error_of(report)
        assert (report.verdict, found) == ("unknown", code)
        assert said in message
        assert len(message) < 200
        assert report.source == str(path)
        (among_others,) = preflight.check_many([path], "atlas")
        assert error_of(among_others) == (found, message)

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("blob:https://example.com/0b1e", "Download the file there, or give its http(s) URL"),
            ("//example.com/x.png", "add its scheme: https://example.com/x.png"),
            ("//host/x.png", "add its scheme: https://host/x.png"),
            ("cdn.example.com/x.png", "add its scheme: https://cdn.example.com/x.png"),
            ("CDN.Example.com:8443/x", "add its scheme: https://CDN.Example.com:8443/x"),
            ("cdn.example.com/x.png?X-Amz-Signature=5f2c", "https://cdn.example.com/x.png?…"),
            ("192.0.2.7/x.png", "add its scheme: https://"),
            ("localhost:8000/x.png", "add its scheme: https://"),
            ("www.example.com", "add its scheme: https://"),
            ("C:\\media\\x.png", "This is a Windows path."),
            ("c:/media/x.png", "This is a Windows path."),
            ("\\\\server\\share\\x.png", "This is a Windows path."),
            ("file:/tmp/a%20b.png", "Give the path alone: /tmp/a b.png"),
            ("https//example.com/x.png", "with // after the colon"),
            ("https:/example.com/x.png", "with // after the colon"),
            ("~/x.png", "Write the full path"),
            ("'x.png'", "Remove the quotation marks"),
            ("media.d/x.png", "Check the path."),
            ("v1.2/x.png", "Check the path."),
            ("archive.zip/x.png", "Check the path."),
            ("x.png", "Check the path."),
            ("https-logo.png", "Check the path."),
        ],
    )
    def test_message_suggests_what_missing_path_may_mean(self, path: str, said: str) -> None:
        (found, message) = error_of(preflight.check(path, "atlas"))
        assert found == "not_found"
        assert said in message

    def test_message_names_the_path_of_a_file_url(self) -> None:
        _, message = error_of(preflight.check("file:///tmp/a%20b.png", "atlas"))
        assert "Give its path: /tmp/a b.png" in message

    def test_host_with_a_query_is_not_taken_for_a_pattern(self, run: Run) -> None:
        done = run("check", "cdn.example.com/x.png?w=100", "--for", "atlas")
        assert "add its scheme: https://cdn.example.com/x.png" in done.stdout

    @pytest.mark.parametrize(
        "name", ["cdn.example.com/x.png", "www.example.com", "C:\\x.png", "blob:x", "~", "file:/x.png"]
    )
    def test_file_named_like_a_url_or_pattern_is_checked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        source = Path(PASSING).resolve()
        monkeypatch.chdir(tmp_path)
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, name)
        assert preflight.check(name, "atlas").verdict == "pass"

    def test_broken_links_and_special_files_do_not_stop_the_run(self, tmp_path: Path) -> None:
        loop, broken, pipe, place = (tmp_path / name for name in ("loop.png", "broken.png", "pipe.png", "socket.png"))
        loop.symlink_to(loop)
        broken.symlink_to("nowhere")
        os.mkfifo(pipe)
        with socket.socket(socket.AF_UNIX) as listening:
            os.chdir(tmp_path)  # the address of a socket is short
            listening.bind(place.name)
            codes = [error_of(report)[0] for report in preflight.check_many([loop, broken, pipe, place], "atlas")]
        assert codes == ["not_found", "not_found", "not_a_file", "not_a_file"]

    def test_path_object_that_returns_bytes_is_read(self) -> None:
        class Entry:
            def __fspath__(self) -> bytes:
                return os.fsencode(PASSING)

        report = preflight.check(Entry(), "atlas")  # type: ignore[arg-type]
        assert (report.source, report.verdict) == (PASSING, "pass")


class Foreign:
    """An open file of somebody else's making."""

    def __init__(self, read: Callable[[int], Any], position: Callable[[], int] | None = None) -> None:
        self.read = read
        self._position = position

    def seekable(self) -> bool:
        return self._position is not None

    def tell(self) -> int:
        assert self._position is not None
        return self._position()

    def seek(self, offset: int, whence: int = 0) -> None:
        raise OSError(5, "Input/output error")


def fails(*arguments: object) -> Any:
    raise RuntimeError("the disk\nis gone")


class TestOpenFiles:
    def test_closed_file_is_reported(self) -> None:
        with open(PASSING, "rb") as file:
            pass
        assert error_of(preflight.check(file, "atlas")) == (
            "unreadable",
            f"{PASSING} is closed. Give it while it is open.",
        )
        memory = io.BytesIO(b"abc")
        memory.close()
        assert error_of(preflight.check(memory, "atlas"))[0] == "unreadable"

    def test_file_opened_as_text_is_reported(self) -> None:
        with open(PASSING, encoding="utf-8") as file:
            assert "Open it in binary mode" in error_of(preflight.check(file, "atlas"))[1]  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("file", "said"),
        [
            (Foreign(fails), "cannot be read (RuntimeError: the disk)"),
            (Foreign(lambda length: b"", lambda: 0), "cannot be read (OSError"),
            (Foreign(lambda length: "text"), "gives str, not bytes"),
            (Foreign(lambda length: None), "blocking mode"),
        ],
    )
    def test_file_with_failing_methods_is_reported(self, file: IO[bytes], said: str) -> None:
        code, message = error_of(preflight.check(file, "atlas"))
        assert code == "unreadable"
        assert said in message

    def test_file_without_tell_is_read_forwards(self) -> None:
        data = io.BytesIO(Path(PASSING).read_bytes())
        assert preflight.check(Foreign(data.read, fails), "atlas").passed  # type: ignore[arg-type]

    def test_file_whose_seek_returns_none_and_read_returns_too_much_is_read(self) -> None:
        class Odd(io.BytesIO):
            def seek(self, offset: int, whence: int = 0) -> None:  # type: ignore[override]
                super().seek(offset, whence)

            def read(self, length: int | None = -1) -> bytes:
                return super().read((length or 0) + 5)

        assert preflight.check(Odd(Path(PASSING).read_bytes()), "atlas").passed

    def test_memoryview_of_wide_items_has_its_size_in_bytes(self) -> None:
        data = Path(PASSING).read_bytes()
        data += b"\0" * (-len(data) % 4)
        report = preflight.check(memoryview(data).cast("I"), "atlas")
        assert report.media is not None
        assert report.media.size == len(data)


SEVERAL: list[Callable[[Any], object]] = [
    lambda targets: preflight.check_many(targets, "atlas"),
    lambda targets: preflight.check_request(targets, "seedance-2.0"),
    lambda targets: preflight.submit_many(targets, to="atlas"),
]


class TestWrongCalls:
    @pytest.mark.parametrize("call", SEVERAL, ids=["check_many", "check_request", "submit_many"])
    @pytest.mark.parametrize(
        "targets", [PASSING, b"", Path(PASSING), io.BytesIO(b""), None, 5], ids=lambda one: type(one).__name__
    )
    def test_single_target_in_place_of_several_is_a_usage_error(
        self, call: Callable[[Any], object], targets: object
    ) -> None:
        with pytest.raises(UsageError, match="Give a list of"):
            call(targets)

    @each_row("rules", [None, [], "", ",", 5, [None], {"atlas"}, b"atlas", "atlsa", "a\0b", "x" * 5000])
    def test_rules_that_name_no_rule_set_are_a_usage_error(self, rules: Any) -> None:
        for call in (
            lambda: preflight.check(PASSING, rules),
            lambda: preflight.check_many([PASSING], rules),
            lambda: preflight.check_request([PASSING], rules),
            lambda: preflight.assert_passes(PASSING, rules),
            lambda: preflight.Passes(rules),
        ):
            with pytest.raises(UsageError, match="rule set") as caught:
                call()
            assert len(str(caught.value)) < 250

    def test_names_and_resolved_rule_sets_can_be_mixed(self) -> None:
        report = preflight.check(PASSING, ["fal", preflight.rule_sets("atlas,runway"), Path("rules/ltx.toml")])
        assert [result.rules for result in report.results] == ["fal", "atlas", "runway", "rules/ltx.toml"]

    @each_row("target", [None, 5, ["a.png"], io.BytesIO, object()], ids=lambda one: type(one).__name__)
    def test_objects_that_cannot_be_targets_are_usage_errors(self, target: Any) -> None:
        with pytest.raises(UsageError, match=r"cannot be checked\. Give a path, a URL, bytes or an open binary file"):
            preflight.check(target, "atlas")
        with pytest.raises(UsageError, match="cannot be checked"):
            preflight.probe(target)

    def test_bad_target_among_others_costs_only_itself(self) -> None:
        reports = list(preflight.check_many([PASSING, None, PASSING], "atlas"))  # type: ignore[list-item]
        assert [report.verdict for report in reports] == ["pass", "unknown", "pass"]
        assert reports[1].source == "<NoneType>"
        assert error_of(reports[1])[0] == "not_a_file"

    @each_row("jobs", [0, -1, 100_000, "x", 1.5, True])
    def test_jobs_out_of_range_are_refused(self, jobs: Any) -> None:
        with pytest.raises(UsageError, match="Give a whole number from 1 to 256"):
            preflight.check_many([PASSING], "atlas", jobs=jobs)

    @each_row("timeout", [0, -1, float("nan"), "x", 1e9])
    def test_timeout_out_of_range_is_refused(self, timeout: Any) -> None:
        with pytest.raises(UsageError, match="Give seconds above 0"):
            preflight.check(PASSING, "atlas", timeout=timeout)

    def test_key_of_a_wrong_type_is_not_shown(self) -> None:
        with pytest.raises(UsageError, match=r"Atlas Cloud: api_key is int\. Give a string\.") as caught:
            preflight.submit(PASSING, to="atlas", keys={"api_key": 12345})
        assert "12345" not in str(caught.value)

    @pytest.mark.parametrize("to", [None, 5, "atlsa", ""])
    def test_unknown_provider_is_a_usage_error(self, to: Any) -> None:
        with pytest.raises(UsageError, match="provider"):
            preflight.submit(PASSING, to=to)
