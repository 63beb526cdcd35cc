"""Redact what a provider answered before it is kept or shown: `Redactor`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from preflight.escape import printable
from preflight.net.redact import HIDDEN, redact_text
from preflight.providers.secret import Secret

_SECRET_FIELD: Final = re.compile(
    r"token|secret|signature|authorization|password|credential|cookie|api_?key|access_?key", re.I
)
_MAX_CHARS: Final = 500
"""Characters of a provider's message that are shown: some answer with a whole stack trace."""
_WORD: Final = re.compile(r"\S+")
_MAX_URL_CHARS: Final = 4096
"""Characters of a URL that are examined; the rest is cut, so that no answer takes minutes to search."""
_MAX_DEPTH: Final = 24
_MIN_SECRET_CHARS: Final = 6
"""Characters below which a text is not redacted as a key: it would blank out half of every sentence."""


class Redactor:
    """Removes keys, signatures of URLs and control characters from answers."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = tuple(secrets)

    def text(self, text: str, max_chars: int = _MAX_CHARS) -> str:
        """Return one line of at most `max_chars` characters, without keys, signatures and control characters."""
        text = printable(" ".join(self._clean(text).split()))
        return text if len(text) <= max_chars else text[: max_chars - 1] + HIDDEN

    def answer(self, value: Any, depth: int = 0) -> Any:
        """Return a JSON value with every string in it redacted, and the values of fields that hold secrets hidden."""
        if isinstance(value, str):
            return printable(self._clean(value))
        if isinstance(value, Mapping | list) and depth >= _MAX_DEPTH:
            return HIDDEN
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): HIDDEN
                if isinstance(part, str) and part and _SECRET_FIELD.search(str(name))
                else self.answer(part, depth + 1)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self.answer(part, depth + 1) for part in value]
        return value

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            if len(secret.reveal()) >= _MIN_SECRET_CHARS:
                text = text.replace(secret.reveal(), HIDDEN)
        return _WORD.sub(_redacted, text) if "://" in text else text


def _redacted(word: re.Match[str]) -> str:
    return redact_text(word[0][:_MAX_URL_CHARS]) if "://" in word[0] else word[0]
