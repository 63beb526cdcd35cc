"""Asset APIs, one file each, one shape. `PROVIDERS` is the one registry; `open_provider` makes one ready to be called.

Nothing here knows a rule set, a ledger, a rate's clock or a retry: those stand above.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from preflight.errors import UsageError
from preflight.providers.agentsflare import Agentsflare
from preflight.providers.agt import Agt
from preflight.providers.asset import STATUSES, Asset, Callback, Group, Page, Session, Status
from preflight.providers.atlas import Atlas
from preflight.providers.base import VERBS, Provider
from preflight.providers.byteplus import Byteplus
from preflight.providers.crun import Crun
from preflight.providers.rate_limits import Rate, RateLimits
from preflight.providers.secret import Secret
from preflight.providers.sunra import Sunra
from preflight.providers.volcengine import Volcengine

__all__ = [
    "PROVIDERS",
    "STATUSES",
    "VERBS",
    "Asset",
    "Callback",
    "Group",
    "Page",
    "Provider",
    "Rate",
    "RateLimits",
    "Secret",
    "Session",
    "Status",
    "find_provider",
    "open_provider",
]

PROVIDERS: Final[Mapping[str, type[Provider]]] = {
    "agentsflare": Agentsflare,
    "agt": Agt,
    "atlas": Atlas,
    "byteplus": Byteplus,
    "crun": Crun,
    "sunra": Sunra,
    "volcengine": Volcengine,
}


def find_provider(name: str) -> type[Provider]:
    """The class of the provider that is called `name`. Raises `UsageError` with the nearest name."""
    if not isinstance(name, str):
        raise UsageError(f"{type(name).__name__} names no provider: there are {', '.join(PROVIDERS)}")
    found = PROVIDERS.get(name.strip().lower())
    if found is None:
        near = get_close_matches(name.strip().lower(), PROVIDERS, 1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROVIDERS)}"
        raise UsageError(f"there is no provider {name[:40]!r}: {meant}")
    return found


def open_provider(name: str, keys: Mapping[str, str | Secret | None] | str | None = None, **options: Any) -> Provider:
    """The provider that is called `name`, with its keys (or those of the environment) and the options of `Calls`."""
    return find_provider(name)(keys, **options)
