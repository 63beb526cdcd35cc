"""Volcengine Ark in China. Its host is that of the published page and of the SDKs; --endpoint takes a regional one."""

from __future__ import annotations

from typing import ClassVar

from preflight.providers.ark import Ark
from preflight.providers.credentials import CredentialSpec


class Volcengine(Ark):
    """All Actions, signed with AK and SK. `--signing published` signs as the published page's sample code does."""

    name = "volcengine"
    title = "Volcengine Ark"
    rules = "volcengine"
    region = "cn-beijing"
    origins: ClassVar = {"main": "https://open.volcengineapi.com"}
    keys = (
        CredentialSpec("access_key", ("VOLC_ACCESSKEY",), public=True),
        CredentialSpec("secret_key", ("VOLC_SECRETKEY",)),
        CredentialSpec("session_token", ("VOLC_SESSION_TOKEN", "VOLC_SESSIONTOKEN"), required=False),
    )
    options: ClassVar = {"project": (), "signing": ("official", "published")}
