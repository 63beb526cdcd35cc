"""Text that is never shown: `Secret`."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import NoReturn

from preflight.net.redact import HIDDEN


class Secret:
    """Text that appears in no `repr`, message, copy or pickle; only `reveal` returns it.

    >>> Secret("sk-123")
    …
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for a header or a signature and for nothing else."""
        return self._text

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that differ between keys and reveal nothing of the key."""
        return sha256(b"preflight account\0" + self._text.encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled. Pass it to the process in its environment.")
