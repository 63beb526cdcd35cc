"""A file on disk, read in place."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from preflight.errors import SourceChanged, SourceError

HEAD = 2048
"""Bytes read at once from the start: most headers stand there, and a short read costs as much as a shorter one."""
MAX_UNSIZED: Final = 64 << 20
"""Bytes of a file of stated size 0, such as those in /proc: it is read completely."""
_CHUNK_SIZE: Final = 1 << 16


class LocalSource:
    """A `Source` over a regular file. Keeps one descriptor; reads the head once and every other piece as asked."""

    requests = 0

    def __init__(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        self.name = name or os.fspath(path)
        try:
            # O_NONBLOCK: a FIFO that took the file's place since it was listed must not stop the run.
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise _unreadable(self.name, error) from None
        self._stat = os.fstat(self._fd)
        if not stat.S_ISREG(self._stat.st_mode):
            os.close(self._fd)
            what = "a folder" if stat.S_ISDIR(self._stat.st_mode) else "neither a file nor a folder"
            raise SourceError("not_a_file", f"{self.name} is {what}: give a file")
        self.size: int = self._stat.st_size
        self.bytes_read = 0
        self._head: bytes | None = None
        self._whole: bytes | None = None
        if not self.size:
            self._read_unsized()

    def read_at(self, offset: int, length: int) -> bytes:
        if offset >= self.size:  # also where a hostile offset would not fit the system call
            return b""
        end = min(offset + length, self.size)
        if self._whole is not None:
            return self._whole[offset:end]
        length = end - offset
        if end <= HEAD:
            if self._head is None:
                self._head = self._pread(0, HEAD)
            return self._head[offset:end]
        if self._head is not None and offset < len(self._head):
            return self._head[offset:] + self._pread(len(self._head), end - len(self._head))
        return self._pread(offset, length)

    def verify(self) -> None:
        now = os.fstat(self._fd)
        if self._whole is not None and not now.st_size:  # its time may change with each stat
            return
        if now.st_size != self._stat.st_size or now.st_mtime_ns != self._stat.st_mtime_ns:
            raise SourceChanged(self.name)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read_unsized(self) -> None:
        """Read a file of stated size 0, which may have content. Raises `SourceError` if it has too much."""
        pieces, size = [], 0
        try:
            while piece := self._pread(size, _CHUNK_SIZE):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_UNSIZED:
                    said = f"{self.name} reports size 0 but holds over {MAX_UNSIZED:,} bytes: copy it to a file"
                    raise SourceError("read_limit", said)
        except SourceError:
            self.close()
            raise
        if pieces:
            self._whole = b"".join(pieces)
            self.size = size

    def _pread(self, offset: int, length: int) -> bytes:
        try:
            data = os.pread(self._fd, length, offset)
        except OSError as error:
            raise _unreadable(self.name, error) from None
        self.bytes_read += len(data)
        return data


def _unreadable(name: str, error: OSError | ValueError) -> SourceError:
    """What the system's answer means. No path at all (`ValueError`): it holds a NUL, or half a character."""
    if not name:
        return SourceError("not_found", "the path is empty: give a file")
    if isinstance(error, ValueError):
        return SourceError("not_found", f"{name} holds characters that no path can have: check it")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if os.path.islink(name):
            return SourceError("not_found", f"{name} is a link to what does not exist: check where it leads")
        from preflight.sources.missing_path import missing_path_advice

        return SourceError("not_found", f"{name} does not exist: {missing_path_advice(name) or 'check the path'}")
    if isinstance(error, PermissionError):
        return SourceError("permission_denied", f"{name} may not be read: give this user read permission")
    if error.errno == errno.ENAMETOOLONG:
        return SourceError("not_found", f"{name[:40]}… is longer than a path can be: check it")
    if error.errno == errno.ELOOP:
        return SourceError("not_found", f"{name} is a link that leads back to itself: give the file")
    if error.errno == errno.ENXIO:  # a socket, or the terminal of a process that has none
        return SourceError("not_a_file", f"{name} is neither a file nor a folder: give a file")
    return SourceError("unreadable", f"{name} cannot be read: {error.strerror or error}")
