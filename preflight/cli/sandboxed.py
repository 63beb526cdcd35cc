"""`--sandbox`: one run against a local server that speaks the provider's protocol and hosts the files itself."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import Any

from preflight.errors import UsageError
from preflight.hosts import LocalFile
from preflight.submission.identity import sha256_of


class _SandboxHost:
    """Local files get a URL of the sandbox."""

    def __init__(self, box: Any) -> None:
        self._box = box

    def put(self, file: LocalFile) -> str:
        """The file's URL at the sandbox, which reads it when it is fetched."""
        from preflight.errors import SourceChanged

        if sha256_of(file.path) != file.sha256:
            raise SourceChanged(file.name)
        url: str = self._box.host(file.path, file.name)
        return url


def _keys(credentials: Any) -> dict[str, str]:
    """The sandbox' own keys under the names by which a provider asks for them."""
    if credentials.key is not None:
        return {"api_key": credentials.key}
    return {"access_key": credentials.access_key, "secret_key": credentials.secret_key}


def in_sandbox(provider: str, options: dict[str, Any], stack: ExitStack) -> dict[str, Any]:
    """Settings of `submit_many` for a sandbox of this run: its endpoint, its keys, a ledger that goes with it.

    Raises `UsageError` for an option that it would not heed.
    """
    from preflight.sandbox import Sandbox

    for option in ("endpoint", "host", "public_base"):
        if options[option] is not None:
            raise UsageError(f"--sandbox has its own place for all of it: leave --{option.replace('_', '-')} out")
    box = stack.enter_context(Sandbox(delay=0.5))
    settings: dict[str, Any] = {
        "endpoint": box.endpoint(provider),
        "keys": _keys(box.credentials(provider)),
        "allow_private": True,
        "host": _SandboxHost(box),
        "public_base": None,
    }
    if options["ledger"] is None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="preflight-"))
        settings["ledger"] = os.path.join(folder, "ledger.sqlite")
    if options["group"] is None:
        from preflight.providers import find_provider

        settings["group"] = "sandbox" if find_provider(provider).needs_group else None
    return settings
