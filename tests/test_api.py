"""The API for programs: exported names, every kind of target, and reports as values."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

import preflight
from preflight import Media, Report
from preflight.checker import FetchKeywords
from preflight.net.options import HttpOptions
from tests.rows import each_row

PASSING = "fixtures/accepted/picture.png"
FAILING = "fixtures/refused/png-too-narrow.png"


def test_every_exported_name_exists_and_is_documented() -> None:
    for name in preflight.__all__:
        assert getattr(preflight, name).__doc__, name
    assert set(preflight.__all__) <= set(dir(preflight))
    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        _ = preflight.chekc  # type: ignore[attr-defined]


def test_importing_a_submodule_does_not_replace_a_function() -> None:
    """Importing a submodule with the name of a function would replace the function in the package."""
    modules = ("checker", "scan", "request", "catalog", "submission", "sandbox")
    names = ("check", "probe", "check_many", "check_request", "submit", "submit_many")
    script = f"import importlib, preflight\nfor m in {modules}: importlib.import_module('preflight.' + m)\n"
    script += f"print(*(callable(getattr(preflight, name)) for name in {names}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * len(names)


def test_importing_preflight_loads_no_heavy_module() -> None:
    heavy = ["click", "rich", "pydantic", "requests", "PIL", "pymediainfo", "mutagen", "asyncio", "sqlite3"]
    script = f"import sys, preflight; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_hot_path_loads_neither_pydantic_nor_rich_nor_requests() -> None:
    script = (
        "import sys; from preflight.cli import group\n"
        f"try: group.main(['check', {PASSING!r}, '--for', 'atlas', '--format', 'jsonl'], standalone_mode=False)\n"
        "except BaseException: pass\n"
        "heavy = 'rich pydantic requests PIL pymediainfo mutagen asyncio sqlite3 multiprocessing'.split()\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert '"verdict":"pass"' in done.stdout


class Trickle(io.RawIOBase):
    """A pipe: it cannot seek, and gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7) if size > 0 else 7)


@each_row("kind", ["path", "str", "bytes", "bytearray", "memoryview", "file", "pipe", "raw", "BytesIO"])
def test_every_kind_of_target_gives_the_same_facts(kind: str) -> None:
    data = Path(PASSING).read_bytes()
    targets: dict[str, object] = {
        "path": Path(PASSING),
        "str": PASSING,
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "file": open(PASSING, "rb"),  # noqa: SIM115
        "raw": open(PASSING, "rb", buffering=0),  # noqa: SIM115
        "pipe": Trickle(data),
        "BytesIO": io.BytesIO(data),
    }
    report = preflight.check(targets[kind], "atlas")  # type: ignore[arg-type]
    assert report.passed
    assert report.media == preflight.probe(PASSING)
    for stream in targets.values():
        if isinstance(stream, io.IOBase):
            stream.close()


def test_stream_is_read_from_its_start_and_its_position_restored() -> None:
    with open(PASSING, "rb") as stream:
        stream.seek(5)
        assert preflight.check(stream, "atlas").passed
        assert stream.tell() == 5


def test_unsupported_target_is_a_usage_error() -> None:
    with pytest.raises(preflight.UsageError, match="int cannot be checked"):
        preflight.check(3, "atlas")  # type: ignore[arg-type]
    text: IO[str] = io.StringIO("text")
    report = preflight.check(text, "atlas")  # type: ignore[arg-type]
    assert report.error is not None
    assert "binary mode" in report.error.message


def test_bad_file_is_a_report_and_wrong_call_is_an_exception(tmp_path: Path) -> None:
    report = preflight.check(tmp_path / "gone.png", "atlas")
    assert (report.passed, report.verdict) == (False, "unknown")
    assert report.error is not None
    assert report.error.code == "not_found"
    with pytest.raises(preflight.SourceError):
        preflight.probe(tmp_path / "gone.png")
    with pytest.raises(preflight.UsageError, match="Did you mean 'atlas'"):
        preflight.check(PASSING, "atals")
    with pytest.raises(preflight.UsageError, match="No rule set given"):
        preflight.check(PASSING, "")


