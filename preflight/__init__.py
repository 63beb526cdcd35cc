"""Check whether an image, video or audio file will be accepted by the service that it is sent to.

    import preflight

    report = preflight.check("clip.mp4", "atlas")
    report.passed, report.verdict, report.media.duration, report.findings

Names are loaded when they are first used, so that `import preflight` is fast.
"""

from __future__ import annotations

from preflight.version import VERSION

TYPE_CHECKING = False  # importing that of `typing` takes 3 ms, in which Ctrl-C would print a traceback
if TYPE_CHECKING:
    from typing import Any

    from preflight.catalog import resolve as rule_sets
    from preflight.checker import acheck, check, probe
    from preflight.errors import (
        AccountRefused,
        AssetNotFound,
        LedgerError,
        MissingExtra,
        PreflightError,
        ProviderError,
        ProviderUnavailable,
        ProviderUnreachable,
        RateLimited,
        RequestRefused,
        RuleFileError,
        SourceChanged,
        SourceError,
        UnusableAnswer,
        UsageError,
    )
    from preflight.fixer import FixResult, afix, fix, plan
    from preflight.integrations.pydantic import Passes
    from preflight.integrations.requirement import assert_passes
    from preflight.media import Delivery, Media
    from preflight.plans.choices import Choices
    from preflight.providers.asset import Asset
    from preflight.providers.generation import GenerationRequest, generation_request
    from preflight.report import Finding, Obstacle, Plan, Problem, Rejected, Report, Result, Step
    from preflight.request import check_request
    from preflight.ruleset import RuleSet
    from preflight.scan import check_many
    from preflight.sources.open import AssetReference
    from preflight.submission import Client, Submission, submit, submit_many
    from preflight.submission.async_client import AsyncClient
    from preflight.submission.outcome import NotActive

__version__ = VERSION

_NAMES = {
    "catalog": "rule_sets",
    "checker": "acheck check probe",
    "fixer": "FixResult afix fix plan",
    "integrations.pydantic": "Passes",
    "integrations.requirement": "assert_passes",
    "media": "Delivery Media",
    "plans.choices": "Choices",
    "providers.asset": "Asset",
    "providers.generation": "GenerationRequest generation_request",
    "report": "Finding Obstacle Plan Problem Rejected Report Result Step",
    "request": "check_request",
    "ruleset": "RuleSet",
    "scan": "check_many",
    "sources.open": "AssetReference",
    "submission.async_client": "AsyncClient",
    "submission": "Client NotActive Submission submit submit_many",
}
"""By module, the names that it provides. All others are exceptions in `errors`."""
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [  # noqa: RUF022 - by kind: functions, data, exceptions
    "acheck", "afix", "assert_passes", "check", "check_many", "check_request", "fix", "generation_request", "plan",
    "probe", "rule_sets", "submit", "submit_many",
    "Passes", "Asset", "AssetReference", "AsyncClient", "Choices", "Client", "Delivery", "Finding", "FixResult",
    "GenerationRequest", "Media", "Obstacle", "Plan", "Problem", "Report", "Result", "RuleSet", "Step", "Submission",
    "AccountRefused", "AssetNotFound", "LedgerError", "MissingExtra", "NotActive", "PreflightError", "ProviderError",
    "ProviderUnavailable", "ProviderUnreachable", "RateLimited", "Rejected", "RequestRefused", "RuleFileError",
    "SourceChanged", "SourceError", "UnusableAnswer", "UsageError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'preflight' has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"preflight.{_HOMES.get(name, 'errors')}")
    value = getattr(home, "resolve" if name == "rule_sets" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
