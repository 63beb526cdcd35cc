"""What a provider said, made harmless before anybody keeps or shows it: `Redactor`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from preflight.escape import printable
from preflight.net.redact import redact_text
from preflight.providers.secret import HIDDEN, Secret

_TELLING: Final = re.compile(
    r"token|secret|signature|authorization|password|credential|cookie|api_?key|access_?key", re.I
)
_LONGEST: Final = 500
"""Characters of a provider's sentence that are shown: some answer with a whole stack trace."""
_WORD: Final = re.compile(r"\S+")
_LONGEST_URL: Final = 4096
"""Characters of a URL that are looked at; what follows is cut, so that no answer can make us search for minutes."""
_DEEPEST: Final = 24
_SHORTEST: Final = 6
"""A shorter key would blank out half of every sentence, and is no key."""


class Redactor:
    """Takes keys, signed URLs and control characters out of answers."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = tuple(secrets)

    def text(self, text: str, longest: int = _LONGEST) -> str:
        """One line of at most `longest` characters, without keys, signatures and control characters."""
        text = printable(" ".join(self._clean(text).split()))
        return text if len(text) <= longest else text[: longest - 1] + HIDDEN

    def answer(self, value: Any, depth: int = 0) -> Any:
        """A JSON value with every string in it redacted, and whatever a field calls a secret hidden."""
        if isinstance(value, str):
            return printable(self._clean(value))
        if isinstance(value, Mapping | list) and depth >= _DEEPEST:
            return HIDDEN
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): HIDDEN
                if isinstance(part, str) and part and _TELLING.search(str(name))
                else self.answer(part, depth + 1)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self.answer(part, depth + 1) for part in value]
        return value

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            if len(secret.reveal()) >= _SHORTEST:
                text = text.replace(secret.reveal(), HIDDEN)
        return _WORD.sub(_redacted, text) if "://" in text else text


def _redacted(word: re.Match[str]) -> str:
    return redact_text(word[0][:_LONGEST_URL]) if "://" in word[0] else word[0]
