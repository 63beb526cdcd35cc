"""Calls of the public API as a type checker sees them: never run, checked by `test_typing.py`.

Each `type: ignore` names the error that a wrong call must have; an unused one is an error, too.
"""

from __future__ import annotations

from pathlib import Path

from preflight import Asset, Submission, check, submit, submit_many
from preflight.providers import PROVIDERS, HasTrash, ListsAssets, Provider, open_provider


def right_calls(paths: list[Path]) -> Asset:
    for submission in submit_many(paths, "atlas", host="atlas", ordered=False, poll_timeout=60, reference_id="id"):
        one: Submission = submission
        print(one.outcome, one.asset.reference if one.asset is not None else None)
    return submit("clip.mp4", "atlas", group="heroes", retry_failed=True, keys={"api_key": "sk-1"}, rate="3/min")


def misspelt_options(paths: list[Path]) -> None:
    check("clip.mp4", "atlas", strickt=True)  # type: ignore[call-arg]
    submit("clip.mp4", "atlas", strickt=True)  # type: ignore[call-arg]
    submit("clip.mp4", "atlas", ordered=False)  # type: ignore[call-arg]
    submit_many(paths, "atlas", public_bas="https://cdn.example")  # type: ignore[call-arg]
    open_provider(PROVIDERS["atlas"], endpiont="https://h.example")  # type: ignore[call-arg]


def wrong_types(paths: list[Path]) -> None:
    submit("clip.mp4", "atlas", poll_timeout="60")  # type: ignore[arg-type]
    submit_many("clip.mp4", "atlas", wait="no")  # type: ignore[arg-type]
    submit_many(paths, "atlas", host=7)  # type: ignore[arg-type]


def capabilities(provider: Provider) -> None:
    provider.api.list()  # type: ignore[attr-defined]
    if isinstance(provider.api, ListsAssets):
        provider.api.list(group="heroes")
        provider.api.list(groop="heroes")  # type: ignore[call-arg]
    if isinstance(provider.api, HasTrash):
        provider.api.restore("asset-1")
