"""Asset APIs, one file each with the same parts: a frozen spec, an API and a parser. `PROVIDERS` is the one registry.

Rule sets, the ledger, rate limits and retries belong to higher layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from preflight.errors import UsageError
from preflight.providers.agentsflare import AGENTSFLARE
from preflight.providers.agt import AGT
from preflight.providers.ark import BYTEPLUS, VOLCENGINE
from preflight.providers.asset import STATUSES, Asset, Callback, Group, Page, Session, Status
from preflight.providers.atlas import ATLAS
from preflight.providers.credentials import Secret
from preflight.providers.crun import CRUN
from preflight.providers.generation import GenerationRequest, GenerationSpec, generation_request
from preflight.providers.provider import ACCOUNT_VARIABLE, Provider, ProviderSettings, open_provider, parse_rate
from preflight.providers.spec import (
    API_ACTIONS,
    DeletesAssets,
    HasGroups,
    HasTrash,
    ListsAssets,
    ParsesCallbacks,
    ProviderSpec,
    Rate,
    RateLimits,
    RenamesAssets,
    ReportsSessions,
    UploadsFiles,
    VerifiesPersons,
)
from preflight.providers.sunra import SUNRA

__all__ = [
    "ACCOUNT_VARIABLE",
    "AGENTSFLARE",
    "AGT",
    "API_ACTIONS",
    "ATLAS",
    "BYTEPLUS",
    "CRUN",
    "PROVIDERS",
    "STATUSES",
    "SUNRA",
    "VOLCENGINE",
    "Asset",
    "Callback",
    "DeletesAssets",
    "GenerationRequest",
    "GenerationSpec",
    "Group",
    "HasGroups",
    "HasTrash",
    "ListsAssets",
    "Page",
    "ParsesCallbacks",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
    "Rate",
    "RateLimits",
    "RenamesAssets",
    "ReportsSessions",
    "Secret",
    "Session",
    "Status",
    "UploadsFiles",
    "VerifiesPersons",
    "find_provider",
    "generation_request",
    "open_provider",
    "parse_rate",
]

PROVIDERS: Final[Mapping[str, ProviderSpec]] = {
    "agentsflare": AGENTSFLARE,
    "agt": AGT,
    "atlas": ATLAS,
    "byteplus": BYTEPLUS,
    "crun": CRUN,
    "sunra": SUNRA,
    "volcengine": VOLCENGINE,
}


def find_provider(name: str) -> ProviderSpec:
    """Return the provider with this name. Raise `UsageError` with the nearest name."""
    choices = ", ".join(PROVIDERS)
    if not isinstance(name, str):
        raise UsageError(f"{type(name).__name__} is not a provider's name. Choose from {choices}.")
    found = PROVIDERS.get(name.strip().lower())
    if found is None:
        near = get_close_matches(name.strip().lower(), PROVIDERS, 1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Choose from {choices}."
        raise UsageError(f"Unknown provider {name[:40]!r}. {remedy}")
    return found
