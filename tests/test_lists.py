"""Lists of targets: lines, CSV, JSON lines; lists and media files on standard input."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest

from preflight.errors import UsageError
from preflight.targets import expand, lists
from preflight.targets.lists import ListRow
from tests.rows import each_row

PNG = Path("fixtures/accepted/picture.png")


def rows(text: bytes, column: str | None = None) -> list[tuple[str | None, bool]]:
    return [(row.target, row.problem is not None) for row in lists.rows(io.BytesIO(text), "l", column)]


def test_lines_without_blanks_and_comments() -> None:
    assert rows(b"\xef\xbb\xbfa.png\r\n\n# no\n  b c.png \n") == [("a.png", False), ("b c.png", False)]


def test_line_that_is_not_text_is_one_problem() -> None:
    assert rows(b"a\n\xff\xfe\nb\0c\n" + b"x" * 200_000 + b"\nd") == [
        ("a", False),
        (None, True),
        (None, True),
        (None, True),
        ("d", False),
    ]


def test_places_count_every_line() -> None:
    assert [row.place for row in lists.rows(io.BytesIO(b"\na\n\n\xff\n"), "l.txt", None)] == ["l.txt:2", "l.txt:4"]


def test_json_lines_may_have_blank_and_malformed_lines() -> None:
    text = b'{"u": "a"}\n\n[1]\n{broken\n{"v": "b"}\n{"u": 3}\n{"u": "c"}\n'
    assert rows(text, "u") == [("a", False), *[(None, True)] * 4, ("c", False)]


def test_csv_may_have_a_blank_first_line_and_quotes() -> None:
    assert rows(b'\nid,u\n1,"a,b"\n2,\n3,c\n', "u") == [("a,b", False), (None, True), ("c", False)]
    (row,) = lists.rows(io.BytesIO(b"id,url\n1,a\n"), "l", "u")
    assert row == ListRow("l:1", None, "no column 'u'. Choose one of id, url.")


class TestCsv:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiter_is_found_by_the_column(self, delimiter: str) -> None:
        text = 'id,url\n1,a.png\n,b.png\n3,"c{0} d.png"\n'.replace(",", delimiter).replace("{0}", delimiter)
        assert rows(text.encode(), "url") == [("a.png", False), ("b.png", False), (f"c{delimiter} d.png", False)]

    def test_announced_delimiter_is_used(self) -> None:
        assert rows(b"sep=:\r\nid:url\r\n1:a.png\r\n", "url") == [("a.png", False)]

    def test_quoted_field_may_have_line_breaks(self) -> None:
        text = b'id,note,url\n1,"two\n\nlines, ""quoted""",a.png\n2,x,b.png\n'
        found = list(lists.rows(io.BytesIO(text), "l", "url"))
        assert found == [ListRow("l:2", "a.png"), ListRow("l:5", "b.png")]

    def test_header_may_have_line_breaks(self) -> None:
        assert rows(b'"the\nid";url\n1;a.png\n', "url") == [("a.png", False)]

    def test_unclosed_quotation_mark_is_one_problem(self) -> None:
        text = b'id,url\n1,"a.png\n' + b"2,b.png\n" * 5_000
        assert rows(text, "url") == [(None, True), *[("b.png", False)] * 5_000]

    def test_quotation_mark_within_a_field_is_a_character(self) -> None:
        assert rows(b'size,url\n5" wide,a.png\n', "url") == [("a.png", False)]

    def test_line_with_more_fields_than_the_header_is_a_problem(self) -> None:
        assert rows(b"id,url\n1,a,b.png\n2,c.png,\n", "url") == [(None, True), ("c.png", False)]

    def test_single_column_keeps_the_commas_of_its_urls(self) -> None:
        assert rows(b"url\nhttps://x/a,b.png\n", "url") == [("https://x/a,b.png", False)]

    @each_row(
        ("name", "text"),
        [
            ("l", b"id,url\n1,a.png\n2,b.png\n"),
            ("l", b"id;url\r\n1;a.png\r\n"),
            ("l", b"id\turl\n1\ta.png\n"),
            ("l.csv", b"id,url\n"),
            ("l.csv", b"url\na.png\nb.png\n"),
            ("l", b'{"id": 1, "url": "a.png"}\n{"id": 2, "url": "b.png"}\n'),
            ("l", b'[{"id": 1, "url": "a.png"}, {"id": 2, "url": "b.png"}]'),
        ],
    )
    def test_table_without_a_column_is_one_problem_that_names_the_columns(self, name: str, text: bytes) -> None:
        (row,) = lists.rows(io.BytesIO(text), name, None)
        assert row.place == name
        assert re.search(r"Set `column` to the (column|key) of the targets: (id, )?url\.$", row.problem or "")

    @pytest.mark.parametrize("text", ["a, b.png\nc, d.png\n", "https://x/?a,b\nhttps://x/?c,d\n", "a.png;b\n", "x,y"])
    def test_names_with_commas_are_not_csv(self, text: str) -> None:
        assert rows(text.encode()) == [(line, False) for line in text.splitlines()]

    def test_file_named_like_a_header_is_a_target(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a,b").touch()
        assert rows(b"a,b\nc,d\n") == [("a,b", False), ("c,d", False)]


class TestJsonArrays:
    def test_json_array_of_strings(self) -> None:
        assert rows(b'["a.png", "b c.png", 3]') == [("a.png", False), ("b c.png", False), (None, True)]
        assert rows(b'\xef\xbb\xbf[\n  "a.png",\n  "b.png"\n]\n') == [("a.png", False), ("b.png", False)]

    def test_json_array_line_may_exceed_line_limit(self) -> None:
        names = [f"https://example.com/{number}.png" for number in range(10_000)]
        assert rows(json.dumps(names).encode()) == [(name, False) for name in names]

    def test_json_array_of_objects_with_key(self) -> None:
        found = list(lists.rows(io.BytesIO(b'[{"u": "a"}, {"v": "b"}, "c"]'), "l", "u"))
        assert [(row.place, row.target) for row in found] == [("l[0]", "a"), ("l[1]", None), ("l[2]", None)]

    def test_lines_that_begin_like_json_array_are_targets(self) -> None:
        assert rows(b"[1].png\nb.png\n") == [("[1].png", False), ("b.png", False)]
        assert rows(b'["a.png\nb.png\n') == [('["a.png', False), ("b.png", False)]
        assert rows(b'["a"\n' + b"[" * 5_000) == [('["a"', False), ("[" * 5_000, False)]

    @pytest.mark.parametrize("text", [b'["a.png", "b.png",]', b'["a.png"\n"b.png"]\n', b'[{"u": 1}, ]', b'["a.png",\n'])
    def test_invalid_json_array_is_one_problem(self, text: bytes) -> None:
        (row,) = lists.rows(io.BytesIO(text), "l", None)
        assert row.problem is not None
        assert "not valid JSON" in row.problem

    def test_empty_json_array_has_no_targets(self, tmp_path: Path) -> None:
        (tmp_path / "l.json").write_text("[]")
        (item,) = expand([f"@{tmp_path / 'l.json'}"])
        assert item.problem is not None
        assert item.problem.code == "no_media"

    def test_json_array_in_a_file_is_a_list(self, tmp_path: Path) -> None:
        (tmp_path / "l.json").write_text('["a.png",\n"b.png"]')
        assert [item.target for item in expand([f"@{tmp_path / 'l.json'}"])] == ["a.png", "b.png"]


def test_line_is_yielded_before_the_next_one_is_written() -> None:
    read, write = os.pipe()
    os.write(write, b"a.png\n")
    with os.fdopen(read, "rb") as stream:
        found = lists.rows(lists.sniff_list(stream)[0], "l", None)
        assert next(found) == ListRow("l:1", "a.png")
        os.close(write)
        assert list(found) == []


@each_row(
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
def test_list_is_recognised_by_its_content(head: bytes, expected: bool) -> None:
    assert lists.is_list(head) is expected


def test_empty_list_and_media_file_as_a_list_are_problems(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    (item,) = expand([f"@{empty}"])
    assert item.problem is not None
    assert item.problem.code == "no_media"
    (item,) = expand([f"@{PNG}"])
    assert item.problem is not None
    assert f"To check the file itself, write {PNG}" in item.problem.message
    (item,) = expand([f"@{tmp_path / 'gone.txt'}"])
    assert item.problem is not None
    assert item.problem.code == "unreadable"


def test_file_whose_name_starts_with_at_is_a_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "@x.png").write_bytes(b"")
    assert [item.target for item in expand(["@x.png"])] == ["@x.png"]


def test_entry_that_is_not_a_file_does_not_hide_its_neighbours(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a-pipe.png")
    (tmp_path / "b-loop.png").symlink_to(tmp_path / "b-loop.png")
    (tmp_path / "c-broken.png").symlink_to(tmp_path / "gone")
    (tmp_path / "d.png").touch()
    names = [os.path.basename(str(item.target)) for item in expand([str(tmp_path)])]
    assert names == ["b-loop.png", "c-broken.png", "d.png"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("text", "column", "targets"),
    [
        ("a.png\r\nfür 🎬.png\r\n", None, ["a.png", "für 🎬.png"]),
        ("file;x\na.png;1\n", "file", ["a.png"]),
        ('["a.png"]', None, ["a.png"]),
        ("a" * 300 + "🎬\n" + "b.png\n" * 2_000, None, ["a" * 300 + "🎬", *["b.png"] * 2_000]),
    ],
)
def test_utf_16_with_a_byte_order_mark_is_read(
    encoding: str, text: str, column: str | None, targets: list[str]
) -> None:
    stream, listed = lists.sniff_list(io.BytesIO(("\ufeff" + text).encode(encoding)))
    assert listed
    assert [row.target for row in lists.rows(stream, "l", column)] == targets


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00\xd8\n\x00", b"\xff\xfe\x00\x00a\x00\x00\x00", b"\xff\xfea\x00\x00\x00"]
)
def test_data_that_only_starts_like_utf_16_is_not_a_list(data: bytes) -> None:
    stream, listed = lists.sniff_list(io.BytesIO(data))
    assert not listed
    assert stream.read() == data


@pytest.mark.parametrize("column", [None, "u"])
def test_one_object_in_several_lines_is_one_problem(column: str | None) -> None:
    (row,) = lists.rows(io.BytesIO(b'{\n  "u": "a.png",\n  "v": 1\n}\n'), "l", column)
    assert row.problem == "the list is a single JSON object. Give an array or JSON lines."


def test_column_without_a_list_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^column=url is given, but no target is a list\. Give @LIST, or leave") as e:
        expand(["a.png", str(tmp_path)], column="url")
    assert e.value.parameters == ("column",)


def test_repeated_column_is_a_problem() -> None:
    (row,) = lists.rows(io.BytesIO(b"file,file\na.png,b.png\n"), "l", "file")
    assert row.problem == "several columns are named 'file'. Give each a different name."
