"""A file as the body of a request, read while it is sent: `Multipart` (multipart/form-data, RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import BinaryIO, Final

from preflight.errors import SourceChanged

_CHUNK_SIZE: Final = 1 << 16


class Multipart:
    """One field with one file. `len()` is the length of the body; it is sent once, from the file's position.

    Sending raises `SourceChanged` if the file ends before `size` bytes; what follows them is not sent.
    """

    def __init__(self, field: str, file: BinaryIO, size: int, name: str, mime: str) -> None:
        boundary = secrets.token_hex(16)
        # RFC 7578 4.2 leaves the escaping of names to HTML: only these three are escaped.
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n'
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = f"{head}Content-Type: {mime}\r\n\r\n".encode("utf-8", "replace")
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._size = self._left = size
        self._name = name

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(_CHUNK_SIZE):
            yield chunk

    def read(self, length: int = -1) -> bytes:
        """Return the next part of the body, at most `length` bytes if that is positive; empty at the end."""
        if self._head:
            part, self._head = self._head, b""
            return part
        if self._left:
            part = self._file.read(min(self._left, length if length > 0 else _CHUNK_SIZE))
            if not part:
                raise SourceChanged(self._name)
            self._left -= len(part)
            return part
        part, self._tail = self._tail, b""
        return part
