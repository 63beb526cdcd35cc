"""Sources as local files: in place, or copied into a temporary folder that never stays."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest

from preflight.errors import SourceChanged, SourceError, Stopped
from preflight.fixer import inputs
from preflight.fixer.ffmpeg.progress import FileProgress
from preflight.fixer.hooks import Hooks
from preflight.fixer.inputs import DEFAULT_MAX_SIZE, open_local
from preflight.fixer.outputs import discard_unfinished

DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_local_file_is_read_in_place(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    with open_local(path, None, 1) as given:
        assert given.path == str(path)
        assert not list(temporary.iterdir())


def test_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    with open_local(path, None, 1) as given:
        given.verify()
        path.write_bytes(DATA + b"more")
        with pytest.raises(SourceChanged):
            given.verify()


def test_bytes_are_copied_and_the_copy_is_removed(temporary: Path) -> None:
    with open_local(DATA, None, DEFAULT_MAX_SIZE) as given:
        assert Path(given.path).read_bytes() == DATA
        assert given.source.name == "<bytes>"
    assert not list(temporary.iterdir())


def test_source_is_read_in_few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_CHUNK_SIZE", 1)
    source = inputs.open_source(DATA)
    pieces = list(inputs._chunks(source, len(DATA)))
    assert b"".join(pieces) == DATA
    assert len(pieces) <= 66


@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_source_with_too_many_bytes_is_refused(temporary: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(inputs, "_CHUNK_SIZE", chunk)
    with pytest.raises(SourceError, match=r"exceeds the download limit of 10 kB. Increase max_size=."):
        open_local(DATA, None, 10_000).__enter__()
    assert not list(temporary.iterdir())


def test_download_ends_when_it_is_stopped(temporary: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        open_local(DATA, None, DEFAULT_MAX_SIZE, Hooks(stop=stop)).__enter__()
    assert not list(temporary.iterdir())


def test_progress_of_a_download_has_its_bytes_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_CHUNK_SIZE", len(DATA) // 4)
    seen: list[FileProgress] = []
    with open_local(DATA, None, DEFAULT_MAX_SIZE, Hooks(seen.append)):
        pass
    assert [each.size for each in seen] == [len(DATA) * quarter // 4 for quarter in (1, 2, 3, 4)]
    assert seen[1].remaining == pytest.approx(seen[1].elapsed)
    assert seen[3].remaining == 0


def test_copy_of_a_thread_that_nothing_waits_for_is_removed(temporary: Path) -> None:
    with open_local(DATA, None, DEFAULT_MAX_SIZE):
        assert list(temporary.iterdir())
        discard_unfinished()
        assert not list(temporary.iterdir())
