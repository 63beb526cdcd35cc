"""Identify files, so that only the bytes that were checked are sent, and no file is sent twice."""

from __future__ import annotations

import hashlib

from preflight.errors import SourceChanged, SourceError, UsageError
from preflight.ledger import SHA256_PREFIX, AccountKey, ContentId, Ledger
from preflight.media import Need
from preflight.net.redact import redact
from preflight.providers import Provider
from preflight.report import Report
from preflight.sources.http import HttpOptions, HttpSource

_CHUNK_SIZE = 1 << 20


def account_key(provider: Provider) -> AccountKey:
    """Return the account whose assets an open provider sees, for the ledger."""
    return AccountKey(provider.name, provider.origin, provider.account, provider.project)


def choose_account(provider: Provider, ledger: Ledger) -> None:
    """Use the only account that the ledger has, if none was named. Raise `UsageError` if it has several."""
    if provider.is_account_named:
        return
    names = ledger.accounts(provider.name, provider.origin, provider.project)
    if len(names) > 1:
        raise UsageError(
            f"The ledger has {len(names)} accounts of {provider.title}: {', '.join(names)}. Name one with account=.",
            parameters=("account",),
        )
    provider.name_account(names[0] if names else provider.account)


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file as 64 hex digits. Raise `SourceError`."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK_SIZE):
                digest.update(chunk)
    except OSError as error:
        raise SourceError("unreadable", f"{path} cannot be read ({error.strerror}). Check the file.") from None
    return digest.hexdigest()


def content_of_file(path: str) -> ContentId:
    """Return the identity of a local file. Raise `SourceError`."""
    return ContentId(SHA256_PREFIX + sha256_of(path))


def content_of_url(url: str, report: Report) -> ContentId:
    """Return the identity of the file behind a URL: URL without signature, strong ETag, size.

    Without a strong ETag (RFC 9110 8.8.3) nothing shows that the file is still the same: it is not reused.
    """
    etag = report.delivery.etag if report.delivery is not None else None
    size = report.media.size if report.media is not None else None
    strong = bool(etag) and etag != '""' and not str(etag).upper().startswith("W/") and size is not None
    return ContentId(f"url:{redact(url)}|{etag if strong else ''}|{'' if size is None else size}", reusable=strong)


def require_same_file(path: str, content: ContentId) -> None:
    """Raise `SourceChanged` unless the file still has the bytes that were checked."""
    if content_of_file(path) != content:
        raise SourceChanged(path)


def require_same_url(url: str, report: Report, http: HttpOptions) -> None:
    """Raise `SourceChanged` unless the server still responds with the ETag and the size that were checked."""
    source = HttpSource(url, need=Need(frozenset(), max_bytes=1), options=http)
    try:
        size = source.size
    finally:
        source.close()
    checked, media = report.delivery, report.media
    before = media.size if media is not None else None
    # Without a stated length, the size is known only after reading to the end.
    if checked is None or source.delivery.etag != checked.etag or (size is not None and size != before):
        raise SourceChanged(source.name)
