"""Files that results are written to: every line in them is whole, even where the disk is full."""

from __future__ import annotations

import io
import os
import stat
from contextlib import suppress
from typing import IO, Final

from preflight.errors import OutputError, UsageError

_BLOCK: Final = 1 << 16


def open_output(path: str, option: str = "--output", *, append: bool = False) -> IO[str]:
    """A text file to write to, readable too. Writing raises `OutputError` where it takes no more.

    Raises `UsageError` that names the option where it cannot be opened.
    """
    try:
        raw = _WholeLines(path, "a+" if append else "w+")
    except OSError as error:
        raise UsageError(f"{option} {path} cannot be written ({error.strerror}): give another path") from None
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="")


class _WholeLines(io.FileIO):
    """Cuts off the beginning of the line that could not be written to its end."""

    _failed = False

    def write(self, data: object) -> int:
        if self._failed:  # what is left in the buffer when the file is closed
            return len(data)  # type: ignore[arg-type]
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self._failed = True
            with suppress(OSError):
                self._cut()
            raise OutputError(str(self.name), error.strerror or str(error)) from None

    def _cut(self) -> None:
        if not stat.S_ISREG(os.fstat(self.fileno()).st_mode):
            return
        end = os.fstat(self.fileno()).st_size
        while end > 0:
            start = max(0, end - _BLOCK)
            at = os.pread(self.fileno(), end - start, start).rfind(b"\n")
            if at >= 0:
                start += at + 1
                break
            end = start
        os.ftruncate(self.fileno(), start if end > 0 else 0)
