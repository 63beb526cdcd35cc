"""BytePlus ModelArk, the international Ark."""

from __future__ import annotations

from typing import ClassVar

from preflight.providers.ark import Ark
from preflight.providers.credentials import CredentialSpec


class Byteplus(Ark):
    """All Actions, signed with AK and SK as its SDK does."""

    name = "byteplus"
    title = "BytePlus ModelArk"
    rules = "byteplus"
    region = "ap-southeast-1"
    origins: ClassVar = {"main": "https://ark.ap-southeast-1.byteplusapi.com"}
    keys = (
        CredentialSpec("access_key", ("BYTEPLUS_ACCESSKEY", "BYTEPLUS_ACCESS_KEY"), public=True),
        CredentialSpec("secret_key", ("BYTEPLUS_SECRETKEY", "BYTEPLUS_SECRET_KEY")),
        CredentialSpec("session_token", ("BYTEPLUS_SESSION_TOKEN",), required=False),
    )
    options: ClassVar = {"project": ()}
