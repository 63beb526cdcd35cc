"""A connection that can be cut: uvicorn's HTTP protocol, which shows its transport to the application."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from preflight.sandbox.app import TRANSPORT


class Cuttable(H11Protocol):
    """ASGI has no way to end a connection without an answer, so the transport goes along in the scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport
