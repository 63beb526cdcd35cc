"""The words for what can go wrong: `ACTIONS`, `FAULTS`, `Fault`."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from preflight.errors import UsageError
from preflight.sandbox.state import Outcome

EVERY: Final = "*"
"""In place of an action or a provider: every one."""

ACTIONS: Final = (
    "register",
    "get",
    "list",
    "rename",
    "delete",
    "trash",
    "restore",
    "upload",
    "create_group",
    "get_group",
    "list_groups",
    "rename_group",
    "delete_group",
    "create_session",
    "session_result",
)
"""What a call does, in words that hold for every provider; `trash` lists what is in the trash."""

FAULTS: Final[dict[str, str]] = {
    "lose": "end the connection without an answer",
    "hang": "never answer",
    "error": "answer 500, in the provider's own shape",
    "html": "answer a web page, with status 200",
    "empty": "answer nothing, with status 200",
    "redirect": "answer 302 to another host",
    "subscription": "answer that the plan has expired (SubscriptionRequired)",
}
"""The faults by name; besides, any status from 400 to 599, answered in the provider's own shape."""


class Fault(NamedTuple):
    """What goes wrong, and whether the call takes effect all the same."""

    kind: str
    after: bool = False

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`lose`, `lose-before`, `lose-after`, `455` … Raises `UsageError`."""
        kind, _, moment = text.partition("-")
        if kind not in FAULTS and not (kind.isascii() and kind.isdecimal() and 400 <= int(kind) <= 599):
            near = get_close_matches(kind, FAULTS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"one of {', '.join(FAULTS)}, or a status from 400 to 599"
            raise UsageError(f"there is no fault {kind!r}: {meant}")
        if moment not in ("", "before", "after"):
            raise UsageError(f"the fault {kind} happens before or after the call takes effect, not {moment!r}")
        return cls(kind, moment == "after")


def known_action(action: str) -> str:
    """`action`, if it is one. Raises `UsageError`."""
    if action != EVERY and action not in ACTIONS:
        near = get_close_matches(action, ACTIONS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"one of {', '.join(ACTIONS)}"
        raise UsageError(f"there is no action {action!r}: {meant}")
    return action


class Throttle:
    """At most `calls` at once, and over time `calls` in `per` s: a bucket that fills evenly. Not thread-safe."""

    def __init__(self, calls: float, per: float, clock: Callable[[], float]) -> None:
        self.limit = max(1, math.floor(calls))
        self._rate = calls / per
        self._clock = clock
        self._level = float(self.limit)
        self._seen = clock()

    def take(self) -> bool:
        """Whether a call may pass now."""
        now = self._clock()
        self._level = min(self.limit, self._level + (now - self._seen) * self._rate)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True

    @property
    def wait(self) -> float:
        """s until the next call may pass."""
        return max(0.0, (1 - self._level) / self._rate)


class Throttled(NamedTuple):
    """A call that came too soon. `retry_after`: s that the answer asks to wait; None: it does not say."""

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
    buckets: dict[tuple[str, str], Throttle] = field(default_factory=dict)


@dataclass(slots=True)
class _FailRule:
    outcome: Outcome
    provider: str
    match: str
    left: int | None


class Misbehaviour:
    """The attributes may be set at any time; the methods add what happens to single calls.

    latency         s before a call is looked at; slow: s over which the bytes of an answer trickle
    delay           s that an asset stays in processing
    refuse_at_once  a file that breaks a limit is refused by the call itself, not by its status later
    ignore_names    assets are named after their URL, whatever name is sent
    other_readings  where a page contradicts itself, another page or a published answer: speak the other way
    verification    how a person whom a real-person session is for decides: `success`, or a reason for failure
    """

    def __init__(
        self, *, latency: float = 0.0, delay: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.latency = latency
        self.delay = delay
        self.slow = 0.0
        self.refuse_at_once = False
        self.ignore_names = False
        self.other_readings = False
        self.verification = "success"
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: list[_FaultRule] = []
        self._rates: list[_RateRule] = []
        self._fails: list[_FailRule] = []

    def on(self, fault: str | int, *, action: str = EVERY, provider: str = EVERY, call: int | None = None) -> None:
        """Let a fault befall calls: each, or only the `call`-th from now on, counted over all that match.

        fault  a name out of `FAULTS` or a status, with `-after` where the call takes effect all the same
        """
        rule = _FaultRule(Fault.parse(str(fault)), provider, known_action(action), call)
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
    ) -> None:
        """Refuse (429) what goes beyond `calls` in `per` s, counted for each provider and action by itself.

        retry_after  s to name in a Retry-After header; None: there is no such header
        """
        if calls <= 0 or per <= 0:
            raise UsageError("a throttle lets more than 0 calls pass in more than 0 s")
        with self._lock:
            self._rates.append(_RateRule(provider, known_action(action), calls, per, retry_after))

    def fail(
        self,
        code: str,
        *,
        match: str = EVERY,
        provider: str = EVERY,
        times: int | None = None,
        message: str = "the sandbox was told so",
    ) -> None:
        """Let assets fail that are registered from now on: those whose name or URL matches, `times` of them.

        code  as Ark says it: `InternalError` and `DownloadFailed` pass, `PixelCountTooLarge` stays
        """
        with self._lock:
            self._fails.append(_FailRule(Outcome(code, message), provider, match, times))

    def clear(self) -> None:
        """Behave: no latency, no delay, no rule."""
        with self._lock:
            self._faults, self._rates, self._fails = [], [], []
        self.latency = self.delay = self.slow = 0.0
        self.refuse_at_once = self.ignore_names = self.other_readings = False
        self.verification = "success"

    def next_fault(self, provider: str, action: str) -> Fault | None:
        """What befalls this call; counts it."""
        befalls = None
        with self._lock:
            for rule in self._faults:
                if rule.provider in (EVERY, provider) and rule.action in (EVERY, action):
                    rule.seen += 1
                    if rule.call in (None, rule.seen) and befalls is None:
                        befalls = rule.fault
        return befalls

    def throttled(self, provider: str, action: str) -> Throttled | None:
        """Whether this call comes too soon; else counts it."""
        with self._lock:
            for rule in self._rates:
                if rule.provider in (EVERY, provider) and rule.action in (EVERY, action):
                    bucket = rule.buckets.setdefault((provider, action), Throttle(rule.calls, rule.per, self._clock))
                    if not bucket.take():
                        return Throttled(rule.retry_after, bucket.limit, bucket.wait)
        return None

    def failure(self, provider: str, name: str, url: str) -> Outcome | None:
        """How an asset that is registered now has to fail."""
        with self._lock:
            for rule in self._fails:
                hit = fnmatchcase(name, rule.match) or fnmatchcase(url, rule.match)
                if rule.provider in (EVERY, provider) and hit and rule.left != 0:
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.outcome
        return None
