"""A test of all rows of a table runs each, and names those that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows import each_row

NUMBERS = [(1, 1), (2, 5), pytest.param(3, 8, id="three"), (4, 17)]


def test_every_failing_row_is_named() -> None:
    seen = []

    @each_row(("number", "square"), NUMBERS)
    def check(number: int, square: int) -> None:
        seen.append(number)
        assert number**2 == square

    with pytest.raises(ExceptionGroup, match="3 of 4 rows fail") as caught:
        check()
    assert seen == [1, 2, 3, 4]
    assert [error.__notes__ for error in caught.value.exceptions] == [
        ["in the row number=2, square=5"],
        ["in the row three"],
        ["in the row number=4, square=17"],
    ]


def test_row_without_an_expected_exception_fails() -> None:
    @each_row("number", [0, 1], ids=["zero", "one"])
    def check(number: int) -> None:
        with pytest.raises(ZeroDivisionError):
            1 / number

    with pytest.raises(BaseExceptionGroup) as caught:
        check()
    assert [error.__notes__ for error in caught.value.exceptions] == [["in the row one"]]


def test_tables_are_combined() -> None:
    seen = []

    @each_row("number", range(2))
    @each_row("letter", "ab")
    def check(number: int, letter: str) -> None:
        seen.append((number, letter))

    check()
    assert seen == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]


@each_row("name", ["accepted", "refused"])
def test_fixtures_are_given_to_each_row(fixtures: Path, name: str) -> None:
    assert name in {path.name for path in fixtures.iterdir()}


def test_empty_table_and_rows_with_marks_are_refused() -> None:
    with pytest.raises(ValueError, match="There is no row"):
        each_row("number", [])
    with pytest.raises(ValueError, match="cannot have marks"):
        each_row("number", [pytest.param(1, marks=pytest.mark.slow)])
