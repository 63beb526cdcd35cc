"""Write rule files from the limits that a server states itself: one module for each kind of server, one registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from typing import Any, Final, NamedTuple

from preflight.errors import SourceError, UsageError, suggestion
from preflight.importers import mastodon
from preflight.net.options import DEFAULT_OPTIONS, HttpOptions
from preflight.net.redact import redact
from preflight.net.response import Response
from preflight.net.transport import shared
from preflight.net.urls import parse_url
from preflight.rulefile import RuleFile, find_problems
from preflight.sources.fetcher import UrlFetcher
from preflight.toml import parse

Document = Mapping[str, Any]
_MAX_BYTES: Final = 1 << 20
"""Bytes of a server's answer."""


class Importer(NamedTuple):
    """Reads one kind of server.

    path   of the document with the limits
    write  (document, host, URL of the document, ISO day) → the text of a rule file; raises ValueError, which says what
           is missing
    """

    path: str
    write: Callable[[Document, str, str, str], str]


IMPORTERS: Final[dict[str, Importer]] = {"mastodon": Importer(mastodon.PATH, mastodon.rule_file)}
"""By the name of the kind of server."""


def import_rules(kind: str, server: str, options: HttpOptions = DEFAULT_OPTIONS) -> str:
    """Return the text of a rule file with the limits that a server states. Raise `UsageError` or `SourceError`.

    server  its address, such as https://example.com
    """
    if kind not in IMPORTERS:
        raise UsageError(f"Unknown kind of server {kind[:40]!r}. {suggestion(kind, IMPORTERS)}")
    importer = IMPORTERS[kind]
    url = parse_url((server if "://" in server else f"https://{server}").rstrip("/") + importer.path)
    document = _fetch(url.text, options)
    try:
        text = importer.write(document, url.host, redact(url.text), date.today().isoformat())
    except ValueError as error:
        raise SourceError("response_invalid", f"{redact(url.text)}: {error}") from None
    problems = find_problems(RuleFile(f"rules of {url.host}", text, parse(text)))
    if problems:
        raise SourceError("response_invalid", f"{redact(url.text)} states limits that cannot be used. {problems[0]}")
    return text


def _fetch(url: str, options: HttpOptions) -> Document:
    """Return the JSON object at a URL. Raise `SourceError`."""
    fetcher = UrlFetcher(url, redact(url), shared(options), options, _MAX_BYTES)
    data = fetcher.get(None, _body)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        message = f"{redact(url)} is not a JSON object. Check the address of the server."
        raise SourceError("response_invalid", message)
    return document


def _body(response: Response) -> bytes:
    with closing(response):
        data = b""
        while len(data) <= _MAX_BYTES and (piece := response.read(64 << 10)):
            data += piece
        return data
