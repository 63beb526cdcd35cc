"""What was said of files that have not changed since: a file that may be deleted at any time.

One line that says what it is; then batches: a line with length and checksum of the texts, checksum of the rest of the
line, the digest of what judged and wrote them, and a JSON array of the files; then the texts themselves.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import ENOSPC
from itertools import count
from typing import Any, Final, NamedTuple

from preflight.checker import CheckPlan
from preflight.errors import UsageError
from preflight.output import require_overwritable
from preflight.reporters import LineReporter
from preflight.ruleset import checksum
from preflight.run.rows import Row
from preflight.scan.items import Cached
from preflight.sources.open import is_url
from preflight.summary import VERDICTS
from preflight.targets import Item
from preflight.version import VERSION

MAGIC: Final = b"preflight cache 1\n"
_FAMILY: Final = b"preflight cache "
BATCH: Final = 256
"""Files written at once: few lines to parse at the start, and little to read again where the order has changed."""
LARGEST: Final = 1 << 30
"""Bytes; a larger one is begun anew."""
MAX_LINE_BYTES: Final = 16 << 20
"""Bytes of the line that describes a batch: 256 paths of 4 KiB, each character escaped."""
_FRESH: Final = 100_000_000
"""ns within which a file may change again without a new time of change: the clock's tick, and more."""
_FRESH_COARSE: Final = 2_000_000_000
"""The same where the file system counts whole seconds, or every other one."""

Stamp = tuple[int, int, int, bool]
"""Size, time of change in ns, inode; whether the file was named itself, so that it is judged even if it is no media."""


class _Entry(NamedTuple):
    """A file in the cache: where its text stands in its batch, and what else its row has."""

    stamp: list[Any]
    start: int
    length: int
    skipped: bool
    position: int
    score: list[str]


