"""The server in a thread of its own: `Running`."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from typing import Final

from preflight.errors import UsageError
from preflight.sandbox.conduct import Conduct
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.misbehaviour import Misbehaviour
from preflight.sandbox.protocol import Protocol
from preflight.sandbox.tally import Tally

HOST: Final = "127.0.0.1"
_START: Final = 10.0
"""s until the server answers, or never will."""


def listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1. Raises `UsageError` where the port cannot be had."""
    # With the protocol named, asyncio sets TCP_NODELAY; without, each answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"port {port} cannot be used ({error}): choose another, or 0 for a free one") from None
    listener.listen(2048)
    return listener


class Running:
    """uvicorn in a thread of its own."""

    def __init__(
        self,
        protocols: Mapping[str, Protocol],
        hosting: Hosting,
        misbehave: Misbehaviour,
        tally: Tally,
        listener: socket.socket,
    ) -> None:
        import uvicorn

        from preflight.sandbox.app import App
        from preflight.sandbox.wire import Cuttable

        self._closing = asyncio.Event()
        app = App(protocols, hosting, Conduct(misbehave, tally, self._closing), misbehave)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app.build(),
                http=Cuttable,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,  # a log of requests would hold keys and signed URLs
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=2,
            )
        )
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()
        if not self._up.wait(_START):
            raise RuntimeError("the sandbox does not start")

    def stop(self) -> None:
        """End; what waits, stops waiting."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._closing.set)
        self._server.should_exit = True
        self._thread.join(_START)

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.001)
        self._up.set()
        await serving
