"""Accounts with a limit, and clients that call them, in simulated time."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from preflight.rates import RateEstimate

LATENCY = 0.05
"""Seconds of a call; the account counts it in the middle."""

Account = Callable[[float], bool]
"""Whether it accepts a call at a moment."""


def sliding_window(calls: int, per: float) -> Account:
    """At most `calls` in the last `per` seconds."""
    accepted: deque[float] = deque()

    def take(now: float) -> bool:
        while accepted and accepted[0] <= now - per:
            accepted.popleft()
        if len(accepted) >= calls:
            return False
        accepted.append(now)
        return True

    return take


def calendar_window(calls: int, per: float) -> Account:
    """At most `calls` from one full `per` to the next."""
    taken: dict[int, int] = {}

    def take(now: float) -> bool:
        window = int(now // per)
        taken[window] = taken.get(window, 0) + 1
        return taken[window] <= calls

    return take


def token_bucket(calls: int, per: float) -> Account:
    """At most `calls` at once, and so many each `per` over time."""
    level, seen = float(calls), 0.0

    def take(now: float) -> bool:
        nonlocal level, seen
        level, seen = min(calls, level + (now - seen) * calls / per), now
        if level < 1:
            return False
        level -= 1
        return True

    return take


Step = Callable[["Client", int], None]


@dataclass
class Client:
    """What one client did: `pending` registrations are left.

    accepted, refused  when; retry_after: what the account answers
    """

    estimate: RateEstimate
    pending: int
    retry_after: float | None = None
    refusals: int = 0
    busy: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """All calls."""
        return len(self.accepted) + len(self.refused)


class _Simulation:
    """Clients that call one account as the pacer does."""

    def __init__(self, account: Account, now: float) -> None:
        self.account = account
        self.now = now
        self.numbers = count()
        self.events: list[tuple[float, int, Step, Client, int]] = []

    def push(self, at: float, step: Step, client: Client, refusals: int) -> None:
        heapq.heappush(self.events, (at, next(self.numbers), step, client, refusals))

    def start(self, client: Client) -> None:
        while client.pending and client.busy < client.estimate.in_flight:
            client.pending -= 1
            client.busy += 1
            self.push(client.estimate.reserve(self.now), self.leave, client, client.refusals)

    def leave(self, client: Client, refusals: int) -> None:
        if refusals == client.refusals:
            self.push(self.now + LATENCY / 2, self.arrive, client, refusals)
        else:
            self.push(client.estimate.reserve(self.now), self.leave, client, client.refusals)

    def arrive(self, client: Client, refusals: int) -> None:
        step = self.accept if self.account(self.now) else self.refuse
        self.push(self.now + LATENCY / 2, step, client, refusals)

    def accept(self, client: Client, refusals: int) -> None:
        client.accepted.append(self.now)
        client.estimate.accept(self.now, current=refusals == client.refusals)
        self.finish(client)

    def refuse(self, client: Client, refusals: int) -> None:
        client.refused.append(self.now)
        client.pending += 1
        if refusals == client.refusals:
            client.refusals += 1
            client.estimate.refuse(self.now, client.retry_after)
        elif client.retry_after is not None:
            client.estimate.wait(client.retry_after, self.now)
        self.finish(client)

    def finish(self, client: Client) -> None:
        client.busy -= 1
        self.start(client)


def simulate(clients: Sequence[Client], account: Account, begin: float = 0.0, limit: float = 1e6) -> float:
    """Let clients make their calls, at most for `limit` s; return the seconds that it took."""
    simulation = _Simulation(account, begin)
    for client in clients:
        simulation.start(client)
    while simulation.events and simulation.now - begin < limit:
        simulation.now, _, step, client, refusals = heapq.heappop(simulation.events)
        step(client, refusals)
    return simulation.now - begin
