"""Files that results are written to: every line in them is whole, even where the disk is full."""

from __future__ import annotations

import io
import os
import stat
from contextlib import suppress
from typing import IO, Any, Final

from preflight.errors import OutputError, UsageError
from preflight.formats import MEDIA_EXTENSIONS, extension_of

_BLOCK: Final = 1 << 16


def open_output(path: str, option: str = "--output", *, append: bool = False) -> IO[str]:
    """A text file to write to. Writing raises `OutputError` where it takes no more.

    Raises `UsageError` that names the option where it cannot be opened.
    """
    admit(path, option)
    try:
        raw = _WholeLines(path, "a" if append else "w")
    except OSError as error:
        raise UsageError(f"{option} {path} cannot be written ({error.strerror}): give another path") from None
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="")


def admit(path: str, option: str) -> None:
    """Raise `UsageError` where writing to a path would cost what nobody means to lose: a file that is to be checked."""
    if extension_of(path) in MEDIA_EXTENSIONS and os.path.isfile(path):
        raise UsageError(f"{option} {path} would overwrite a file that is named as media: give another path")


class _WholeLines(io.FileIO):
    """Cuts off the beginning of a line that could not be written to its end."""

    _failed = False

    def write(self, data: Any) -> int:
        if self._failed:  # what is left in the buffer when the file is closed
            return len(data)
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failed = True
            with suppress(OSError):
                self._cut()
            raise OutputError(str(self.name), error.strerror or str(error)) from None

    def _cut(self) -> None:
        state = os.fstat(self.fileno())
        if not stat.S_ISREG(state.st_mode):
            return
        end = state.st_size
        with open(self.name, "rb") as written:
            if not os.path.samestat(os.fstat(written.fileno()), state):  # another file has that name now
                return
            while end:
                start = max(0, end - _BLOCK)
                written.seek(start)
                end = start + written.read(end - start).rfind(b"\n") + 1
                if end > start:
                    break
        os.ftruncate(self.fileno(), end)
