"""Which results a cache stores, for how long, and which it returns: rows of one file, at a time that a test sets."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from preflight.checker import plan_for
from preflight.clock import Clock
from preflight.report import Problem
from preflight.reporters import is_line_reporter, make_reporter
from preflight.run import cache
from preflight.run.cache import CACHE_LOCK_TIMEOUT, ROWS_PER_WRITE, Cache, _parse_score, _starts_with
from preflight.run.rows import Row
from preflight.scan.items import Cached
from preflight.targets import Item
from tests.rows import each_row

DAY = 86_400.0
Open = Callable[[float], Cache]


@pytest.fixture
def open_cache(tmp_path: Path) -> Open:
    """Return a function that opens the cache at a time in s since 1970."""
    plan, reporter = plan_for("atlas"), make_reporter("jsonl", io.StringIO())
    assert is_line_reporter(reporter)
    path = str(tmp_path / "cache")
    return lambda now: Cache(path, plan, reporter, warn=pytest.fail, clock=Clock(wall=lambda: now))


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Return a file that was changed a second after 1970."""
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    os.utime(path, (1, 1))
    return str(path)


def store(cache: Cache, path: str, row: Row = Row(0, "{}\n", ("pass",), bytes_read=7)) -> None:  # noqa: B008
    list(cache.known(iter([(row.position, Item(path))])))
    cache.keep(row)


def is_stored(cache: Cache, path: str) -> bool:
    ((_, found),) = cache.known(iter([(0, Item(path))]))
    return isinstance(found, Cached)


def count(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "cache")) as database:
        return int(database.execute("SELECT count(*) FROM results").fetchone()[0])


@each_row(
    ("changed", "now", "settled"),
    [
        (1, 0.1000000005, False),
        (1, 0.1000000015, True),
        (1_000_000_000, 1.5, False),  # this system's times may be multiples of two seconds
        (1_000_000_000, 3.0, False),
        (1_000_000_000, 3.0000000005, True),
        (1_500_000_000, 1.6, False),
        (1_500_000_000, 1.7, True),
    ],
)
def test_file_is_stored_once_a_further_change_would_have_another_time(
    open_cache: Open, file: str, changed: int, now: float, settled: bool
) -> None:
    os.utime(file, ns=(changed, changed))
    Path(file).parent.joinpath("cache").unlink(missing_ok=True)
    with open_cache(now) as cache:
        store(cache, file)
    with open_cache(now) as cache:
        assert is_stored(cache, file) is settled


@each_row(("days", "left"), [(0.0, 2), (90.9, 2), (91.0, 1)])
def test_results_are_kept_for_ninety_days(open_cache: Open, tmp_path: Path, days: float, left: int) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        path.write_bytes(b"picture")
        os.utime(path, (1, 1))
    tmp_path.joinpath("cache").unlink(missing_ok=True)
    with open_cache(1000 * DAY) as cache:
        store(cache, str(first))
    with open_cache((1000 + days) * DAY) as cache:
        store(cache, str(second))
    assert count(tmp_path) == left


def test_run_without_new_results_writes_nothing(open_cache: Open, file: str, tmp_path: Path) -> None:
    with open_cache(1000 * DAY) as cache:
        store(cache, file)
    with open_cache(2000 * DAY):
        pass
    assert count(tmp_path) == 1


def test_results_are_written_in_groups_of_256(open_cache: Open, file: str, tmp_path: Path) -> None:
    numbers = range(300)
    paths = [tmp_path / f"{number}.png" for number in numbers]
    for path in paths:
        os.link(file, path)
    with open_cache(DAY) as cache:
        list(cache.known((number, Item(str(path))) for number, path in zip(numbers, paths, strict=True)))
        stored = []
        for number in numbers:
            cache.keep(Row(number, "{}\n", ("pass",)))
            stored.append(count(tmp_path))
    assert (ROWS_PER_WRITE, CACHE_LOCK_TIMEOUT) == (256, 5.0)
    assert (stored[254], stored[255], stored[299]) == (0, 256, 256)
    assert count(tmp_path) == 300


