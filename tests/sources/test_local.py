"""Files on disk, and those whose size the system calls 0."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import preflight
from preflight.errors import SourceChanged, SourceError
from preflight.sources import local
from preflight.sources.local import LocalSource

PROC = Path("/proc/version")

pytestmark = pytest.mark.skipif(not PROC.exists(), reason="there is no /proc")


def test_proc_file_of_size_zero_is_read() -> None:
    assert PROC.stat().st_size == 0
    content = PROC.read_bytes()
    source = LocalSource(PROC)
    assert source.size == len(content)
    assert source.read_at(0, 10_000) == content
    assert source.read_at(6, 7) == content[6:13]
    assert source.read_at(len(content), 1) == b""
    source.verify()
    source.close()
    assert preflight.probe(str(PROC)).format == "text"


def test_empty_file_has_size_zero(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    source = LocalSource(tmp_path / "a.png")
    assert source.size == 0
    assert source.read_at(0, 10) == b""
    source.verify()
    source.close()
    (finding,) = preflight.check(tmp_path / "a.png", "atlas").findings
    assert "the file is empty" in finding.message


def test_empty_file_that_grows_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    source = LocalSource(path)
    path.write_bytes(b"x")
    with pytest.raises(SourceChanged):
        source.verify()
    source.close()


def test_read_without_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MAX_UNSIZED", 10)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SourceError, match=r"over 10 bytes\. Copy it to a file") as caught:
        LocalSource(PROC)
    assert caught.value.code == "read_limit"
    assert len(os.listdir("/proc/self/fd")) == before
