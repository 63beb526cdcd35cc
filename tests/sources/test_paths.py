"""Paths: what is said of those that do not exist, and how files on disk are read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from preflight.errors import SourceError
from preflight.sources.local import HEAD_BYTES, LocalSource, missing_path_advice
from tests.rows import each_row

ADD_SCHEME = "If it is a URL, add its scheme: "


@each_row(
    ("name", "advice"),
    [
        ("a.png", None),
        ("folder/a.png", None),
        ("BLOB:https://h.example/1", "A blob: URL is valid in one browser tab only."),
        ("asset://a b", None),
        ("image=ASSET://a b", "Write an asset as asset://ID"),
        ("folder/asset://a", None),
        ("https:/h.example/a.png", "Give the URL as a string"),
        ("HTTP:h.example", "Give the URL as a string"),
        ("https//h.example", "Give the URL as a string"),
        ("https///h.example", None),
        ("//h.example/a.png?key=x", f"{ADD_SCHEME}https://h.example/a.png?…"),
        ("///", None),
        ("www.h", f"{ADD_SCHEME}https://www.h"),
        ("h.example/a.png", f"{ADD_SCHEME}https://h.example/a.png"),
        ("h.example/folder/a.png?key=x", f"{ADD_SCHEME}https://h.example/folder/a.png?…"),
        ("h.example", None),
        ("h.example:8080", f"{ADD_SCHEME}https://h.example:8080"),
        ("h.example:123456", None),
        ("localhost/a.png", f"{ADD_SCHEME}https://localhost/a.png"),
        ("localhost", None),
        ("10.0.0.1", f"{ADD_SCHEME}https://10.0.0.1"),
        ("10.0.0.1:80/a.png", f"{ADD_SCHEME}https://10.0.0.1:80/a.png"),
        ("0.0.1/a.png", None),
        ("1.2.3.4.5", None),
        ("album.png/a.png", None),
        ("a_b.example/a.png", None),
        ("file:///tmp/a%20b.png", "Give the path alone: /tmp/a b.png"),
        ("FILE:/tmp/a.png", "Give the path alone: /tmp/a.png"),
        ("C:\\a.png", "This is a Windows path."),
        ("c:/a.png", "This is a Windows path."),
        ("\\\\server\\a.png", "This is a Windows path."),
        ("~/a.png", "Only the shell expands ~"),
        ("$HOME/a.png", "Only the shell expands variables"),
        ("%TEMP%/a.png", "Only the shell expands variables"),
        ("'a.png'", "Remove the quotation marks"),
        ('"a.png"', "Remove the quotation marks"),
        ("'a.png\"", None),
        ("''", None),
    ],
)
def test_advice_on_a_path_that_does_not_exist(name: str, advice: str | None) -> None:
    said = missing_path_advice(name)
    assert (said or "").startswith(advice or "")
    assert (said is None) is (advice is None)
    if advice and advice.startswith((ADD_SCHEME, "Give the path alone")):
        assert said == advice


def test_a_folder_with_the_name_of_a_host_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("h.example", "https:"):
        (tmp_path / name).mkdir()
    assert missing_path_advice("h.example/a.png") is None
    assert missing_path_advice("https:/a.png") is None


def test_head_is_read_once_and_other_bytes_as_asked_for(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    (tmp_path / "a.bin").write_bytes(data)
    source = LocalSource(tmp_path / "a.bin")
    for offset, length, read in (
        (0, 10, HEAD_BYTES),
        (HEAD_BYTES - 1, 1, HEAD_BYTES),
        (HEAD_BYTES - 1, 3, HEAD_BYTES + 2),
        (3000, 100, HEAD_BYTES + 102),
        (len(data) - 1, 9, HEAD_BYTES + 103),
        (len(data), 9, HEAD_BYTES + 103),
    ):
        assert source.read_at(offset, length) == data[offset : offset + length]
        assert source.bytes_read == read
    source.close()
    source.close()


@each_row(
    ("error", "code", "problem"),
    [
        (
            OSError(errno.EIO, "Input/output error"),
            "unreadable",
            "cannot be read (Input/output error). Check the disk.",
        ),
        (OSError("gone"), "unreadable", "cannot be read (gone). Check the disk."),
        (PermissionError(errno.EACCES, "x"), "permission_denied", "is not readable. Give this user read permission."),
    ],
)
def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path, error: OSError, code: str, problem: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    source = LocalSource(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", lambda *_: _raise(error))
        with pytest.raises(SourceError) as caught:
            source.read_at(0, 1)
    source.close()
    assert (caught.value.code, str(caught.value)) == (code, f"{path} {problem}")


def _raise(error: OSError) -> bytes:
    raise error


@each_row(("length", "shown"), [(255, "a" * 255), (256, "a" * 40 + "…")])
def test_a_long_path_is_shortened_in_the_message(length: int, shown: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", lambda *_: _raise(OSError(errno.ENAMETOOLONG, "x")))
        with pytest.raises(SourceError) as caught:
            LocalSource("a" * length)
    assert str(caught.value) == f"{shown} exceeds the maximum length of a path. Shorten it."
