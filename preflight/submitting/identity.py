"""What is the same file: so that what was checked is what is sent, and nothing is sent twice."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit, urlunsplit

from preflight.errors import SourceChanged, SourceError
from preflight.ledger import Content
from preflight.media import Need
from preflight.report import Report
from preflight.sources.http import HttpOptions, HttpSource
from preflight.sources.redact import redact

_PIECE = 1 << 20


def sha256_of(path: str) -> str:
    """64 hex digits. Raises `SourceError`."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise SourceError("unreadable", f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def content_of(url: str, report: Report) -> Content:
    """What tells the file behind a URL from others: URL without signature, strong ETag, size.

    Without a strong ETag (RFC 9110 8.8.3) nothing shows that the file is still the same: it is not reused.
    """
    delivery, size = report.delivery, report.media.size if report.media is not None else None
    etag = delivery.etag if delivery is not None else None
    strong = etag is not None and not etag.startswith("W/")
    return Content(f"url:{bare(url)}|{etag if strong else ''}|{size}", reusable=strong)


def bare(url: str) -> str:
    """A URL without its query where that carries a signature, without userinfo and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = parts.query if redact(url).endswith(f"?{parts.query}") else ""
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def still_the_same(url: str, report: Report, http: HttpOptions) -> None:
    """Raise `SourceChanged` unless the URL still answers with the ETag and the size that were checked."""
    source = HttpSource(url, need=Need(frozenset(), max_bytes=1), options=http)
    try:
        size = source.size
    finally:
        source.close()
    checked = report.delivery
    if checked is None or source.delivery.etag != checked.etag or size != (report.media and report.media.size):
        raise SourceChanged(source.name)
