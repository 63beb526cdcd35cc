"""What an interrupted run has done: the lines of its file, which the next run goes on with."""

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
from preflight.report import SCHEMA
from preflight.scan.items import name_of
from preflight.summary import VERDICTS, Score, Summary
from preflight.targets import Item

_BEGINNING: Final = f'{{"schema":"{SCHEMA}","source":"'.encode()
MAX_LINE_BYTES: Final = 64 << 20
"""Bytes of a report: one with thousands of findings is far smaller."""


class Earlier:
    """The file of a run, open for what is still missing. A last line that was not written to its end is removed.

    A target is done where the file has a line of its position, with its source; what is done is counted in `summary`.
    Raises `UsageError` for a file that is not of `preflight check --format jsonl`, that is of other rule sets, or
    that another run still writes to.
    """

    def __init__(self, path: str, plan: CheckPlan, summary: Summary) -> None:
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError(f"--resume {path} is no regular file, which can be gone on with: give another path")
        self.path = path
        self.stream: IO[str] = append_to(path, "--resume")
        self._done: dict[int, str] = {}
        self._whole = 0
        self._summary = summary
        try:
            self._lock()
            self._read(plan)
        except BaseException:
            self.stream.close()
            raise

    def rest(self, numbered: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
        """The items that are not done. Raises `UsageError` where the inputs are others.

        As many inputs as the file has are compared before the first one is given back: nothing may be appended to
        the file of other inputs.
        """
        waiting = []
        for index, item in numbered if self._done else ():
            source = self._done.pop(index, None)
            if source is None:
                waiting.append((index, item))
            elif source != name_of(item):
                raise self._refused(f"position {index} is {source} there, and {name_of(item)} in this call")
            if not self._done:
                break
        if self._done:
            raise self._refused(f"it has {next(iter(self._done.values()))} too, and this call does not")
        self.stream.truncate(self._whole)
        yield from waiting
        yield from numbered

    def _lock(self) -> None:
        try:
            fcntl.flock(self.stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"--resume {self.path}: another run is writing to it: wait for its end") from None

    def _read(self, plan: CheckPlan) -> None:
        with open(self.path, "rb") as lines:
            for number, line in enumerate(iter(partial(lines.readline, MAX_LINE_BYTES), b""), 1):
                if len(line) == MAX_LINE_BYTES:
                    raise self._foreign(number)
                if line.endswith(b"\n"):
                    self._take(number, line, plan)
                    self._whole += len(line)
                elif not _BEGINNING.startswith(_written(line)[: len(_BEGINNING)]) or not (_written(line) or self._done):
                    raise self._foreign(number)

    def _take(self, number: int, line: bytes, plan: CheckPlan) -> None:
        try:
            row = json.loads(line)
            index, bytes_read, requests = map(_count, (row["index"], row["bytes_read"], row["requests"]))
            source, digest, score = row["source"], row["digest"], _score(row)
            if not isinstance(source, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._foreign(number) from None
        if digest != plan.digest:
            raise UsageError(
                f"--resume {self.path}: line {number} was judged by other rule sets or options, or by another version: "
                "give those of the interrupted run, or a new file"
            )
        if index in self._done:
            raise UsageError(f"--resume {self.path}: line {number} repeats position {index}: give a new file")
        self._done[index] = source
        self._summary.count(score, bytes_read, requests)

    def _foreign(self, number: int) -> UsageError:
        return UsageError(
            f"--resume {self.path}: line {number} is no line of `preflight check --format jsonl`: give the file of "
            "the interrupted run, or a new one"
        )

    def _refused(self, why: str) -> UsageError:
        return UsageError(
            f"--resume {self.path} is of other inputs: {printable(why)}: give the targets of the interrupted run, "
            "in the same order, or a new file"
        )


def _written(line: bytes) -> bytes:
    """What was written of the last line. Where the power failed, some file systems have zeros up to its end."""
    return line.rstrip(b"\0")


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _score(row: dict[str, Any]) -> Score:
    """The score of a report that was written as JSON."""
    words = []
    for result in row["results"]:
        warned = any(finding["severity"] == "warning" for finding in result["findings"])
        words += [str(result["rules"]), "warning" if warned and result["verdict"] == "pass" else result["verdict"]]
    overall = row["verdict"]
    if not {overall, *words[1::2]} <= VERDICTS:
        raise ValueError
    return ("warning" if overall == "pass" and "warning" in words[1::2] else overall, *words)
