"""Keeps urllib3 from logging our requests: its messages hold whole URLs, signatures included."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TALKERS: Final = ("connection", "connectionpool", "poolmanager", "response", "util.retry")


class _Quiet(logging.Filter, threading.local):
    """Drops what is logged by a thread while it works for us; other users of urllib3 keep their log."""

    depth = 0

    def filter(self, record: logging.LogRecord) -> bool:
        return self.depth == 0


_filter: Final = _Quiet()
for _name in _TALKERS:
    logging.getLogger(f"urllib3.{_name}").addFilter(_filter)


@contextmanager
def quiet() -> Iterator[None]:
    """Within, urllib3 logs nothing from this thread."""
    _filter.depth += 1
    try:
        yield
    finally:
        _filter.depth -= 1
