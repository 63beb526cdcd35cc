"""When to call: rates that hold, backoff, and one scheduler for everything that is polled. Knows no provider.

Time comes from a `Clock`, so that tests need not wait, and waiting ends at once when a run is stopped.
"""

from __future__ import annotations

from preflight.errors import Stopped
from preflight.rates.clock import Clock, Section
from preflight.rates.polling import Backoff, Scheduler
from preflight.rates.rates import LEAST, RECOVERY, SAFETY, Pacer

__all__ = ["LEAST", "RECOVERY", "SAFETY", "Backoff", "Clock", "Pacer", "Scheduler", "Section", "Stopped"]
