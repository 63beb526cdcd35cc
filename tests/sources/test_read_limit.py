"""A server without Range, and a film whose index is behind the read limit."""

from __future__ import annotations

import functools
import http.server
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import preflight
from preflight.ruleset import compile_ruleset
from tests.conftest import ROOT, Run

RULES = compile_ruleset(
    "small",
    {
        "title": "Small: clips",
        "stage": "generate",
        "source": "https://example.com",
        "as_of": "2026-11-28",
        "basis": "published",
        "video": {"size": {"max": "1 MB"}, "duration": {"max": 15}},
    },
)
BETWEEN = 3_000_000
"""Bytes in front of the moov box: more than may be read under these rules."""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The URL of the film, on an ordinary server that ignores Range."""
    clip = (ROOT / "fixtures/accepted/clip.mp4").read_bytes()
    brand = struct.unpack(">I", clip[:4])[0]
    between = struct.pack(">I4s", BETWEEN, b"free") + bytes(BETWEEN - 8)
    (tmp_path / "film.mp4").write_bytes(clip[:brand] + between + clip[brand:])

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def copyfile(self, source: object, outputfile: object) -> None:
            try:
                super().copyfile(source, outputfile)  # type: ignore[misc,arg-type]
            except ConnectionError:  # the client has seen enough
                return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/film.mp4"
    server.shutdown()
    server.server_close()


def test_facts_beyond_read_limit_are_unknown_and_reported(url: str) -> None:
    report = preflight.check(url, RULES, allow_private=True)
    assert report.verdict == "unknown"
    found = {finding.code: finding.severity for finding in report.findings}
    assert found["too_much_to_read"] == "unknown"
    assert found["read_limit"] == "note"
    assert len([one for one in report.findings if one.code == "read_limit"]) == 1


def test_other_files_keep_their_reports(url: str) -> None:
    clip = str(ROOT / "fixtures/accepted/clip.mp4")
    reports = preflight.check_many([clip, url, clip], RULES, allow_private=True)
    assert [report.verdict for report in reports] == ["pass", "unknown", "pass"]


@pytest.mark.parametrize("name", ["text", "json", "junit", "sarif", "github", "csv", "html"])
def test_every_report_format_names_the_read_limit(url: str, name: str, run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "small.toml"
    rules.write_text(
        'title = "Small: clips"\nstage = "generate"\nsource = "https://example.com"\nas_of = 2026-11-28\n'
        'basis = "published"\n[video]\nsize = { max = "1 MB" }\nduration = { max = 15 }\n'
    )
    done = run("check", url, "--for", rules, "--allow-private", "--format", name)
    assert done.returncode == 3, done.stderr
    assert "stopped reading at its own limit" in done.stdout
