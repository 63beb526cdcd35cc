"""The assets of api.example.com: what a package needs to add a provider to preflight."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from preflight.providers import (
    Asset,
    BaseApi,
    BeforeSend,
    CredentialSpec,
    ListQuery,
    ListsAssets,
    NewAsset,
    Page,
    ProviderSpec,
)


class ExampleApi(BaseApi, ListsAssets):
    """Three calls over `connection`, whose answers `parser` reads."""

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        """Register a file by URL."""
        body = {"url": registration.url, "type": registration.type, "name": registration.name}
        response = self.connection.ask("register", "POST", "/assets", body, before_send=before_send)
        return self.parser.asset(response, registered=registration)

    def get(self, asset: str) -> Asset:
        """Return the asset as it is now."""
        path = f"/assets/{self.connection.check_id(asset)}"
        return self.parser.asset(self.connection.ask("get", "GET", path))

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        """Return one page of the assets."""
        number, size = self.paging(query)
        response = self.connection.ask("list", "GET", "/assets", query={"page": number, "size": size})
        return self.parser.page(response, number, self.parser.asset)


EXAMPLE = ProviderSpec(
    name="example",
    title="Example",
    ruleset=str(Path(__file__).with_suffix(".toml")),
    api=ExampleApi,
    origins={"main": "https://api.example.com"},
    credentials=(CredentialSpec("api_key", ("EXAMPLE_API_KEY",)),),
    types={"image": "image"},
    ids=("id",),
    recover_by="name",
)
