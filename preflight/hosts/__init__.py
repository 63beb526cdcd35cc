"""Where local files get a URL, because services take URLs only. One file a way, one method: `Host.put`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from preflight.errors import SourceChanged, UsageError


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was checked and is to be hosted.

    sha256  64 hex digits of what was checked: a host sends these very bytes, or raises `SourceChanged`
    """

    path: str
    name: str
    size: int
    mime: str
    sha256: str


class Host(Protocol):
    """A way to give a local file a URL. Yours too: any object with this method."""

    def put(self, file: LocalFile) -> str:
        """Make the file's bytes reachable; gives the URL, which works for as long as a provider may fetch it."""
        ...


class Hashing:
    """A file's bytes as they are read, and whether they are those that were checked."""

    def __init__(self, file: LocalFile) -> None:
        import hashlib

        self._file = file
        self._stream = open(file.path, "rb")  # noqa: SIM115 - closed by __exit__
        self._hash = hashlib.sha256()
        self._at = 0
        self._hashed = 0

    def __enter__(self) -> Hashing:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """As a file's. What was read once and is read again (a second try) counts once."""
        data = self._stream.read(size)
        fresh = data[max(0, self._hashed - self._at) :]
        self._at += len(data)
        if fresh and self._at > self._hashed:
            self._hash.update(fresh)
            self._hashed = self._at
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file's."""
        self._at = self._stream.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        """As a file's."""
        return self._at

    def confirm(self) -> None:
        """Raise `SourceChanged` unless what was read is what was checked."""
        self.seek(self._hashed)
        while self.read(1 << 20):
            pass
        if self._hash.hexdigest() != self._file.sha256:
            raise SourceChanged(self._file.name)


HOSTS: Final = ("PROVIDER", "s3://bucket/prefix", "https://public.base/")


def nowhere(name: str) -> UsageError:
    """What to say where a local file is to be submitted and no host is chosen."""
    return UsageError(
        f"{name} is a local file, and services fetch by URL: choose where it is hosted with --host or --public-base"
    )
