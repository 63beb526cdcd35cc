"""`--host` and `--public-base`: words become a `Host`."""

from __future__ import annotations

from difflib import get_close_matches

from preflight.errors import UsageError
from preflight.hosts import HOSTS, Host
from preflight.providers import Provider
from preflight.sources.options import HttpOptions


def open_host(host: str | Host | None, public_base: str | None, provider: Provider, http: HttpOptions) -> Host | None:
    """The chosen way to host local files; None where none is chosen. Raises `UsageError`, `MissingExtra`."""
    if public_base is not None:
        from preflight.hosts.public import PublicBase

        return PublicBase(public_base, http)
    if host is None or not isinstance(host, str):
        return host
    if host.startswith("s3://"):
        from preflight.hosts.s3 import S3Host

        return S3Host(host)
    if host == provider.name:
        from preflight.hosts.upload import UploadHost

        return UploadHost(provider)
    near = get_close_matches(host, [provider.name], 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"--host {host}: not one of {', '.join(HOSTS).replace('PROVIDER', provider.name)}{meant}")
