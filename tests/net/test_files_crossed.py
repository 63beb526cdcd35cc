"""How many files of the package a reader must open to follow the check of one URL."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

import preflight
from preflight.net.options import DEFAULT_OPTIONS
from preflight.net.transport import Transport
from tests.servers.hostile import hostile

MAX_FILES = 24
"""Before the HTTP stack was one, 39 files were counted in this way."""
PACKAGE = str(Path(preflight.__file__).parent)


def test_check_of_one_url_crosses_few_files(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the distinct files whose functions are called while a second URL of a known host is checked.

    The first check loads modules, compiles the rule set and connects. The server counts as public, as most do.
    """
    public = Transport(DEFAULT_OPTIONS, classify=lambda address: None)
    monkeypatch.setattr("preflight.sources.http.shared", lambda options: public)
    crossed = set()

    def record(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            crossed.add(frame.f_code.co_filename.removeprefix(PACKAGE))

    with hostile({"a.png": (fixtures / "accepted/picture.png").read_bytes()}) as server:
        preflight.check(server.url("file/a.png?first"), "atlas")
        sys.setprofile(record)
        try:
            report = preflight.check(server.url("file/a.png?second"), "atlas")
        finally:
            sys.setprofile(None)
        public.close()
    assert (report.verdict, report.requests) == ("pass", 1)
    assert server.connections == 1
    assert len(crossed) <= MAX_FILES, sorted(crossed)
