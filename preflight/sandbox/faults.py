"""The faults that the sandbox can be configured to show, and when: `FaultPlan`, `Fault`, `Throttle`."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from preflight.errors import UsageError, suggestion
from preflight.providers.refusals import UPSTREAM_CODES, finding_of
from preflight.sandbox.state import ProcessingOutcome

EVERY: Final = "*"
"""Stands for every action or every provider."""

ACTIONS: Final = (
    "register", "get", "list", "rename", "delete", "trash", "restore", "upload",
    "create_group", "get_group", "list_groups", "rename_group", "delete_group",
    "create_session", "session_result", "generate", "get_generation",
)  # fmt: skip
"""The actions of operations, in terms that all providers share; `trash` lists the trash."""

FAULTS: Final[dict[str, str]] = {
    "lose": "close the connection without a response",
    "hang": "never respond",
    "error": "respond with 500 in the provider's own shape",
    "html": "respond with a web page and status 200",
    "empty": "respond with an empty body and status 200",
    "redirect": "redirect to another host with 302",
    "gateway": "respond with 502 and the words of a definite refusal (InvalidParameter)",
    "quota": "refuse with 429 because the account's quota is used up (QuotaExceeded)",
    "subscription": "refuse because the subscription has expired (SubscriptionRequired)",
}
"""The faults by name. A status from 400 to 599 is a fault too: a refusal in the provider's own shape."""


class Fault(NamedTuple):
    """One fault. With `after`, the call takes effect before the fault occurs."""

    kind: str
    after: bool = False

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Parse `lose`, `lose-before`, `lose-after`, `455` … Raise `UsageError` for anything else."""
        kind, _, moment = text.partition("-")
        if kind not in FAULTS and not (kind.isascii() and kind.isdecimal() and 400 <= int(kind) <= 599):
            near = get_close_matches(kind, FAULTS, n=1)
            remedy = (
                f"Did you mean {near[0]!r}?" if near else f"Choose {', '.join(FAULTS)} or a status from 400 to 599."
            )
            raise UsageError(f"Unknown fault {kind!r}. {remedy}")
        if moment not in ("", "before", "after"):
            raise UsageError(f"Unknown moment {moment!r} of the fault {kind!r}. Choose {kind}-before or {kind}-after.")
        return cls(kind, moment == "after")


def validate_action(action: str) -> str:
    """Return `action` if it exists. Raise `UsageError` otherwise."""
    if action != EVERY and action not in ACTIONS:
        raise UsageError(f"Unknown action {action!r}. {suggestion(action, ACTIONS)}")
    return action


class Throttle(ABC):
    """Counts calls against a rate: `calls` in `per` seconds. Not thread-safe. `limit`: calls in one of its periods."""

    def __init__(self, calls: float, per: float, clock: Callable[[], float]) -> None:
        self.limit = max(1, math.floor(calls))
        self._rate = calls / per
        self._per = per
        self._clock = clock

    @abstractmethod
    def take(self) -> bool:
        """Count a call; return whether it is within the rate."""

    @property
    @abstractmethod
    def wait(self) -> float:
        """Seconds until a call is within the rate."""


class TokenBucket(Throttle):
    """At most `calls` at once, and `calls` in `per` seconds over time."""

    def __init__(self, calls: float, per: float, clock: Callable[[], float]) -> None:
        super().__init__(calls, per, clock)
        self._level = float(self.limit)
        self._seen = clock()

    def take(self) -> bool:
        """Take a token; return whether there was one."""
        now = self._clock()
        self._level = min(self.limit, self._level + (now - self._seen) * self._rate)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True

    @property
    def wait(self) -> float:
        """Seconds until the next token."""
        return max(0.0, (1 - self._level) / self._rate)


class SlidingWindow(Throttle):
    """At most `calls` in the last `per` seconds."""

    def __init__(self, calls: float, per: float, clock: Callable[[], float]) -> None:
        super().__init__(calls, per, clock)
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Count a call unless the rate is reached; return whether it was counted."""
        now = self._clock()
        while self._taken and self._taken[0] <= now - self._per:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(now)
        return True

    @property
    def wait(self) -> float:
        """Seconds until the first of the counted calls leaves the window."""
        return max(0.0, self._taken[0] + self._per - self._clock()) if self._taken else 0.0


