"""What a URL has to be before anything is asked for: `parse`."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from preflight.errors import SourceError
from preflight.net.addresses import is_literal
from preflight.net.hostnames import host_problem
from preflight.net.redact import redact

PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 1 << 16
_STORES: Final = ("s3", "gs", "az", "abfs", "abfss", "oss", "tos", "cos", "obs", "r2", "wasb", "wasbs")
_AUTHORITY: Final = re.compile(r"[/?#]")
"""What ends it."""
_UNWRITTEN: Final = re.compile(r"[^!-~]|[\"<>\\^`{|}]")
"""What must be percent-encoded in a URL (RFC 3986 2)."""


class Url(NamedTuple):
    """The parts of a URL that matter to its server's address, and two things a user may want to know."""

    scheme: str
    host: str
    port: int
    host_is_ip: bool
    credentials: bool
    unescaped: bool


def parse(url: str) -> Url:
    """The parts of an http or https URL. Raises `SourceError` `url_invalid` with what to give instead."""
    if len(url) > _LONGEST:
        raise _invalid(url[:60] + "…", f"has {len(url):,} characters, and no server takes so many: shorten it")
    if any(char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in url) or url != url.strip():
        raise _invalid(url, "holds spaces, control characters or half ones where none may stand: remove them")
    scheme = url.partition(":")[0].lower()
    if scheme not in PORTS:
        raise _invalid(url, _instead(scheme, "://" in url, _local_path(url)))
    if url[len(scheme) :].startswith("://"):
        _check_authority(url, _AUTHORITY.split(url[len(scheme) + 3 :], maxsplit=1)[0].lower())
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _invalid(url, "is not a valid URL, as its host or port cannot be read: check them") from None
    if not host or not url[len(scheme) :].startswith("://"):
        raise _invalid(url, f"names no host: write {scheme}://host/path")
    if wrong := host_problem(host, "[" in parts.netloc):
        raise _invalid(url, wrong)
    return Url(
        scheme,
        host,
        PORTS[scheme] if port is None else port,
        is_literal(host),
        parts.username is not None,
        _UNWRITTEN.search(url) is not None,
    )


def _check_authority(url: str, authority: str) -> None:
    """Raise `SourceError` for an authority that clients parse differently (RFC 3986 3.2)."""
    if "\\" in authority or "%5c" in authority:
        raise _invalid(url, "has a backslash before its path, which some clients treat as a slash: write a slash")
    if authority.count("@") > 1:
        raise _invalid(url, "has more than one @ before its path: write %40 in the user name and password")


def _local_path(url: str) -> str:
    """Return the path in a file: URL of this machine; empty for another host."""
    parts = url.partition("://")[2].partition("/")
    return f"/{unquote(parts[2])}" if parts[0].lower() in ("", "localhost") and parts[2] else ""


def _instead(scheme: str, absolute: bool, path: str) -> str:
    if scheme == "data":
        return "is the file itself and no place to fetch it from: give the file, or an http(s) URL of it"
    if scheme == "file":
        return f"is a file of this machine: give its path{f', {path}' if path else ''}"
    if scheme == "asset":
        return "names no asset that can be registered: write asset://ID, without spaces"
    if scheme in _STORES:
        return "names an object in a store: give the http(s) URL of it, presigned if it is not public"
    if absolute:
        return f"has the scheme {scheme}, and services fetch by http and https alone: give an http(s) URL"
    return "is no URL: write https:// in front of the host"


def _invalid(url: str, why: str) -> SourceError:
    return SourceError("url_invalid", f"{redact(url)} {why}")
