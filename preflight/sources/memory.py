"""Bytes in memory: `MemorySource`, and `DataUriSource` for a file inside a `data:` URI (RFC 2397)."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import Final
from urllib.parse import unquote_to_bytes

from preflight.errors import SourceError
from preflight.media import Delivery
from preflight.net.redact import redact


class MemorySource:
    """A `Source` over bytes (or any bytes-like object, which must not change meanwhile)."""

    remote = False
    delivery = None
    requests = 0

    def __init__(self, data: bytes | bytearray | memoryview, name: str = "<bytes>") -> None:
        self.name = name
        self._data = bytes(data)
        self.size: int = len(self._data)  # a view's own length counts its items
        self.bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        piece = self._data[offset : offset + length]
        self.bytes_read += len(piece)
        return piece

    def verify(self) -> None:
        """Do nothing: bytes do not change."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


SCHEME: Final = "data"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*+={0,2}")
_WHITESPACE: Final = re.compile(r"[\t\n\f\r ]+")
_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")


class DataUriSource:
    """A `Source` over a data URI. Base64 stays encoded in memory; each read decodes what it asks for.

    name      the URI without its content
    delivery  the declared type, and the length of the URI

    Raises `SourceError` `data_uri_invalid` where the content cannot be decoded, as browsers decode it
    (https://fetch.spec.whatwg.org/#data-urls): whitespace and missing padding are accepted.
    """

    remote = False
    requests = 0

    def __init__(self, uri: str) -> None:
        self.name = redact(uri)
        self.bytes_read = 0
        header, comma, content = uri[5:].partition("#")[0].partition(",")
        if not comma:
            raise self._invalid("has no comma between its type and its content", "Write data:TYPE;base64,CONTENT.")
        declared, *parameters = (part.strip(" ").lower() for part in header.split(";"))
        self._base64: str | None = None
        self._data = b""
        if parameters and parameters[-1] == "base64":
            self._base64, self.size = self._checked(content)
        else:
            self._data = self._unquoted(content)
            self.size = len(self._data)
        content_type = declared if _TYPE.fullmatch(declared) else None
        self.delivery = Delivery(SCHEME, "", len(uri), content_type=content_type, content_length=self.size)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        if self._base64 is None:
            piece = self._data[offset:end]
        else:
            first = offset // 3
            text = self._base64[first * 4 : -(-end // 3) * 4]
            piece = a2b_base64(text + "=" * (-len(text) % 4))[offset - first * 3 : end - first * 3]
        self.bytes_read += len(piece)
        return piece

    def verify(self) -> None:
        """Do nothing: a text does not change."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _checked(self, content: str) -> tuple[str, int]:
        """Return Base64 without whitespace and padding, and how many bytes it holds."""
        if "%" in content:
            content = self._unquoted(content).decode("latin-1")
        content = _WHITESPACE.sub("", content)
        match = _BASE64.match(content)
        end = match.end() if match else 0
        if end < len(content):
            what = "uses the URL-safe alphabet" if content[end] in "-_" else "is not Base64"
            raise self._invalid(f"{what} from character {end + 1:,} on", "Encode the file in standard Base64.")
        text = content.rstrip("=")
        if len(text) % 4 == 1 or (len(text) < len(content) and len(content) % 4):
            raise self._invalid(f"has {len(content):,} characters of Base64 and is cut off", "Encode the file again.")
        return text, len(text) * 3 // 4

    def _unquoted(self, content: str) -> bytes:
        try:
            return unquote_to_bytes(content)
        except UnicodeEncodeError:
            raise self._invalid("holds an unpaired surrogate", "Encode the file again.") from None

    def _invalid(self, problem: str, remedy: str) -> SourceError:
        return SourceError("data_uri_invalid", f"{self.name} {problem}. {remedy}")
