"""`--host` and `--public-base`: words become a `Host`."""

from __future__ import annotations

from preflight.errors import UsageError
from preflight.hosts import Host
from preflight.net.options import HttpOptions
from preflight.net.redact import redact
from preflight.providers import Provider


def open_host(
    host: str | Host | None, public_base: str | None, provider: Provider, http: HttpOptions, lasting: float = 0.0
) -> Host | None:
    """The chosen way to host local files; None where none is chosen. Raises `UsageError`, `MissingExtra`.

    lasting  s that a run may poll
    """
    if public_base is not None:
        from preflight.hosts.public import PublicBase

        return PublicBase(public_base, http)
    if host is None or not isinstance(host, str):
        return host
    if host.startswith("s3://"):
        from preflight.hosts.s3 import S3Host

        return S3Host(host, lasting)
    if host == provider.name:
        from preflight.hosts.upload import UploadHost

        return UploadHost(provider)
    ways = [provider.name] if "upload" in provider.can else []
    raise UsageError(
        f"--host {redact(host)}: {provider.title} takes --host {' or '.join([*ways, 's3://bucket/prefix'])}; "
        "where the files are served already, give --public-base URL"
    )
