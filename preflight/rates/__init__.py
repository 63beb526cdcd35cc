"""When to call: rates that hold, backoff, and one scheduler for everything that is polled. Knows no provider.

Time comes from a `Clock`, so that tests need not wait, and waiting ends at once when a run is stopped.
"""

from __future__ import annotations

from preflight.errors import Stopped
from preflight.rates.clock import Clock, InFlight
from preflight.rates.pacer import LEAST, RECOVERY, SAFETY, Pacer
from preflight.rates.polling import Backoff, Scheduler

__all__ = ["LEAST", "RECOVERY", "SAFETY", "Backoff", "Clock", "InFlight", "Pacer", "Scheduler", "Stopped"]
