"""Turn the arguments `host` and `public_base` into a `Host`."""

from __future__ import annotations

from preflight.errors import UsageError
from preflight.hosts import Host
from preflight.net.options import HttpOptions
from preflight.net.redact import redact
from preflight.providers import Provider, UploadsFiles


def open_host(
    host: str | Host | None, public_base: str | None, provider: Provider, http: HttpOptions, max_poll_time: float = 0.0
) -> Host | None:
    """Return the chosen way to host local files; None if none is chosen. Raise `UsageError`, `MissingExtra`.

    max_poll_time  s that a run may poll: a URL works longer than that
    """
    if public_base is not None:
        from preflight.hosts.public import PublicBase

        return PublicBase(public_base, http)
    if not isinstance(host, str):
        return host
    if host.startswith("s3://"):
        from preflight.hosts.s3 import S3Host

        return S3Host(host, max_poll_time)
    if host == provider.name:
        from preflight.hosts.upload import UploadHost

        return UploadHost(provider)
    ways = [provider.name] if isinstance(provider.api, UploadsFiles) else []
    raise UsageError(
        f"{provider.title} has no host={redact(host)}. Give host={' or '.join([*ways, 's3://bucket/prefix'])}, or, if "
        "the files are served already, public_base=URL.",
        parameters=("host", "public_base"),
    )
