"""Continue an interrupted run: the lines of its file show which targets are done."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, Final

from preflight.checker import CheckPlan
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.output import append_to
from preflight.report import OUTCOMES, SCHEMA
from preflight.scan.items import name_of
from preflight.summary import Score, Summary
from preflight.targets import Item

_LINE_START: Final = f'{{"schema":"{SCHEMA}","source":"'.encode()
MAX_LINE_BYTES: Final = 64 << 20
"""Maximum bytes of a line; a report with thousands of findings is far smaller."""


class PreviousRun:
    """The file of an interrupted run, open for the reports that are missing. An incomplete last line is removed.

    A target is done if the file has a line with its position and its source, and is then counted in the summary.
    Raises `UsageError` for a file that `preflight check` has not written as JSON lines, that belongs to other rule
    sets or options, or that another run is writing to.
    """

    def __init__(self, path: str, plan: CheckPlan, summary: Summary) -> None:
        self.path = path
        if os.path.exists(path) and not os.path.isfile(path):
            raise self._error("is not a regular file. Give a file path.")
        self.stream: IO[str] = append_to(path, "resume")
        self._done: dict[int, str] = {}
        self._complete_bytes = 0
        self._summary = summary
        try:
            self._lock()
            self._read(plan)
        except BaseException:
            self.stream.close()
            raise

    def remaining(self, numbered: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
        """Yield the items that are not done. Raise `UsageError` if the inputs differ from those of the run.

        All inputs that are done are compared before the first item is yielded, so that nothing is appended to a file
        with other inputs.
        """
        waiting = []
        for index, item in numbered if self._done else ():
            source = self._done.pop(index, None)
            if source is None:
                waiting.append((index, item))
            elif source != name_of(item):
                raise self._other_inputs(f"position {index} is {source} there, and {name_of(item)} in this call")
            if not self._done:
                break
        if self._done:
            raise self._other_inputs(f"it also has {next(iter(self._done.values()))}")
        self.stream.truncate(self._complete_bytes)
        yield from waiting
        yield from numbered

    def _lock(self) -> None:
        try:
            fcntl.flock(self.stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._error("is in use by another run. Wait for its end.") from None

    def _read(self, plan: CheckPlan) -> None:
        with open(self.path, "rb") as lines:
            for number, line in enumerate(iter(partial(lines.readline, MAX_LINE_BYTES), b""), 1):
                if len(line) == MAX_LINE_BYTES:
                    raise self._foreign(number)
                if line.endswith(b"\n"):
                    self._take(number, line, plan)
                    self._complete_bytes += len(line)
                    continue
                # After a power failure some file systems fill the rest of the line with zeros.
                written = line.rstrip(b"\0")
                if not _LINE_START.startswith(written[: len(_LINE_START)]) or not (written or self._done):
                    raise self._foreign(number)

    def _take(self, number: int, line: bytes, plan: CheckPlan) -> None:
        try:
            row = json.loads(line)
            index, bytes_read, requests = map(_count, (row["index"], row["bytes_read"], row["requests"]))
            source, digest, score = _text(row["source"]), row["digest"], _score(row)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._foreign(number) from None
        if digest != plan.digest:
            raise self._error(
                f"was written with other rule sets or options, or by another version (line {number}). Give those of "
                "the interrupted run, or a new file."
            )
        if index in self._done:
            raise self._error(f"has position {index} twice (line {number}). Give a new file.")
        self._done[index] = source
        self._summary.count(score, bytes_read, requests)

    def _foreign(self, number: int) -> UsageError:
        return self._error(
            f"has a line that this version of `preflight check` has not written as JSON (line {number}). Give the file "
            "of the interrupted run, or a new file."
        )

    def _other_inputs(self, difference: str) -> UsageError:
        return self._error(
            f"belongs to other inputs: {printable(difference)}. Give the targets of the interrupted run in the same "
            "order, or a new file."
        )

    def _error(self, problem: str) -> UsageError:
        return UsageError(f"resume={self.path} {problem}", parameters=("resume",))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _score(row: dict[str, Any]) -> Score:
    """Return the score of a report that was written as JSON."""
    score = (row["outcome"], *(word for result in row["results"] for word in (str(result["rules"]), result["outcome"])))
    if any(outcome not in OUTCOMES for outcome in (score[0], *score[2::2])):
        raise ValueError
    return score
