"""The sandbox as an ASGI application on Starlette: `App`, and the uvicorn protocol that can abort a connection."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from preflight.sandbox import messages
from preflight.sandbox.dispatch import Aborted, Dispatcher, RawResponse
from preflight.sandbox.faults import FaultPlan
from preflight.sandbox.hosting import FILES, Hosting
from preflight.sandbox.protocol import Protocol

TRANSPORT: Final = "preflight.transport"
"""Key of the connection's transport in a request's scope, with which the connection is aborted."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MAX_JSON_BYTES: Final = 1 << 20
_MAX_UPLOAD_BYTES: Final = 256 << 20
_SLOW_CHUNKS: Final = 20


class App:
    """Providers under `/NAME`, hosted files under `/files`, real-person sessions under `/verify`."""

    def __init__(
        self, protocols: Mapping[str, Protocol], hosting: Hosting, dispatcher: Dispatcher, faults: FaultPlan
    ) -> None:
        self._protocols = protocols
        self._hosting = hosting
        self._dispatcher = dispatcher
        self._faults = faults

    def build(self) -> ASGIApp:
        """Return the application behind the check of the Host header."""
        routes = [
            Route(f"{FILES}/{{token}}/{{name}}", self.file),
            Route("/verify/{provider}/{token}", self.verify),
            Route("/{provider}", self.call, methods=_METHODS),
            Route("/{provider}/{path:path}", self.call, methods=_METHODS),
        ]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False

        async def check_host(scope: Scope, receive: Receive, send: Send) -> None:
            """Refuse a Host header that is not this server's: DNS rebinding sends the host name of a foreign page."""
            if scope["type"] != "http":
                return
            hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
            port = self._hosting.origin.rpartition(":")[2]
            is_ours = len(hosts) == 1 and hosts[0] in (f"127.0.0.1:{port}", f"localhost:{port}")
            refusal = PlainTextResponse("this server does not serve that host", 421)  # Misdirected Request
            await (app if is_ours else refusal)(scope, receive, send)

        return check_host

    async def file(self, request: Request) -> Response:
        """Serve a hosted file."""
        path = self._hosting.path(request.path_params["token"], request.path_params["name"])
        if path is None or not os.path.isfile(path):
            return _not_found()
        return FileResponse(path, headers={"Cache-Control": "no-store"})

    async def verify(self, request: Request) -> Response:
        """Complete a real-person session and redirect the browser to the callback of the session."""
        protocol = self._protocols.get(request.path_params["provider"])
        session = protocol.account.session(request.path_params["token"]) if protocol is not None else None
        if protocol is None or session is None:
            return _not_found()
        return RedirectResponse(protocol.complete_session(session), 302)

    async def call(self, request: Request) -> Response:
        """Answer a call of a provider's API."""
        protocol = self._protocols.get(request.path_params["provider"])
        if protocol is None:
            return _not_found()
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response()
        if body is None:
            return PlainTextResponse("too large", 413)
        outcome = await self._dispatcher.dispatch(protocol, _parse_request(request, body))
        if isinstance(outcome, Aborted):
            return await self._abort(request, outcome)
        return self._render(outcome)

    async def _abort(self, request: Request, outcome: Aborted) -> Response:
        """Close the connection without a response, at once or after the client has given up."""
        if outcome.hang:
            await self._dispatcher.wait_for(_disconnected(request))
        transport = request.scope.get(TRANSPORT)
        if transport is not None:
            transport.abort()
            await _disconnected(request)
        return Response()

    def _render(self, response: messages.Response | RawResponse) -> Response:
        if isinstance(response, RawResponse):
            body, headers = response.body.encode(), dict(response.headers)
        else:
            body = json.dumps(response.body, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {"Content-Type": "application/json", **response.headers}
        seconds = self._faults.slow
        if seconds <= 0:
            return Response(body, response.status, headers)
        headers["Content-Length"] = str(len(body))
        return StreamingResponse(self._send_slowly(body, seconds), response.status, headers)

    async def _send_slowly(self, body: bytes, seconds: float) -> AsyncIterator[bytes]:
        size = max(1, -(-len(body) // _SLOW_CHUNKS))
        for offset in range(0, len(body), size):
            await self._dispatcher.pause(seconds * size / len(body))
            yield body[offset : offset + size]


async def _body(request: Request) -> bytes | None:
    """Return the body, or None if it is larger than any call's."""
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    maximum = _MAX_UPLOAD_BYTES if is_form else _MAX_JSON_BYTES
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            return None
    return bytes(body)


def _parse_request(request: Request, body: bytes) -> messages.Request:
    raw: bytes = request.scope.get("raw_path", b"/")
    return messages.Request(
        request.method,
        "/" + request.path_params.get("path", ""),
        raw.decode("latin-1"),
        tuple(request.query_params.multi_items()),
        {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]},
        body,
    )


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _not_found() -> Response:
    return PlainTextResponse("not found", 404)


class AbortableProtocol(H11Protocol):
    """uvicorn's HTTP protocol with its transport in the scope.

    ASGI alone cannot close a connection without a response.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the transport to the scope of the connection's requests."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport
