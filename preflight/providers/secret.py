"""A key that shows itself to nobody: `Secret`."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

HIDDEN: Final = "…"
"""What stands in place of a secret, wherever it would be shown."""


class Secret:
    """Text that is in no `repr`, message, copy or pickle; `reveal` is the one way to it.

    >>> Secret("sk-123")
    …
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for a header or a signature, and for nothing else."""
        return self._text

    def fingerprint(self) -> str:
        """12 hexadecimal digits that tell one key from another and tell nothing of the key."""
        return sha256(b"preflight account\0" + self._text.encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("a key is never written anywhere")
