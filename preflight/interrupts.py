"""Ctrl-C while the program is loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exiting_on_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process with 130 while modules are imported: nothing has started.

    A `KeyboardInterrupt` within an extension module that is being imported may become an `ImportError`. Does nothing
    if the signal is ignored or has another handler.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
