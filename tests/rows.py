"""One test for all rows of a table."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest


def each_row(
    names: str | Sequence[str], rows: Iterable[Any], ids: Iterable[str] | Callable[[Any], object] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call a test with each row, as `pytest.mark.parametrize` does, but in one test, whose failure names every row.

    A test of its own costs pytest more than most rows take. Rows share the fixtures of the test, so this is for what
    leaves nothing behind, and a row cannot be skipped.
    """
    columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    table = [_row(columns, row) for row in rows]
    if not table:
        raise ValueError("There is no row. Give at least one.")
    if ids is not None and not callable(ids):
        table = [(values, label) for (values, _), label in zip(table, ids, strict=True)]
    show = ids if callable(ids) else _shown

    def described(number: int) -> str:
        values, label = table[number]
        return label or ", ".join(f"{name}={show(value)}" for name, value in values.items())

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            failures: list[BaseException] = []
            for number, (values, _) in enumerate(table):
                try:
                    test(*args, **fixtures, **values)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - every row is reported
                    error.add_note(f"in the row {described(number)}")
                    failures.append(error)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(table)} rows fail", failures)

        signature = inspect.signature(test)
        left = [given for name, given in signature.parameters.items() if name not in columns]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate


def _row(columns: list[str], row: Any) -> tuple[dict[str, Any], str | None]:
    """Return the values of a row by column, and its own label."""
    label = None
    if isinstance(row, type(pytest.param())):
        if row.marks:
            raise ValueError("A row cannot have marks. Use pytest.mark.parametrize.")
        row, label = row.values, row.id
    elif len(columns) == 1:
        row = (row,)
    return dict(zip(columns, row, strict=True)), label


def _shown(value: object) -> str:
    return f"{value!r:.200}"