@each_row(
    ("size", "row", "stored"),
    [
        (7, Row(0, "{}\n", ("pass",), bytes_read=7), True),
        (7, Row(0, "{}\n", ("pass",), bytes_read=7, is_final=False), False),
        (0, Row(0, "{}\n", ("fail",)), True),
        (0, Row(0, "{}\n", ("pass",), bytes_read=1), False),  # in /proc every size is 0
        (7, Row(0, None), True),
        (7, Row(1, "{}\n", ("pass",)), True),
    ],
)
def test_result_that_depends_on_the_file_alone_is_stored(
    open_cache: Open, file: str, tmp_path: Path, size: int, row: Row, stored: bool
) -> None:
    os.truncate(file, size)
    os.utime(file, (1, 1))
    tmp_path.joinpath("cache").unlink(missing_ok=True)
    with open_cache(DAY) as cache:
        store(cache, file, row)
    assert count(tmp_path) == stored


def test_result_is_kept_for_the_item_that_was_examined_last_at_its_position(open_cache: Open, file: str) -> None:
    with open_cache(DAY) as cache:
        cache.keep(Row(0, "{}\n", ("pass",)))  # of no file
        store(cache, file)
        cache.keep(Row(0, "other\n", ("fail",)))
    with open_cache(DAY) as cache:
        assert list(cache.known(iter([(0, Item(file))]))) == [(0, Cached(Row(0, "{}\n", ("pass",))))]


def test_items_after_each_kind_of_item_are_looked_up(open_cache: Open, file: str) -> None:
    with open_cache(DAY) as cache:
        store(cache, file)
    others = [
        Item("https://a.example/b.png"),
        Item(os.fsencode(file)),  # content, not a path
        Item(file, problem=Problem("not_found", "x")),
        Item(f"{file}.gone"),
    ]
    items = [item for other in others for item in (Item(file), other)]
    with open_cache(DAY) as cache:
        found = [isinstance(item, Cached) or item for _, item in cache.known(enumerate(items))]
    assert found == [item for other in others for item in (True, other)]


def test_file_that_cannot_be_read_has_no_known_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    path = tmp_path / "cache"
    assert not _starts_with(str(path), b"start")
    path.write_bytes(b"start of a file")
    assert _starts_with(str(path), b"start")
    assert not _starts_with(str(path), b"other")
    monkeypatch.setattr(cache, "open", refuse, raising=False)
    assert not _starts_with(str(path), b"start")


@pytest.mark.parametrize(("message", "moved"), [("database disk image is malformed", True), ("disk I/O error", False)])
def test_connection_that_fails_is_closed(tmp_path: Path, file: str, message: str, moved: bool) -> None:
    class Failing:
        """A connection to a file that was damaged meanwhile, or whose disk is gone."""

        closed = False

        def execute(self, *_: object) -> None:
            raise sqlite3.DatabaseError(message)

        def close(self) -> None:
            self.closed = True

    warnings: list[str] = []
    plan, reporter = plan_for("atlas"), make_reporter("jsonl", io.StringIO())
    assert is_line_reporter(reporter)
    with Cache(str(tmp_path / "cache"), plan, reporter, warn=lambda error: warnings.append(str(error))) as cache:
        cache.close()
        cache._database = failing = Failing()  # type: ignore[assignment]
        store(cache, file)
        assert failing.closed
    assert (tmp_path / "cache.bad").exists() is moved
    assert ("The run continues without a cache." in warnings) is not moved
    assert count(tmp_path) == moved


@each_row(
    ("text", "is_skipped", "score"),
    [
        ('["pass"]', False, ("pass",)),
        ('["fail", "atlas", "fail", "b", "pass"]', False, ("fail", "atlas", "fail", "b", "pass")),
        ("[]", True, ()),
        ("[]", False, None),
        ('["good"]', False, None),
        ('["good"]', True, None),
        ('["pass", "atlas"]', False, None),
        ('["pass", "atlas", "good"]', False, None),
        ('["pass", "a", "pass", "b", "good"]', False, None),
        ('["pass", 1, "pass"]', False, None),
        ('{"pass": 1}', False, None),
        ("[", False, None),
    ],
)
def test_score_of_a_file_that_anybody_may_write_must_be_possible(
    text: str, is_skipped: bool, score: tuple[str, ...] | None
) -> None:
    if score is not None:
        assert _parse_score(text, is_skipped=is_skipped) == score
        return
    with pytest.raises(ValueError, match=r"."):
        _parse_score(text, is_skipped=is_skipped)
