"""The pattern of file names in `.pre-commit-hooks.yaml`: `python -m tests.hook_files` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from preflight.formats import MEDIA_EXTENSIONS

HOOKS: Final = Path(__file__).parent.parent / ".pre-commit-hooks.yaml"
SOURCE_CODE: Final = frozenset(("mts", "ts"))
"""Extensions of MPEG transport streams that nearly always are TypeScript in a repository."""

_LINE: Final = re.compile(r"^  files: .*$", re.MULTILINE)


def pattern() -> str:
    """Return a regular expression for all names that promise media, but for source code."""
    return rf"(?i)\.({'|'.join(map(re.escape, sorted(MEDIA_EXTENSIONS - SOURCE_CODE)))})$"


def renewed(hooks: str) -> str:
    """Return the text of the hooks file with the pattern of today's formats."""
    return _LINE.sub(lambda _: f"  files: {pattern()}", hooks)


if __name__ == "__main__":
    HOOKS.write_text(renewed(HOOKS.read_text(encoding="utf-8")), encoding="utf-8")
