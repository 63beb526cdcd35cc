"""The sandbox as a whole: `Sandbox`."""

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
from preflight.sandbox.dispatch import Conduct
from preflight.sandbox.faults import Misbehaviour
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.inspection import Inspector
from preflight.sandbox.protocol import Backstage, Protocol
from preflight.sandbox.state import StoredAsset, StoredGroup
from preflight.sandbox.stats import Tally
from preflight.sandbox.sunra import Sunra
from preflight.sandbox.volcengine import Byteplus, Volcengine

PROTOCOLS: Final[dict[str, type[Protocol]]] = {
    protocol.name: protocol for protocol in (Agentsflare, Agt, Atlas, Byteplus, Crun, Sunra, Volcengine)
}


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

        from preflight.sandbox.app import App, Cuttable

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


class Sandbox:
    """A server on 127.0.0.1 that speaks every provider's protocol; a context manager, for one run.

    port      0 chooses a free one
    delay     s that an asset stays in processing · latency: s before a call is looked at; both may be changed later
    trusted   origins (`http://127.0.0.1:9000`) to fetch from although they are not public: servers of a test
    timeout   s that fetching one URL may take

    misbehave what it does wrong, and when · tally: what came, counted
    The keys are random, and new for each sandbox. Raises `MissingExtra`; `UsageError` where the port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        delay: float = 0.0,
        latency: float = 0.0,
        trusted: Iterable[str] = (),
        timeout: float = 30.0,
        misbehaviour: Misbehaviour | None = None,
    ) -> None:
        _require()
        self.misbehave = misbehaviour or Misbehaviour(latency=latency, delay=delay)
        self.tally = Tally()
        self._port = port
        self._hosting = Hosting()
        self._inspector = Inspector(self._hosting, trusted, timeout)
        backstage = Backstage(self.misbehave, self.tally, self._hosting, self._inspector)
        self._protocols: Mapping[str, Protocol] = {name: make(backstage) for name, make in PROTOCOLS.items()}
        self._running: Running | None = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Listen, and return once calls are answered."""
        if self._hosting.origin:
            raise UsageError("a sandbox runs once: make another one")
        listener = listen(self._port)
        self._inspector.start()
        self._hosting.origin = f"http://{HOST}:{listener.getsockname()[1]}"
        try:
            self._running = Running(self._protocols, self._hosting, self.misbehave, self.tally, listener)
        except BaseException:
            listener.close()
            self.close()
            raise

    def close(self) -> None:
        """End, whatever is still going on. Everything is forgotten."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
        self._inspector.close()
        self._hosting.close()

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that it speaks for."""
        return tuple(self._protocols)

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        if not self._hosting.origin:
            raise UsageError("the sandbox has not been started: `with Sandbox() as box`")
        return self._hosting.origin

    def endpoint(self, provider: str) -> str:
        """What a client takes in place of all of a provider's origins, as after `--endpoint`."""
        return f"{self.origin}/{self._of(provider).name}"

    def credentials(self, provider: str, *, temporary: bool = False) -> Credentials:
        """The keys for a provider; `temporary`: an STS pair with its token, at providers that check signatures."""
        protocol = self._of(provider)
        if not temporary:
            return protocol.credentials
        if not isinstance(protocol, Volcengine):
            raise UsageError(f"{provider} has no temporary keys")
        return protocol.temporary

    def key(self, provider: str) -> str:
        """The API key of a provider that has one."""
        key = self.credentials(provider).key
        if key is None:
            raise UsageError(f"{provider} checks a signature: use `credentials`, it has a pair of keys")
        return key

    def environment(self, provider: str) -> dict[str, str]:
        """The environment variables with which a client is let in."""
        return self.credentials(provider).environment(self._of(provider).variables)

    def host(self, file: str | os.PathLike[str] | bytes, name: str | None = None) -> str:
        """An unguessable URL of this server for a local file, or for bytes with a name."""
        assert self.origin
        return self._hosting.host(file, name)

    def assets(self, provider: str, *, trashed: bool | None = False) -> list[StoredAsset]:
        """A provider's assets, newest first; `trashed` None: those in the trash too."""
        return self._of(provider).account.assets(trashed=trashed)

    def groups(self, provider: str) -> list[StoredGroup]:
        """A provider's groups, newest first."""
        return self._of(provider).account.groups()

    def forget(self, provider: str, asset_id: str) -> None:
        """Let an asset be gone, as a provider's clean-up does."""
        if self._of(provider).account.remove_asset(asset_id) is None:
            raise UsageError(f"{provider} has no asset {asset_id!r}")

    def _of(self, provider: str) -> Protocol:
        if provider not in self._protocols:
            raise UsageError(f"the sandbox speaks for {', '.join(self._protocols)}, not for {provider!r}")
        return self._protocols[provider]


def _require() -> None:
    from importlib.util import find_spec

    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise MissingExtra("the sandbox", "sandbox")
