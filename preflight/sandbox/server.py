"""The sandbox as a whole: `Sandbox`, and its registry of wire protocols."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Final

from preflight.errors import MissingExtra, UsageError
from preflight.sandbox.agentsflare import Agentsflare
from preflight.sandbox.agt import Agt
from preflight.sandbox.atlas import Atlas
from preflight.sandbox.credentials import Credentials
from preflight.sandbox.crun import Crun
from preflight.sandbox.dispatch import Dispatcher
from preflight.sandbox.faults import FaultPlan
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.inspection import Inspector
from preflight.sandbox.protocol import Protocol, Shared
from preflight.sandbox.state import Stats, StoredAsset, StoredGroup
from preflight.sandbox.sunra import Sunra
from preflight.sandbox.volcengine import Byteplus, Volcengine

PROTOCOLS: Final[dict[str, type[Protocol]]] = {
    protocol.name: protocol for protocol in (Agentsflare, Agt, Atlas, Byteplus, Crun, Sunra, Volcengine)
}
"""The wire protocols by provider."""
HOST: Final = "127.0.0.1"
_START_TIMEOUT: Final = 10.0
"""Seconds within which the server must start or stop."""


def listen(port: int) -> socket.socket:
    """Return a listening socket on 127.0.0.1. Raise `UsageError` if the port is not available."""
    # asyncio sets TCP_NODELAY only if the protocol is IPPROTO_TCP; otherwise each response waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"Port {port} cannot be used ({error}). Choose another one, or 0 for a free one.") from None
    listener.listen(2048)
    return listener


class ServerThread:
    """uvicorn running in its own thread."""

    def __init__(
        self,
        protocols: Mapping[str, Protocol],
        hosting: Hosting,
        faults: FaultPlan,
        stats: Stats,
        listener: socket.socket,
    ) -> None:
        import uvicorn

        from preflight.sandbox.app import AbortableProtocol, App

        self._closing = asyncio.Event()
        app = App(protocols, hosting, Dispatcher(faults, stats, self._closing), faults)
        config = uvicorn.Config(
            app.build(),
            http=AbortableProtocol,
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
        self._server = uvicorn.Server(config)
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener)), name="sandbox", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_TIMEOUT):
            raise RuntimeError("the sandbox did not start")

    def stop(self) -> None:
        """Stop the server; pending waits end."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._closing.set)
        self._server.should_exit = True
        self._thread.join(_START_TIMEOUT)

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.001)
        self._started.set()
        await serving


class Sandbox:
    """A server on 127.0.0.1 that speaks every provider's protocol; a context manager that can be entered once.

    port     0 chooses a free one
    delay    seconds that an asset stays in processing
    latency  seconds before a call is handled
    trusted  origins (`http://127.0.0.1:9000`) to fetch from although they are not public, such as a test's server
    timeout  seconds that fetching one URL may take

    Attributes: `faults`, its faults and their conditions (delay and latency too); `stats`, counts of received calls.
    The keys are random and new for each sandbox. Raises `MissingExtra`, or `UsageError` if the port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        delay: float = 0.0,
        latency: float = 0.0,
        trusted: Iterable[str] = (),
        timeout: float = 30.0,
        faults: FaultPlan | None = None,
    ) -> None:
        from importlib.util import find_spec

        if find_spec("starlette") is None or find_spec("uvicorn") is None:
            raise MissingExtra("the sandbox", "sandbox")
        self.faults = faults or FaultPlan(latency=latency, delay=delay)
        self.stats = Stats()
        self._port = port
        self._hosting = Hosting()
        self._inspector = Inspector(self._hosting, trusted, timeout)
        shared = Shared(self.faults, self.stats, self._hosting, self._inspector)
        self._protocols: Mapping[str, Protocol] = {name: make(shared) for name, make in PROTOCOLS.items()}
        self._thread: ServerThread | None = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the server and return once it answers calls."""
        if self._hosting.origin:
            raise UsageError("A sandbox can be started once. Create another one.")
        listener = listen(self._port)
        self._inspector.start()
        self._hosting.origin = f"http://{HOST}:{listener.getsockname()[1]}"
        try:
            self._thread = ServerThread(self._protocols, self._hosting, self.faults, self.stats, listener)
        except BaseException:
            listener.close()
            self.close()
            raise

    def close(self) -> None:
        """Stop the server, whatever is in progress, and forget everything."""
        running, self._thread = self._thread, None
        if running is not None:
            running.stop()
        self._inspector.close()
        self._hosting.close()

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers whose protocols it speaks."""
        return tuple(self._protocols)

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        if not self._hosting.origin:
            raise UsageError("The sandbox is not running. Use it as `with Sandbox() as box:`.")
        return self._hosting.origin

    def endpoint(self, provider: str) -> str:
        """Return the `endpoint` for a client of a provider, in place of the provider's origins."""
        return f"{self.origin}/{self._protocol(provider).name}"

    def credentials(self, provider: str, *, temporary: bool = False) -> Credentials:
        """Return the keys for a provider; `temporary`: an STS pair with token, for providers that check signatures."""
        protocol = self._protocol(provider)
        if not temporary:
            return protocol.credentials
        if not isinstance(protocol, Volcengine):
            raise UsageError(f"{provider} has no temporary keys. Use credentials() without temporary=.")
        return protocol.temporary

    def key(self, provider: str) -> str:
        """Return the API key of a provider that has one."""
        key = self.credentials(provider).key
        if key is None:
            raise UsageError(f"{provider} has a pair of keys instead of an API key. Use credentials().")
        return key

    def environment(self, provider: str) -> dict[str, str]:
        """Return the environment variables from which a client reads its keys."""
        return self._protocol(provider).environment()

    def host(self, file: str | os.PathLike[str] | bytes, name: str | None = None) -> str:
        """Return an unguessable URL of this server for a local file, or for bytes with a name."""
        assert self.origin
        return self._hosting.host(file, name)

    def assets(self, provider: str, *, trashed: bool | None = False) -> list[StoredAsset]:
        """Return a provider's assets, newest first; with `trashed=None`, those in the trash too."""
        return self._protocol(provider).account.assets(trashed=trashed)

    def groups(self, provider: str) -> list[StoredGroup]:
        """Return a provider's groups, newest first."""
        return self._protocol(provider).account.groups()

    def forget(self, provider: str, asset_id: str) -> None:
        """Delete an asset, as a provider's clean-up does."""
        if self._protocol(provider).account.remove_asset(asset_id) is None:
            raise UsageError(f"{provider} has no asset {asset_id!r}. assets() lists its assets.")

    def _protocol(self, provider: str) -> Protocol:
        if provider not in self._protocols:
            raise UsageError(f"Unknown provider {provider!r} (choose from {', '.join(self._protocols)}).")
        return self._protocols[provider]
