"""The steps of one call: key, latency, rate, fault, operation. `Dispatcher` is independent of web frameworks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Final, NamedTuple

from preflight.sandbox.faults import Fault, FaultPlan, Throttled
from preflight.sandbox.messages import Refusal, Request, Response
from preflight.sandbox.protocol import Operation, Protocol
from preflight.sandbox.state import Stats

_PAGE: Final = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"
_REDIRECT: Final = "https://elsewhere.invalid/"
_BLOCKING_ACTIONS: Final = ("register", "upload")
"""Actions that may access the disk or fetch a URL run in a thread."""
_REFUSALS: Final = {
    "error": (500, "InternalError", "the sandbox is configured to fail"),
    "gateway": (502, "InvalidParameter", "the gateway has lost the response to this request"),
    "quota": (429, "QuotaExceeded", "the quota of this account is used up"),
    "subscription": (403, "SubscriptionRequired", "the subscription of this account has expired"),
}


class RawResponse(NamedTuple):
    """A response that is not in the provider's shape."""

    body: str
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class Aborted(NamedTuple):
    """No response: the connection is closed, at once or, with `hang`, when the client gives up."""

    hang: bool


class Dispatcher:
    """Answers calls. All waits end once `closing` is set."""

    def __init__(self, faults: FaultPlan, stats: Stats, closing: asyncio.Event) -> None:
        self._faults = faults
        self._stats = stats
        self._closing = closing

    async def dispatch(self, protocol: Protocol, request: Request) -> Response | RawResponse | Aborted:
        """Return the response to a request."""
        operation: Operation | None = None
        try:
            operation = protocol.match_operation(request)
            try:
                protocol.authorize(request)
            except Refusal:
                self._stats.count_denied(protocol.name)
                raise
            with self._stats.in_flight(protocol.name, operation.action):
                return await self._run_operation(protocol, operation, request)
        except Refusal as refusal:
            return _render_refusal(protocol, operation, refusal)

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds` or until the sandbox closes."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self._closing.wait(), seconds)
            except TimeoutError:
                return

    async def wait_for(self, event: Coroutine[None, None, None]) -> None:
        """Wait for `event` or until the sandbox closes."""
        tasks = {asyncio.ensure_future(event), asyncio.ensure_future(self._closing.wait())}
        _, unfinished = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in unfinished:
            task.cancel()

    async def _run_operation(
        self, protocol: Protocol, operation: Operation, request: Request
    ) -> Response | RawResponse | Aborted:
        await self.pause(self._faults.latency)
        key = (protocol.name, operation.action)
        throttled = self._faults.throttled(*key)
        if throttled is not None:
            self._stats.count(self._stats.throttled, *key)
            raise _throttled_refusal(throttled)
        fault = self._faults.next_fault(*key)
        if fault is not None:
            self._stats.count(self._stats.faults, *key)
            if not fault.after:
                return _apply_fault(protocol, operation, fault)
        parameters = set() if operation.action == "upload" else set(request.parameters)
        self._stats.note_unexpected(*key, parameters.difference(operation.fields.split()))
        try:
            if operation.action in _BLOCKING_ACTIONS:
                answer = await asyncio.to_thread(protocol.handle, operation, request)
            else:
                answer = protocol.handle(operation, request)
        except Refusal as refusal:
            answer = _render_refusal(protocol, operation, refusal)
        return answer if fault is None else _apply_fault(protocol, operation, fault)


def _apply_fault(protocol: Protocol, operation: Operation, fault: Fault) -> Response | RawResponse | Aborted:
    if fault.kind in ("lose", "hang"):
        return Aborted(fault.kind == "hang")
    if fault.kind == "html":
        return RawResponse(_PAGE, 200, {"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "empty":
        return RawResponse("")
    if fault.kind == "redirect":
        return RawResponse("", 302, {"Location": _REDIRECT})
    if fault.kind in _REFUSALS:
        return _render_refusal(protocol, operation, Refusal(*_REFUSALS[fault.kind]))
    status = int(fault.kind)
    return _render_refusal(
        protocol, operation, Refusal(status, f"Status{status}", "the sandbox is configured to refuse")
    )


def _render_refusal(protocol: Protocol, operation: Operation | None, refusal: Refusal) -> Response:
    answer = protocol.refuse(operation, refusal)
    if refusal.retry_after is None:
        return answer
    return answer._replace(headers={**answer.headers, "Retry-After": str(math.ceil(refusal.retry_after))})


def _throttled_refusal(throttled: Throttled) -> Refusal:
    wait = str(math.ceil(throttled.wait))
    return Refusal(
        429,
        "AccountFlowLimitExceeded",
        "too many requests",
        retry_after=throttled.retry_after,
        headers={"ratelimit-limit": str(throttled.limit), "ratelimit-remaining": "0", "ratelimit-reset": wait},
    )
