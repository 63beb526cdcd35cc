"""The one registry of wire protocols, by provider."""

from __future__ import annotations

from typing import Final

from preflight.sandbox.agentsflare import Agentsflare
from preflight.sandbox.agt import Agt
from preflight.sandbox.atlas import Atlas
from preflight.sandbox.crun import Crun
from preflight.sandbox.protocol import Protocol
from preflight.sandbox.sunra import Sunra
from preflight.sandbox.volcengine import Byteplus, Volcengine

PROTOCOLS: Final[dict[str, type[Protocol]]] = {
    protocol.name: protocol for protocol in (Agentsflare, Agt, Atlas, Byteplus, Crun, Sunra, Volcengine)
}
