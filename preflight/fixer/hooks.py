"""Hooks for the work on one file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from preflight.fixer.ffmpeg import FileProgress


class Hooks(NamedTuple):
    """`on_progress` is called with how far a download or ffmpeg is; `stop`, if set, ends the work."""

    on_progress: Callable[[FileProgress], None] | None = None
    stop: threading.Event | None = None


NO_HOOKS: Final = Hooks()
