"""Render tables for terminals of any width, unless a word would be broken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def table_text(console: Console, table: Table) -> str | None:
    """Return a table as it would be printed; None if the console is too narrow for one of its words."""
    with console.capture() as captured:
        console.print(table)
    cells = (str(cell) for column in table.columns for cell in (column.header, *column.cells))
    return captured.get() if _holds(captured.get(), cells) else None


def _holds(text: str, cells: Iterable[str]) -> bool:
    """Return whether a text, which may be colored, has every word of the cells unbroken."""
    from rich.text import Text

    words = set(Text.from_ansi(text).plain.split())
    return all(word in words for cell in cells for word in cell.split())
