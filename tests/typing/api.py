"""Calls of the public API as a type checker sees them: never run, checked by `test_typing.py`.

Each `type: ignore` names the error that a wrong call must have; an unused one is an error, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from preflight import Asset, AsyncClient, Client, Submission, check, providers, submit, submit_many
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


def clients_can_what_their_provider_can(paths: list[Path]) -> None:
    with Client(providers.ATLAS, host="atlas") as atlas:
        asset: Asset = atlas.submit("clip.mp4", group="heroes", wait=False)
        for submission in atlas.submit_all(paths, on_result=print, ordered=True, poll_timeout=60):
            print(submission.outcome)
        atlas.restore(asset.id)
        print(*atlas.list(status="active"))
    Client(providers.VOLCENGINE).groups.create("heroes")
    Client(providers.VOLCENGINE).session("https://app.example/verified")
    Client("crun").restore("asset-1")  # by name, everything is allowed, and checked when it runs


def clients_cannot_what_their_provider_cannot(paths: list[Path]) -> None:
    Client(providers.CRUN).list()  # type: ignore[misc]
    Client(providers.SUNRA).rename("asset-1", "new")  # type: ignore[misc]
    Client(providers.AGT).restore("asset-1")  # type: ignore[misc]
    Client(providers.ATLAS).groups.all()  # type: ignore[misc]
    Client(providers.ATLAS).session("https://app.example/verified")  # type: ignore[misc]
    Client(providers.AGT).session_result("token")  # type: ignore[misc]


def wrong_calls_of_clients(paths: list[Path]) -> None:
    Client("atlas", hots="atlas")  # type: ignore[call-overload]
    Client(7)  # type: ignore[call-overload]
    Client("atlas").submit("clip.mp4", keys="sk-1")  # type: ignore[call-arg]
    Client("atlas").submit_all(paths, on_result="print")  # type: ignore[arg-type]


async def async_clients(targets: AsyncIterator[str], paths: list[Path]) -> None:
    async with AsyncClient(providers.ATLAS) as atlas:
        asset: Asset = await atlas.submit("clip.mp4")
        async for submission in atlas.submit_all(targets):
            print(submission.outcome)
        async for submission in atlas.submit_all(paths):
            print(submission.outcome)
        await atlas.restore(asset.id)
        await atlas.groups.all()  # type: ignore[misc]
        await atlas.rename(asset.id)  # type: ignore[call-arg]
    await AsyncClient(providers.AGENTSFLARE).delete("asset-1")  # type: ignore[misc]
