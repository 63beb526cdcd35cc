"""A file on disk, read in place."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import Final

from preflight.errors import SourceChanged, SourceError
from preflight.formats import KINDS, KNOWN_EXTENSIONS

HEAD_BYTES: Final = 2048
"""Bytes read at once from the start: most headers are there, and a shorter read costs as much."""
MAX_UNSIZED: Final = 64 << 20
"""Bytes of a file of stated size 0, such as those in /proc: it is read completely."""
_CHUNK_SIZE: Final = 1 << 16
_MAX_NAME_CHARS: Final = 255
_PROBLEMS: Final = {
    errno.EACCES: ("permission_denied", "is not readable. Give this user read permission."),
    errno.EPERM: ("permission_denied", "is not readable. Give this user read permission."),
    errno.ENAMETOOLONG: ("not_found", "exceeds the maximum length of a path. Shorten it."),
    errno.ELOOP: ("not_found", "is a circular link. Give the path of the file."),
    errno.ENXIO: ("not_a_file", "is neither a file nor a folder. Give a file."),  # a socket, a terminal that is gone
}
"""Errors of the system: code and remedy."""

_SLASHES: Final = re.compile(r"https?(:/?|//)(?!/)", re.IGNORECASE)
"""A scheme that lost its colon or slashes, as in path functions that drop empty parts."""
_FILE: Final = re.compile(r"file:/*(?=/)", re.IGNORECASE)
_WINDOWS: Final = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
_HOST: Final = re.compile(
    r"(?:(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?P<top>[a-z]{2,24}|xn--[a-z0-9-]+|\d{1,3})|localhost)(?P<port>:\d{1,5})?",
    re.IGNORECASE,
)


class LocalSource:
    """A `Source` over a regular file. It keeps one descriptor, and reads the head once and other pieces on request."""

    remote = False
    delivery = None
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
            raise SourceError("not_a_file", f"{self.name} is {what}. Give a file.")
        self.size: int = self._stat.st_size
        self.bytes_read = 0
        self._head: bytes | None = None
        self._whole: bytes | None = None
        if not self.size:
            self._read_unsized()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raise `SourceError`."""
        if offset >= self.size:  # also where a hostile offset would not fit the system call
            return b""
        end = min(offset + length, self.size)
        if self._whole is not None:
            return self._whole[offset:end]
        length = end - offset
        if end <= HEAD_BYTES:
            if self._head is None:
                self._head = self._pread(0, HEAD_BYTES)
            return self._head[offset:end]
        if self._head is not None and offset < len(self._head):
            return self._head[offset:] + self._pread(len(self._head), end - len(self._head))
        return self._pread(offset, length)

    def verify(self) -> None:
        """Raise `SourceChanged` if the file's size or modification time changed since it was opened."""
        now = os.fstat(self._fd)
        if self._whole is not None and not now.st_size:  # its time may change with each stat
            return
        if now.st_size != self._stat.st_size or now.st_mtime_ns != self._stat.st_mtime_ns:
            raise SourceChanged(self.name)

    def is_same_file(self, other: os.stat_result) -> bool:
        """Return whether this is the state of the file that was opened, not of one that took its place."""
        return (other.st_dev, other.st_ino) == (self._stat.st_dev, self._stat.st_ino)

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read_unsized(self) -> None:
        """Read a file of stated size 0, which may have content. Raise `SourceError` if it has too much."""
        pieces, size = [], 0
        try:
            while size <= MAX_UNSIZED and (piece := self._pread(size, _CHUNK_SIZE)):
                pieces.append(piece)
                size += len(piece)
        except SourceError:
            self.close()
            raise
        if size > MAX_UNSIZED:
            self.close()
            problem = f"{self.name} reports size 0 but holds over {MAX_UNSIZED:,} bytes. Copy it to a file."
            raise SourceError("read_limit", problem)
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
    """Return the error for a path that cannot be read.

    The system refuses a path with a NUL or an unpaired surrogate as a `ValueError`.
    """
    if not name:
        return SourceError("not_found", "the path is empty. Give a file.")
    if isinstance(error, ValueError):
        return SourceError("not_found", f"{name} contains characters that are not allowed in a path. Remove them.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if os.path.islink(name):
            return SourceError("not_found", f"{name} is a link whose target does not exist. Check where it leads.")
        return SourceError("not_found", f"{name} does not exist. {missing_path_advice(name) or 'Check the path.'}")
    code, problem = _PROBLEMS.get(
        error.errno or 0, ("unreadable", f"cannot be read ({error.strerror or error}). Check the disk.")
    )
    return SourceError(code, f"{name if len(name) <= _MAX_NAME_CHARS else f'{name[:40]}…'} {problem}")


def missing_path_advice(name: str) -> str | None:
    """Return what to do about a path that does not exist, as sentences; None if there is no suggestion."""
    return _url_advice(name) or _path_advice(name)


def _url_advice(name: str) -> str | None:
    """Return the remedy for a URL that was taken for a path."""
    lower = name.lower()
    if lower.startswith("blob:"):
        return "A blob: URL is valid in one browser tab only. Download the file there, or give its http(s) URL."
    if "asset://" in lower and "/" not in name.partition("=")[0]:
        return f"Write an asset as asset://ID or KIND=asset://ID, with {', '.join(KINDS)} for KIND."
    if _SLASHES.match(name) and not os.path.isdir(name.partition("/")[0]):
        return "Give the URL as a string, with // after the colon."
    if name.startswith("//") and name.strip("/"):
        return f"If it is a URL, add its scheme: https:{_without_query(name)}"
    if lower.startswith("www.") or _is_host(name.partition("/")[0], has_path="/" in name):
        return f"If it is a URL, add its scheme: https://{_without_query(name)}"
    return None


def _path_advice(name: str) -> str | None:
    """Return the remedy for a path that only a shell or another system understands."""
    if match := _FILE.match(name):
        from urllib.parse import unquote  # loads ipaddress: 2 ms

        return f"Give the path alone: {unquote(name[match.end() :])}"
    if _WINDOWS.match(name) and os.sep == "/":
        return "This is a Windows path. Give the path of the file on this system."
    if name.startswith("~"):
        return "Only the shell expands ~, and only outside quotation marks. Write the full path."
    if name.startswith(("$", "%")):
        return "Only the shell expands variables, and only outside single quotation marks. Write the full path."
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        return "Remove the quotation marks, which are part of this name."
    return None


def _is_host(first: str, *, has_path: bool) -> bool:
    """Return whether the first part of a path can be a host, and no folder or file is meant."""
    match = _HOST.fullmatch(first)
    if match is None or os.path.isdir(first):
        return False
    if match["top"] is not None and match["top"].isdecimal():  # an address, not a version
        return first.partition(":")[0].count(".") == 3
    if match["port"]:
        return True
    return has_path and (match["top"] or "").lower() not in KNOWN_EXTENSIONS


def _without_query(name: str) -> str:
    """Hide the query, which may hold a signature."""
    path, mark, _ = name.partition("?")
    return f"{path}?…" if mark else path