class Cache:
    """Rows of unchanged files, by path. To be closed. `note` is told what the user should know.

    Whatever else a row depends on goes into a digest: the plan, the version, the reporter with its options.
    """

    def __init__(self, path: str, plan: CheckPlan, reporter: LineReporter, note: Callable[[str], None]) -> None:
        self._path = path
        render = reporter.render
        parts = (VERSION, plan.digest, plan.deep, render.func.__module__, render.keywords)
        self._digest = checksum(*parts).encode()
        self._moved = reporter.moved
        self._note = note
        self._seen: dict[str, tuple[int, _Entry]] = {}
        self._blocks: list[tuple[int, int, int]] = []  # of each batch: offset and length of its texts, checksum
        self._block = (-1, b"")
        self._under_way: dict[int, tuple[str, Stamp]] = {}
        self._new: list[tuple[str, Stamp, Row]] = []
        self._file = self._opened()
        if self._file >= 0:
            self._load()

    def known(self, numbered: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Item | Cached[Row]]]:
        """The items, with the row in place of those that have not changed."""
        for index, item in numbered:
            path = item.target
            if item.problem is not None or not isinstance(path, str) or is_url(path):
                yield index, item
                continue
            stamp = _stamp(path, item.explicit)
            row = self._row(path, stamp, index) if stamp is not None else None
            if row is not None:
                yield index, Cached(row)
                continue
            if stamp is not None and _settled(stamp):
                self._under_way[index] = (path, stamp)
            yield index, item

    def keep(self, row: Row) -> None:
        """Take a row that was made now, where it will hold for as long as the file does not change."""
        made = self._under_way.pop(row.position, None)
        if made is not None and not made[1][0] and row.bytes_read:
            return  # a file in /proc: its stated size is always 0
        if made is not None and row.final and self._file >= 0:
            self._new.append((*made, row))
            if len(self._new) >= BATCH:
                self._write()

    def close(self) -> None:
        """Write what is new."""
        if self._file >= 0:
            self._write()
            os.close(self._file)
            self._file = -1

    def _row(self, path: str, stamp: Stamp, index: int) -> Row | None:
        found = self._seen.get(path)
        if found is None or found[1].stamp != list(stamp):
            return None
        batch, entry = found
        text = None
        if not entry.skipped:
            texts = self._texts(batch)
            if texts is None:
                return None
            try:
                text = texts[entry.start : entry.start + entry.length].decode()
                if entry.position != index:
                    text = self._moved(text, index)
            except ValueError:  # not written by preflight
                return None
        return Row(index, text, tuple(entry.score))

    def _texts(self, batch: int) -> bytes | None:
        """A batch's texts; None where they are not those that were written."""
        if self._block[0] != batch:
            offset, length, checksum = self._blocks[batch]
            data = b""
            with suppress(OSError):
                data = os.pread(self._file, length, offset)
            if zlib.crc32(data) != checksum:
                self._note(f"--cache {self._path} is damaged: {BATCH} files of it are examined again")
                self._seen = {path: found for path, found in self._seen.items() if found[0] != batch}
                return None
            self._block = (batch, data)
        return self._block[1]

    def _write(self) -> None:
        if not self._new:
            return
        texts, files, start = [], [], 0
        for path, stamp, row in self._new:
            text = (row.text or "").encode()
            entry = _Entry(list(stamp), start, len(text), row.text is None, row.position, list(row.score))
            files.append((path, *entry))
            texts.append(text)
            start += len(text)
        block = b"".join(texts)
        rest = b"%b %b" % (self._digest, json.dumps(files).encode())
        self._append(b"%d %d %d %b\n%b" % (start, zlib.crc32(block), zlib.crc32(rest), rest, block))
        self._new.clear()

    def _append(self, data: bytes) -> None:
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) < len(data):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
        except OSError as error:
            self._note(f"--cache {self._path} cannot be written ({error.strerror}): the run goes on without it")
            os.ftruncate(self._file, end)
            os.close(self._file)
            self._file = -1
            self._seen.clear()

    def _opened(self) -> int:
        """The file, locked; -1 where the run has to do without. A damaged cache, or one of another version, is moved.

        Raises `UsageError` for any other file: it is somebody's, and stays where it is.
        """
        require_overwritable(self._path, "--cache")
        try:
            if os.path.exists(self._path) and not os.path.isfile(self._path):
                raise UsageError(f"--cache {self._path} is no regular file: give another path")
            file = self._open()
            head = os.pread(file, len(MAGIC), 0)
            if head and head != MAGIC:
                os.close(file)
                if not (head.startswith(_FAMILY) or MAGIC.startswith(head.rstrip(b"\0"))):
                    raise UsageError(f"--cache {self._path} is not a cache of preflight: give another path")
                away = next(name for name in self._names_beside() if not os.path.lexists(name))
                os.rename(self._path, away)
                self._note(
                    f"--cache {self._path} is damaged, or of another version: it is {away} now, and a new one is begun"
                )
                file = self._open()
        except OSError as error:
            raise UsageError(f"--cache {self._path} cannot be used ({error.strerror}): give another path") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            self._note(f"--cache {self._path} is in use by another run: this one goes without it")
            return -1
        return file

    def _names_beside(self) -> Iterator[str]:
        yield f"{self._path}.bad"
        yield from (f"{self._path}.bad{number}" for number in count(2))

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _load(self) -> None:
        """Read what was seen under the same digest; cut off what is behind the last batch that is whole."""
        size = os.fstat(self._file).st_size
        if size > LARGEST:
            size = 0
        whole, entries = 0, 0
        with open(self._file, "rb", closefd=False) as file:
            try:
                whole = len(file.readline(len(MAGIC))) if size else 0
                while whole < size:
                    head = file.readline(MAX_LINE_BYTES)
                    if not head.endswith(b"\n"):
                        raise ValueError("cut off, or too long")
                    length, checksum, check, rest = head.split(b" ", 3)
                    end = whole + len(head) + int(length)
                    if not length.isdigit() or end > size or zlib.crc32(rest[:-1]) != int(check):
                        raise ValueError("cut off, or changed")
                    digest, _, files = rest.partition(b" ")
                    if digest == self._digest:
                        entries += self._take(json.loads(files), (whole + len(head), int(length), int(checksum)))
                    whole = file.seek(end)
            except (ValueError, TypeError, RecursionError):
                self._note(f"--cache {self._path} is damaged: all behind its byte {whole:,} is dropped")
        if entries > 2 * len(self._seen) + BATCH:  # most of it is of files that have changed since
            whole = 0
            self._seen.clear()
        if whole < os.fstat(self._file).st_size or not whole:
            os.ftruncate(self._file, whole)
        if not whole:
            self._append(MAGIC)

    def _take(self, files: list[list[Any]], block: tuple[int, int, int]) -> int:
        batch = len(self._blocks)
        found = {path: (batch, _checked(_Entry(*entry))) for path, *entry in files}
        self._blocks.append(block)
        self._seen |= found
        return len(files)


def _checked(entry: _Entry) -> _Entry:
    """Return an entry of a file that anybody may have written. Raise `ValueError` where its types are others."""
    numbers = (entry.start, entry.length, entry.position)
    words = entry.score
    if not all(type(number) is int and number >= 0 for number in numbers) or type(entry.skipped) is not bool:
        raise ValueError("not an entry")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("no score")
    if not (entry.skipped or len(words) % 2) or not {*words[:1], *words[2::2]} <= VERDICTS:
        raise ValueError("no score")
    return entry


def _stamp(path: str, explicit: bool) -> Stamp | None:
    """What shows that a file has changed; None where there is none, which its report will say."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino, explicit


def _settled(stamp: Stamp) -> bool:
    """The file cannot change any more without a new time of change. To be asked before it is read."""
    changed = stamp[1]
    return changed + (_FRESH if changed % 1_000_000_000 else _FRESH_COARSE) < time.time_ns()