class CalendarWindow(Throttle):
    """At most `calls` in each period of the clock, such as each calendar minute."""

    _period = -1
    _taken = 0

    def take(self) -> bool:
        """Count a call; return whether it is within the rate of this period."""
        period = int(self._clock() // self._per)
        if period != self._period:
            self._period, self._taken = period, 0
        self._taken += 1
        return self._taken <= self.limit

    @property
    def wait(self) -> float:
        """Seconds until the next period."""
        return self._per - self._clock() % self._per


THROTTLES: Final[dict[str, type[Throttle]]] = {
    "bucket": TokenBucket,
    "sliding": SlidingWindow,
    "calendar": CalendarWindow,
}
"""How calls can be counted, by name."""


class Throttled(NamedTuple):
    """A call above the rate. `retry_after` is the value of the response's header, in seconds; None: no header."""

    retry_after: float | None
    limit: int
    wait: float


@dataclass(slots=True)
class _FaultRule:
    fault: Fault
    provider: str
    action: str
    call: int | None
    seen: int = 0


@dataclass(slots=True)
class _RateRule:
    provider: str
    action: str
    calls: float
    per: float
    retry_after: float | None
    window: str
    buckets: dict[tuple[str, str], Throttle] = field(default_factory=dict)


@dataclass(slots=True)
class _FailRule:
    outcome: ProcessingOutcome
    provider: str
    match: str
    left: int | None


class FaultPlan:
    """The configured faults and their conditions. Thread-safe; attributes may be set at any time.

    latency             seconds before a call is handled
    slow                seconds over which the body of a response is sent
    delay               seconds that an asset stays in processing
    refuse_at_once      registration refuses a file outside a limit, instead of the asset failing later
    ignore_names        assets are named after their URL, whatever name is sent
    alternate_readings  use the other reading where pages contradict each other or a published response
    verification        how the person of a real-person session decides: `success` or a reason for failure
    """

    def __init__(
        self, *, latency: float = 0.0, delay: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.latency = latency
        self.delay = delay
        self.slow = 0.0
        self.refuse_at_once = False
        self.ignore_names = False
        self.alternate_readings = False
        self.verification = "success"
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: list[_FaultRule] = []
        self._rates: list[_RateRule] = []
        self._fails: list[_FailRule] = []

    def on(self, fault: str | int, *, action: str = EVERY, provider: str = EVERY, call: int | None = None) -> None:
        """Apply a fault to every matching call, or only to the `call`-th matching call from now on.

        fault  a key of `FAULTS` or a status; with `-after`, the call takes effect first
        """
        rule = _FaultRule(Fault.parse(str(fault)), provider, validate_action(action), call)
        with self._lock:
            self._faults.append(rule)

    def throttle(
        self,
        calls: float,
        per: float = 1.0,
        *,
        action: str = EVERY,
        provider: str = EVERY,
        retry_after: float | None = None,
        window: str = "bucket",
    ) -> None:
        """Refuse calls beyond `calls` in `per` seconds with 429, counted for each provider and action separately.

        retry_after  seconds in the Retry-After header; None: no header
        window       how calls are counted: a key of `THROTTLES`
        """
        if window not in THROTTLES:
            raise UsageError(f"Unknown window={window!r}. Choose one of {', '.join(THROTTLES)}.")
        if calls <= 0 or per <= 0:
            raise UsageError("A throttle needs calls= and per= above 0.")
        with self._lock:
            self._rates.append(_RateRule(provider, validate_action(action), calls, per, retry_after, window))

    def fail(
        self,
        code: str,
        *,
        match: str = EVERY,
        provider: str = EVERY,
        times: int | None = None,
        message: str = "failed as the sandbox was configured to",
    ) -> None:
        """Make assets registered from now on fail if their name or URL matches, at most `times` of them.

        code  Ark's code: `InternalError` and `DownloadFailed` are transient, `PixelCountTooLarge` is permanent

        Raise `UsageError` for a code that it does not have.
        """
        if finding_of(code, None, UPSTREAM_CODES) is None:
            near = get_close_matches(code, UPSTREAM_CODES, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Choose one of {', '.join(UPSTREAM_CODES)}."
            raise UsageError(f"Unknown failure code {code!r}. {remedy}")
        with self._lock:
            self._fails.append(_FailRule(ProcessingOutcome(code, message), provider, match, times))

    def clear(self) -> None:
        """Remove all faults, latency and delay."""
        with self._lock:
            self._faults, self._rates, self._fails = [], [], []
        self.latency = self.delay = self.slow = 0.0
        self.refuse_at_once = self.ignore_names = self.alternate_readings = False
        self.verification = "success"

    def next_fault(self, provider: str, action: str) -> Fault | None:
        """Count this call and return the fault that applies to it, or None."""
        found = None
        with self._lock:
            for rule in self._faults:
                if rule.provider in (EVERY, provider) and rule.action in (EVERY, action):
                    rule.seen += 1
                    if rule.call in (None, rule.seen) and found is None:
                        found = rule.fault
        return found

    def throttled(self, provider: str, action: str) -> Throttled | None:
        """Return the throttling of a call above the rate; else count the call and return None."""
        with self._lock:
            for rule in self._rates:
                if rule.provider in (EVERY, provider) and rule.action in (EVERY, action):
                    bucket = rule.buckets.get((provider, action))
                    if bucket is None:
                        bucket = THROTTLES[rule.window](rule.calls, rule.per, self._clock)
                        rule.buckets[provider, action] = bucket
                    if not bucket.take():
                        return Throttled(rule.retry_after, bucket.limit, bucket.wait)
        return None

    def failure(self, provider: str, name: str, url: str) -> ProcessingOutcome | None:
        """Return the configured failure of an asset that is registered now, or None."""
        with self._lock:
            for rule in self._fails:
                hit = fnmatchcase(name, rule.match) or fnmatchcase(url, rule.match)
                if rule.provider in (EVERY, provider) and hit and rule.left != 0:
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.outcome
        return None
