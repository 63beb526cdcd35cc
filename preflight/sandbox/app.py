"""The sandbox as an ASGI application: Starlette's requests in, its responses out."""

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

from preflight.sandbox.dispatch import Conduct, Lost, Raw
from preflight.sandbox.faults import Misbehaviour
from preflight.sandbox.hosting import FILES, Hosting
from preflight.sandbox.messages import Answer, Ask
from preflight.sandbox.protocol import Protocol

TRANSPORT: Final = "preflight.transport"
"""Where a request's scope has the connection's transport, so that it can be cut."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MOST_JSON: Final = 1 << 20
_MOST_UPLOAD: Final = 256 << 20
_PIECES: Final = 20


class App:
    """Each provider under `/NAME`, hosted files under `/files`, real-person sessions under `/verify`."""

    def __init__(
        self, protocols: Mapping[str, Protocol], hosting: Hosting, conduct: Conduct, misbehaviour: Misbehaviour
    ) -> None:
        self._protocols = protocols
        self._hosting = hosting
        self._conduct = conduct
        self._misbehaviour = misbehaviour

    def build(self) -> ASGIApp:
        """The application, behind the check of the Host header."""
        routes = [
            Route(f"{FILES}/{{token}}/{{name}}", self.file),
            Route("/verify/{provider}/{token}", self.verify),
            Route("/{provider}", self.call, methods=_METHODS),
            Route("/{provider}/{path:path}", self.call, methods=_METHODS),
        ]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        return HostCheck(app, self._hosting)

    async def file(self, request: Request) -> Response:
        path = self._hosting.path(request.path_params["token"], request.path_params["name"])
        if path is None or not os.path.isfile(path):
            return _nothing()
        return FileResponse(path, headers={"Cache-Control": "no-store"})

    async def verify(self, request: Request) -> Response:
        """A person opens a session's link: the decision is made, and the browser goes where the client wanted."""
        protocol = self._protocols.get(request.path_params["provider"])
        session = protocol.account.session(request.path_params["token"]) if protocol is not None else None
        if protocol is None or session is None:
            return _nothing()
        return RedirectResponse(protocol.verified(session), 302)

    async def call(self, request: Request) -> Response:
        protocol = self._protocols.get(request.path_params["provider"])
        if protocol is None:
            return _nothing()
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response()
        if body is None:
            return PlainTextResponse("too large", 413)
        outcome = await self._conduct.answer(protocol, _ask(request, body))
        if isinstance(outcome, Lost):
            return await self._lost(request, outcome)
        return self._sent(outcome)

    async def _lost(self, request: Request, lost: Lost) -> Response:
        """Cut the connection, or keep it without a word until the client has gone; there is nobody left to answer."""
        if lost.hang:
            await self._conduct.until(_gone(request))
        transport = request.scope.get(TRANSPORT)
        if transport is not None:
            transport.abort()
            await _gone(request)
        return Response()

    def _sent(self, answer: Answer | Raw) -> Response:
        if isinstance(answer, Raw):
            body, headers = answer.body.encode(), dict(answer.headers)
        else:
            body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {"Content-Type": "application/json", **answer.headers}
        seconds = self._misbehaviour.slow
        if seconds <= 0:
            return Response(body, answer.status, headers)
        headers["Content-Length"] = str(len(body))
        return StreamingResponse(self._trickle(body, seconds), answer.status, headers)

    async def _trickle(self, body: bytes, seconds: float) -> AsyncIterator[bytes]:
        size = max(1, -(-len(body) // _PIECES))
        for at in range(0, len(body), size):
            await self._conduct.pause(seconds * size / len(body))
            yield body[at : at + size]


class HostCheck:
    """Answers only what was asked of this server by its own names: a page elsewhere whose name was made to lead to
    127.0.0.1 (DNS rebinding) sends that name as Host."""

    def __init__(self, app: ASGIApp, hosting: Hosting) -> None:
        self._app = app
        self._hosting = hosting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        port = self._hosting.origin.rpartition(":")[2]
        if len(hosts) == 1 and hosts[0] in (f"127.0.0.1:{port}", f"localhost:{port}"):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("this is not the host that was asked for", 421)(scope, receive, send)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is larger than any call's."""
    form = request.headers.get("content-type", "").startswith("multipart/")
    most = _MOST_UPLOAD if form else _MOST_JSON
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def _ask(request: Request, body: bytes) -> Ask:
    raw: bytes = request.scope.get("raw_path", b"/")
    return Ask(
        request.method,
        "/" + request.path_params.get("path", ""),
        raw.decode("latin-1"),
        tuple(request.query_params.multi_items()),
        {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]},
        body,
    )


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _nothing() -> Response:
    return PlainTextResponse("not found", 404)


class Cuttable(H11Protocol):
    """ASGI has no way to end a connection without an answer, so the transport goes along in the scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport
