"""The line that is shown while files are fixed."""

from __future__ import annotations

import pytest

from preflight.fixer.ffmpeg.progress import FileProgress
from preflight.run import status_line
from preflight.run.fix_progress import FixProgress
from tests.rows import each_row

START = FileProgress(None, None, None, None, None, 0.0)
HALF = FileProgress(position=2.0, fraction=0.5, remaining=75.0, speed=1.234, size=10, elapsed=1.0)


@each_row(
    ("progress", "text"),
    [
        (START, "clip.mov"),
        (HALF, "clip.mov 50 %, 1.23× real time, 1:15 left"),
        (HALF._replace(fraction=None, remaining=None), "clip.mov 2.0 s, 1.23× real time"),
        (FileProgress(None, None, 9.0, None, 52_345_678, 1.0), "clip.mov 52.3 MB, 0:09 left"),
    ],
)
def test_one_file_is_shown_with_its_rate_and_remaining_time(progress: FileProgress, text: str) -> None:
    shown = FixProgress({0: 5})
    shown.update(0, "clip.mov", progress)
    assert shown.text(4.0) == text


def test_files_count_by_their_size_for_the_remaining_time() -> None:
    shown = FixProgress({0: 100, 1: 600, 2: 300})
    assert shown.text(0.1) == "0 of 3 files"
    shown.advance(0)
    assert shown.text(10.0) == "1 of 3 files, 1:30 left"
    shown.update(1, "clip.mov", HALF)
    assert shown.text(40.0) == "1 of 3 files, 1:00 left; clip.mov 50 %, 1.23× real time, 1:15 left"
    shown.advance(1)
    assert shown.text(70.0) == "2 of 3 files, 0:30 left"


def test_names_are_escaped_and_shortened() -> None:
    shown = FixProgress({0: 5})
    shown.update(0, "\x1b[31m" + "x" * 80 + ".mov", START)
    assert len(shown.text(1.0)) == 40
    assert shown.text(1.0).startswith("…xxx")
    shown.update(0, "\x1b[31m.mov", START)
    assert shown.text(1.0) == "\\x1b[31m.mov"


def test_line_is_removed_while_the_same_terminal_is_printed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Terminal:
        isatty = staticmethod(lambda: True)
        write = written.append
        flush = staticmethod(lambda: None)
        fileno = staticmethod(lambda: -1)

    monkeypatch.setattr(status_line.sys, "stderr", Terminal)
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.setattr(status_line, "_REDRAW_INTERVAL", -1.0)
    shown = FixProgress({0: 5}, shares_terminal=True)
    shown.update(0, "clip.mov", HALF)
    with shown.making_room():
        written.append("FIXED\n")
    shown.update(0, "clip.mov", START)
    shown.clear()
    clear = "\r\x1b[K"
    assert written == [f"{clear}clip.mov 50 %, 1.23× real time, 1:15 left", clear, "FIXED\n", f"{clear}clip.mov", clear]
