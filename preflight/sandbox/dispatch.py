"""How one call goes: key, latency, rate, fault, the call itself. `Conduct`; knows no web framework."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Final, NamedTuple

from preflight.sandbox.faults import Fault, Misbehaviour, Throttled
from preflight.sandbox.messages import Answer, Ask, Refusal
from preflight.sandbox.protocol import Call, Protocol
from preflight.sandbox.stats import Tally

_PAGE: Final = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"
_REDIRECT: Final = "https://elsewhere.invalid/"
_SLOW: Final = ("register", "upload")
"""Actions that may touch the disk or fetch: kept off the event loop."""
_REFUSALS: Final = {
    "error": (500, "InternalError", "the sandbox was told to fail"),
    "subscription": (403, "SubscriptionRequired", "the plan of this account has expired: renew the subscription"),
}


class Raw(NamedTuple):
    """Bytes that are not the provider's own words."""

    body: str
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class Lost(NamedTuple):
    """No answer: the connection ends, at once or when the client gives up."""

    hang: bool


class Conduct:
    """Answers calls. `closing` is set when the sandbox ends: nothing waits longer."""

    def __init__(self, misbehaviour: Misbehaviour, tally: Tally, closing: asyncio.Event) -> None:
        self._wrong = misbehaviour
        self._tally = tally
        self._closing = closing

    async def answer(self, protocol: Protocol, ask: Ask) -> Answer | Raw | Lost:
        """What a request gets."""
        call: Call | None = None
        try:
            call = protocol.find(ask)
            try:
                protocol.authorize(ask)
            except Refusal:
                self._tally.deny(protocol.name)
                raise
            with self._tally.flight(protocol.name, call.action):
                return await self._answer_call(protocol, call, ask)
        except Refusal as refusal:
            return _refused(protocol, call, refusal)

    async def pause(self, seconds: float) -> None:
        """Wait, unless the sandbox ends."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self._closing.wait(), seconds)
            except TimeoutError:
                return

    async def until(self, end: Coroutine[None, None, None]) -> None:
        """Wait for something, unless the sandbox ends."""
        tasks = {asyncio.ensure_future(end), asyncio.ensure_future(self._closing.wait())}
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()

    async def _answer_call(self, protocol: Protocol, call: Call, ask: Ask) -> Answer | Raw | Lost:
        await self.pause(self._wrong.latency)
        key = (protocol.name, call.action)
        throttled = self._wrong.throttled(*key)
        if throttled is not None:
            self._tally.count(self._tally.throttled, *key)
            raise _too_many(throttled)
        fault = self._wrong.next_fault(*key)
        if fault is not None:
            self._tally.count(self._tally.faults, *key)
            if not fault.after:
                return _befallen(protocol, call, fault)
        given = set() if call.action == "upload" else set(ask.given)
        self._tally.note_unexpected(*key, given.difference(call.fields.split()))
        try:
            if call.action in _SLOW:
                answer = await asyncio.to_thread(protocol.handle, call, ask)
            else:
                answer = protocol.handle(call, ask)
        except Refusal as refusal:
            answer = _refused(protocol, call, refusal)
        return answer if fault is None else _befallen(protocol, call, fault)


def _befallen(protocol: Protocol, call: Call, fault: Fault) -> Answer | Raw | Lost:
    if fault.kind in ("lose", "hang"):
        return Lost(fault.kind == "hang")
    if fault.kind == "html":
        return Raw(_PAGE, 200, {"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "empty":
        return Raw("")
    if fault.kind == "redirect":
        return Raw("", 302, {"Location": _REDIRECT})
    if fault.kind in _REFUSALS:
        return _refused(protocol, call, Refusal(*_REFUSALS[fault.kind]))
    status = int(fault.kind)
    return _refused(protocol, call, Refusal(status, f"Status{status}", "the sandbox was told to refuse"))


def _refused(protocol: Protocol, call: Call | None, refusal: Refusal) -> Answer:
    answer = protocol.refuse(call, refusal)
    if refusal.retry_after is None:
        return answer
    return answer._replace(headers={**answer.headers, "Retry-After": str(math.ceil(refusal.retry_after))})


def _too_many(throttled: Throttled) -> Refusal:
    wait = str(math.ceil(throttled.wait))
    return Refusal(
        429,
        "AccountFlowLimitExceeded",
        "too many calls in too short a time",
        retry_after=throttled.retry_after,
        headers={"ratelimit-limit": str(throttled.limit), "ratelimit-remaining": "0", "ratelimit-reset": wait},
    )
