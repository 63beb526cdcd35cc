"""Asset APIs: one file each, with an API class and a frozen spec. `PROVIDERS` is the one registry.

Other packages add providers through an entry point. Rule sets, the ledger, retries and waiting belong to higher layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers.agentsflare import AGENTSFLARE
from preflight.providers.agt import AGT
from preflight.providers.ark import BYTEPLUS, VOLCENGINE
from preflight.providers.asset import STATUSES, Asset, Callback, Group, Page, Session, Status
from preflight.providers.atlas import ATLAS
from preflight.providers.credentials import CredentialSpec, Secret
from preflight.providers.crun import CRUN
from preflight.providers.generation import GenerationRequest, GenerationSpec, generation_request
from preflight.providers.provider import (
    ACCOUNT_VARIABLE,
    BaseApi,
    Provider,
    ProviderSettings,
    open_provider,
    parse_rate,
)
from preflight.providers.refusals import Refusal
from preflight.providers.spec import (
    API_ACTIONS,
    BeforeSend,
    DeletesAssets,
    HasGroups,
    HasTrash,
    ListQuery,
    ListsAssets,
    NewAsset,
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

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
    "BaseApi",
    "BeforeSend",
    "Callback",
    "CredentialSpec",
    "DeletesAssets",
    "GenerationRequest",
    "GenerationSpec",
    "Group",
    "HasGroups",
    "HasTrash",
    "ListQuery",
    "ListsAssets",
    "NewAsset",
    "Page",
    "ParsesCallbacks",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
    "Rate",
    "RateLimits",
    "Refusal",
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
    "provider_names",
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

ENTRY_POINTS: Final = "preflight.providers"
"""The group of entry points by which other packages add providers: the provider's name → its `ProviderSpec`."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def find_provider(name: str) -> ProviderSpec:
    """Return the provider with this name, also from another package. Raise `UsageError` with the nearest name."""
    if not isinstance(name, str):
        raise UsageError(f"{type(name).__name__} is not a provider's name. Choose from {', '.join(provider_names())}.")
    wanted = name.strip().lower()
    if wanted in PROVIDERS:
        return PROVIDERS[wanted]
    if wanted in _installed():
        return _load(wanted)
    near = get_close_matches(wanted, provider_names(), 1)
    remedy = f"Did you mean {near[0]!r}?" if near else f"Choose from {', '.join(provider_names())}."
    raise UsageError(f"Unknown provider {name[:40]!r}. {remedy}")


def provider_names() -> list[str]:
    """Return the names of all providers, without loading those of other packages."""
    return sorted([*PROVIDERS, *_installed()])


@cache
def _installed() -> dict[str, EntryPoint]:
    """Return the providers of other packages by name. Log a warning for a name that is taken."""
    import logging  # only needed if a provider is not one of ours, or all are listed
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        name = entry.name.lower()
        if not _NAME.fullmatch(name):
            text = f"A provider of {_package(entry)} is ignored, since its name is not one word of a-z, 0-9, - and _."
            logging.getLogger("preflight").warning("%s Update or uninstall it.", text)
        elif name in PROVIDERS or name in found:
            text = f"The provider {name!r} of {_package(entry)} is ignored, since another one has this name."
            logging.getLogger("preflight").warning("%s Uninstall one of the two.", text)
        else:
            found[name] = entry
    return found


@cache
def _load(name: str) -> ProviderSpec:
    """Load the provider of another package. Raise `UsageError` if it cannot be used."""
    entry = _installed()[name]
    try:
        spec = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of another package
        problem = f"{type(error).__name__}: {error}"
    else:
        if isinstance(spec, ProviderSpec) and spec.name == name:
            return spec
        problem = f"{entry.value} is not a ProviderSpec of this name"
    problem = printable(" ".join(problem.split())[:200])
    raise UsageError(f"The provider {name!r} of {_package(entry)} cannot be used ({problem}). Update or uninstall it.")


def _package(entry: EntryPoint) -> str:
    return "an unknown package" if entry.dist is None else f"the package {printable(entry.dist.name[:80])}"