def test_file_that_changes_while_it_is_read_is_read_twice_and_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from preflight.probes import png

    target = tmp_path / "growing.png"
    target.write_bytes(Path(PASSING).read_bytes())
    read, times = png.read, []

    def growing(*args: object) -> Media:
        times.append(1)
        os.utime(target, ns=(len(times), len(times)))
        return read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(png, "read", growing)
    from preflight.probes import _reader

    _reader.cache_clear()
    try:
        report = preflight.check(target, "atlas")
    finally:
        _reader.cache_clear()
    assert len(times) == 2
    assert report.error is not None
    assert (report.error.code, report.verdict) == ("source_changed", "unknown")


def test_check_many_returns_reports_in_input_order() -> None:
    targets = [PASSING, "gone.png", FAILING, b"", PASSING]
    reports = list(preflight.check_many(targets, "atlas"))
    assert [report.verdict for report in reports] == ["pass", "unknown", "fail", "fail", "pass"]
    assert [report.index for report in reports] == [0, 1, 2, 3, 4]


def test_check_many_is_lazy() -> None:
    def endless() -> object:
        while True:
            yield PASSING

    reports = preflight.check_many(endless(), "atlas")  # type: ignore[arg-type]
    assert next(reports).passed
    assert next(reports).passed


def test_acheck_returns_a_report_and_assert_passes_raises() -> None:
    report = asyncio.run(preflight.acheck(PASSING, "atlas"))
    assert isinstance(report, Report)
    assert report.passed
    assert preflight.assert_passes(PASSING, "atlas").passed
    with pytest.raises(AssertionError, match=r"width 299 px: below the 300 px that Atlas Cloud accepts"):
        preflight.assert_passes(FAILING, "atlas")
    with pytest.raises(AssertionError, match="does not exist"):
        preflight.assert_passes("gone.png", "atlas")


def test_keywords_on_urls_are_options_of_http() -> None:
    assert FetchKeywords.__annotations__.keys() <= {one.name for one in dataclasses.fields(HttpOptions)}


def test_misspelt_option_is_a_type_error() -> None:
    for function in (preflight.check, preflight.check_many, preflight.check_request, preflight.assert_passes):
        with pytest.raises(TypeError, match="strct"):
            function([PASSING], "atlas", strct=True)  # type: ignore[operator]
    with pytest.raises(TypeError, match="strct"):
        asyncio.run(preflight.acheck(PASSING, "atlas", strct=True))  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="tmeout"):
        preflight.probe(PASSING, tmeout=3)  # type: ignore[call-arg]


def test_missing_rule_sets_are_a_usage_error() -> None:
    with pytest.raises(preflight.UsageError, match=r"No rule set given\. Choose one of agentsflare, "):
        preflight.check(PASSING, None)  # type: ignore[arg-type]


def test_check_request_returns_result_and_reports() -> None:
    clip, sound = "fixtures/accepted/clip.mp4", "fixtures/accepted/sound.wav"
    result, reports = preflight.check_request([clip, sound], "seedance-2.0")
    assert (result.verdict, len(reports)) == ("pass", 2)
    result, _ = preflight.check_request([sound], "seedance-2.0")
    assert [finding.code for finding in result.findings] == ["companion_required"]
    result, _ = preflight.check_request([clip] * 6, "seedance-2.0")
    assert {finding.code for finding in result.findings} == {"too_many_files", "total_duration_too_long"}
    with pytest.raises(preflight.UsageError, match="request"):
        preflight.check_request([clip], "atlas")


def test_facts_are_frozen_and_small() -> None:
    media = preflight.probe(PASSING)
    with pytest.raises(AttributeError):
        media.width = 3  # type: ignore[misc]
    assert not hasattr(media, "__dict__")
    assert (media.aspect_ratio, media.pixels, media.mime) == (640 / 480, 640 * 480, "image/png")
