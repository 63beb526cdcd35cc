"""When to call a provider: rate limits, and one scheduler for all polling. Independent of any provider's API.

Time comes from a `preflight.clock.Clock`, so that tests need not wait, and a stop ends every wait.
"""

from preflight.rates.learning import SAFETY, RateEstimate
from preflight.rates.pacer import FoundRate, Pacer, RateListener, RateMemory
from preflight.rates.polling import POLL_THREADS, InFlight, ListPending, Scheduler, StillPending

__all__ = [
    "POLL_THREADS",
    "SAFETY",
    "FoundRate",
    "InFlight",
    "ListPending",
    "Pacer",
    "RateEstimate",
    "RateListener",
    "RateMemory",
    "Scheduler",
    "StillPending",
]
