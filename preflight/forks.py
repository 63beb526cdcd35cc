"""What the threads of one process share, and a process that is forked does not: `SharedByThreads`."""

from __future__ import annotations

import os
import threading
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class SharedByThreads(dict[K, V]):
    """A dict whose users hold `lock`. It is empty after a fork: threads, locks and connections stay in the parent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self.lock = threading.Lock()  # one that another thread held at the fork is never released
        self.clear()
