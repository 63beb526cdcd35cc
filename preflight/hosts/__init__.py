"""Give local files a URL, because services accept only URLs: one module for each way, one method (`Host.put`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from preflight.errors import SourceChanged, SourceError, UsageError


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was checked and is to be hosted.

    sha256  64 hex digits of the checked bytes: a host sends exactly these, or raises `SourceChanged`
    """

    path: str
    name: str
    size: int
    mime: str
    sha256: str


class Host(Protocol):
    """A way to give a local file a URL. Any object with this method can be used."""

    def put(self, file: LocalFile) -> str:
        """Make the file's bytes reachable; return the URL, which works for as long as a provider may fetch it."""
        ...


class HashingReader:
    """Reads and hashes a file, to verify that its bytes are those that were checked.

    A pass that begins again at the start, for a checksum or a retry, is hashed again: the last pass counts.
    """

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        try:
            self._stream = open(file.path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise SourceError("unreadable", f"{file.path} cannot be read ({error.strerror}). Check the file.") from None
        self._hash = hashlib.sha256()
        self._hashed = 0

    def __enter__(self) -> HashingReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        offset = self._stream.tell()
        data = self._stream.read(size)
        if offset == 0 and data:
            self._hash, self._hashed = hashlib.sha256(), 0
        if offset == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek as a file does."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position as a file does."""
        return self._stream.tell()

    def require_unchanged(self) -> None:
        """Read the rest of the file. Raise `SourceChanged` unless the last pass read exactly the checked bytes."""
        self.seek(self._hashed)
        while self.read(1 << 20):
            pass
        if self._hash.hexdigest() != self._file.sha256:
            raise SourceChanged(self._file.name)


def no_host_given(name: str) -> UsageError:
    """Return the error for a local file that is to be submitted without a host."""
    return UsageError(
        f"{name} is a local file, and services fetch by URL. Choose where it is hosted with host= or public_base=.",
        parameters=("host", "public_base"),
    )
