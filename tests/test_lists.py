"""Lists of targets: lines, CSV, JSON lines; and what comes in on standard input, told apart by content."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from preflight import lists
from preflight.lists import Row
from preflight.targets import expand

PNG = Path("fixtures/accepted/picture.png")


def rows(text: bytes, column: str | None = None) -> list[tuple[str | None, bool]]:
    return [(row.target, row.wrong is not None) for row in lists.rows(io.BytesIO(text), "l", column)]


def test_lines_without_blanks_and_comments() -> None:
    assert rows(b"\xef\xbb\xbfa.png\r\n\n# no\n  b c.png \n") == [("a.png", False), ("b c.png", False)]


def test_a_line_that_is_no_text_costs_itself_alone() -> None:
    assert rows(b"a\n\xff\xfe\nb\0c\n" + b"x" * 200_000 + b"\nd") == [
        ("a", False),
        (None, True),
        (None, True),
        (None, True),
        ("d", False),
    ]


def test_places_count_every_line() -> None:
    assert [row.place for row in lists.rows(io.BytesIO(b"\na\n\n\xff\n"), "l.txt", None)] == ["l.txt:2", "l.txt:4"]


def test_json_lines_survive_blank_lines_and_lines_of_another_shape() -> None:
    text = b'{"u": "a"}\n\n[1]\n{broken\n{"v": "b"}\n{"u": 3}\n{"u": "c"}\n'
    assert rows(text, "u") == [("a", False), *[(None, True)] * 4, ("c", False)]


def test_csv_survives_a_blank_first_line_and_quotes() -> None:
    assert rows(b'\nid,u\n1,"a,b"\n2,\n3,c\n', "u") == [("a,b", False), (None, True), ("c", False)]
    (row,) = lists.rows(io.BytesIO(b"id,url\n1,a\n"), "l", "u")
    assert row == Row("l:1", None, "no column 'u': it has id, url")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"a.png\nb.png\n", True),
        ("für.png\n".encode(), True),
        (b'{"u": "a"}\n', True),
        (b"", True),
        (b"https://example.com/a.png", True),
        ("ü".encode() * 300, True),
        (PNG.read_bytes()[:512] if PNG.exists() else b"\x89PNG\r\n\x1a\n", False),
        (b"PK\x03\x04" + bytes(20), False),
        (b"<html><title>x</title>", False),
        (b"\x11+\xee\xebs*=\x01" + bytes(8), False),
        (b"\xff\xfe\xfd\n", False),
    ],
)
def test_content_tells_a_list_from_a_file(head: bytes, expected: bool) -> None:
    assert lists.is_list(head) is expected


def test_a_list_without_targets_and_a_file_in_place_of_a_list_are_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    (item,) = expand([f"@{empty}"])
    assert item.problem is not None
    assert item.problem.code == "no_media"
    (item,) = expand([f"@{PNG}"])
    assert item.problem is not None
    assert f"to check it, write {PNG}" in item.problem.message
    (item,) = expand([f"@{tmp_path / 'gone.txt'}"])
    assert item.problem is not None
    assert item.problem.code == "unreadable"


def test_a_file_that_is_called_like_a_list_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "@x.png").write_bytes(b"")
    assert [item.target for item in expand(["@x.png"])] == ["@x.png"]


def test_what_is_no_file_in_a_folder_is_passed_over_and_loses_no_neighbour(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a-pipe.png")
    (tmp_path / "b-loop.png").symlink_to(tmp_path / "b-loop.png")
    (tmp_path / "c-broken.png").symlink_to(tmp_path / "gone")
    (tmp_path / "d.png").touch()
    names = [os.path.basename(str(item.target)) for item in expand([str(tmp_path)])]
    assert names == ["b-loop.png", "c-broken.png", "d.png"]
