"""Parse an http(s) URL into the parts of a request, and read when its signature expires."""

from __future__ import annotations

import base64
import binascii
import json
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from preflight.errors import SourceError
from preflight.net.redact import redact

PORTS: Final = {"http": 80, "https": 443}
MAX_URL_CHARS: Final = 1 << 16
_STORES: Final = ("s3", "gs", "az", "abfs", "abfss", "oss", "tos", "cos", "obs", "r2", "wasb", "wasbs")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|^\s|\s$")
_UNESCAPED: Final = re.compile(r"[^!-~]|[\"<>\\^`{|}]")
"""Characters that must be percent-encoded in a URL (RFC 3986 2)."""
_NOT_VERBATIM: Final = re.compile(rf"{_UNESCAPED.pattern}|%(?![0-9A-Fa-f]{{2}})|/\.\.?(?=[/?]|$)")
"""Text that a request target must not contain: unescaped characters, a lone percent sign, dot segments."""
_NAME: Final = re.compile(r"[a-z0-9_.-]+")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A host whose last label is a number is an IPv4 address (WHATWG URL 3.5)."""
_DOTS: Final = frozenset("\u3002\uff0e\uff61")
"""Characters that IDNA treats as a dot (UTS 46 4)."""


class Url(NamedTuple):
    """The parts of an http(s) URL.

    text         the URL as given
    host         in lower case, without brackets; host_is_ip: it is an address, not a name
    credentials  `user:password` as written; None if there are none
    path_query   path and query as written; a fragment is not part of them
    unescaped    a character should have been percent-encoded
    """

    scheme: str
    host: str
    port: int
    host_is_ip: bool
    credentials: str | None
    path_query: str
    unescaped: bool
    text: str

    def __repr__(self) -> str:
        """Return the origin: credentials, path and query may be secret."""
        return f"<Url {self.scheme}://{self.host}:{self.port}>"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return scheme, host and port."""
        return self[:3]

    @property
    def authority(self) -> str:
        """Return the host, with its port unless it is the scheme's, as a request names it. Raise `UnicodeError`."""
        host = f"[{self.host}]" if ":" in self.host else ascii_host(self.host)
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Return path and query as a request sends them: escaped, and without dot segments (RFC 3986 5.2.4)."""
        text = self.path_query
        if not _NOT_VERBATIM.search(text):
            return text if text.startswith("/") else f"/{text}"
        path, mark, query = text.partition("?")
        kept: list[str] = []
        segments = path.split("/")[1:]
        for segment in segments:
            if segment == "..":
                del kept[-1:]
            elif segment != ".":
                kept.append(segment)
        if segments and segments[-1] in (".", ".."):
            kept.append("")
        text = re.sub("%(?![0-9A-Fa-f]{2})", "%25", f"/{'/'.join(kept)}{mark}{query}")
        return quote(text, safe="!#$%&'()*+,/:;=?@[]~")


def parse_url(url: str) -> Url:
    """Return the parts of an http or https URL. Raise `SourceError` `url_invalid`, which names a remedy."""
    if len(url) > MAX_URL_CHARS:
        raise _invalid(url[:60] + "…", f"has {len(url):,} characters, more than servers accept. Shorten it.")
    if _FORBIDDEN.search(url):
        raise _invalid(url, "holds spaces, control characters or surrogates that are not allowed there. Remove them.")
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in PORTS:
        scheme = url.partition(":")[0].lower()
        if scheme in PORTS:
            raise _invalid(url, f"names no host. Write {scheme}://host/path.")
        raise _invalid(url, _instead(scheme, _local_path(url), absolute=bool(mark)))
    end = _AUTHORITY_END.search(rest)
    authority = rest if end is None else rest[: end.start()]
    _check_authority(url, authority.lower())
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _invalid(url, "is not a valid URL, as its host or port cannot be read. Check them.") from None
    if not host:
        raise _invalid(url, f"names no host. Write {scheme}://host/path.")
    address = literal(host)
    if wrong := host_problem(host, address, bracketed="[" in authority):
        raise _invalid(url, wrong)
    credentials, at, _ = authority.rpartition("@")
    return Url(
        scheme,
        host,
        PORTS[scheme] if port is None else port,
        address is not None,
        credentials if at else None,
        "" if end is None else rest[end.start() :].partition("#")[0],
        _UNESCAPED.search(url) is not None,
        url,
    )


def ascii_host(host: str) -> str:
    """Return a host name as DNS and TLS know it (IDNA 2008 with UTS 46). Raise `UnicodeError` if there is none."""
    if host.isascii():
        return host
    import idna  # only for names outside ASCII

    return idna.encode(host, uts46=True).decode("ascii")


def literal(host: str) -> str | None:
    """Return the address that a host is in any notation of a resolver (`127.1`, `0x7f.1`); None if it is a name.

    >>> literal("0177.1"), literal("2130706433"), literal("[::1]"), literal("127.0.0.1."), literal("h.example")
    ('127.0.0.1', '127.0.0.1', '::1', '127.0.0.1', None)
    """
    host = host.strip("[]").removesuffix(".")
    if not host[:1].isdigit() and ":" not in host:
        return None
    try:
        if ":" in host:
            return str(IPv6Address(host))
        # Octal and hexadecimal numbers, and fewer than four of them, are addresses to every resolver.
        return socket.inet_ntoa(socket.inet_aton(host)) if host.isascii() else None
    except (OSError, ValueError):
        return None


def _check_authority(url: str, authority: str) -> None:
    """Raise `SourceError` for an authority that clients parse differently (RFC 3986 3.2)."""
    if "\\" in authority or "%5c" in authority:
        raise _invalid(url, "has a backslash before its path, which some clients treat as a slash. Write a slash.")
    if authority.count("@") > 1:
        raise _invalid(url, "has more than one @ before its path. Write %40 in the user name and password.")


def _local_path(url: str) -> str:
    """Return the path in a file: URL of this machine; empty for another host."""
    parts = url.partition("://")[2].partition("/")
    return f"/{unquote(parts[2])}" if parts[0].lower() in ("", "localhost") and parts[2] else ""


def _instead(scheme: str, path: str, *, absolute: bool) -> str:
    """Return the remedy for a URL that is not http or https."""
    if scheme == "data":
        return "holds the file itself and cannot be fetched. Give the file, or an http(s) URL of it."
    if scheme == "file":
        return f"is a file on this machine. Give its path{f': {path}' if path else '.'}"
    if scheme == "asset":
        return "is not the reference of an asset. Write asset://ID, without spaces."
    if scheme in _STORES:
        return "names an object in a store. Give the http(s) URL of it, presigned if it is not public."
    if absolute:
        return f"has the scheme {scheme}, but services fetch only http and https. Give an http(s) URL."
    return "is not a URL. Write https:// in front of the host."


def _invalid(url: str, why: str) -> SourceError:
    return SourceError("url_invalid", f"{redact(url)} {why}")


def host_problem(host: str, address: str | None, *, bracketed: bool) -> str | None:
    """Return the problem of a host (in lower case, without brackets) and its remedy; None if it is valid.

    address  the result of `literal`
    """
    if bracketed:
        return _of_ipv6(host)
    return _of_name(host, address) if host.isascii() else _of_international(host)


def _of_name(host: str, address: str | None) -> str | None:
    if not _NAME.fullmatch(host):
        if "%" in host:
            return "has a percent-encoded host. Write the host unencoded."
        return "has a character in its host that is not allowed in host names. Check the host."
    labels = host.removesuffix(".").split(".")
    if "" in labels:
        return "has two dots in a row in its host. Remove one."
    if address is None and _NUMBER.fullmatch(labels[-1]):
        return "has a host that ends in a number and is not an IPv4 address. Check the host."
    return None


def _of_ipv6(host: str) -> str | None:
    if "%" in host:
        return "has an IPv6 address with a zone, which is valid on one machine only. Remove the zone."
    try:
        IPv6Address(host)
    except AddressValueError:
        return "has something in brackets that is not an IPv6 address. Check the host."
    return None


def _of_international(host: str) -> str | None:
    """Reject compatibility characters, which clients convert to others; accept letters, marks and digits."""
    import unicodedata

    odd = any(char in _DOTS or (char not in "-_." and unicodedata.category(char)[0] not in "LMN") for char in host)
    if odd or unicodedata.normalize("NFKC", host) != unicodedata.normalize("NFC", host):
        return "has a character in its host that clients convert to another. Write the host in ASCII (xn--…)."
    return None


_DATED: Final = ("x-amz-", "x-goog-", "x-tos-", "x-oss-", "x-obs-", "x-cos-")
_KEYS: Final = ("key-pair-id", "ossaccesskeyid", "awsaccesskeyid", "googleaccessid", "accesskeyid")
_SIGNATURES: Final = frozenset((*_KEYS, "signature", "sig", "sign", "token", "hmac", "md5", "hash", "hm"))
_EPOCH_SECONDS: Final = re.compile(r"\d{9,13}")
_AKAMAI: Final = re.compile(r"(?:^|[~;/=])exp=(\d{9,12})(?=[~;/]|$)")
_MAX_TIME: Final = 1e11
"""s since 1970 (the year 5138): a larger number is not a time."""


def expires_at(url: str) -> float | None:
    """Return when the signature of a URL expires, in s since 1970; None if it has none or states no time.

    Sources: AWS Signature Version 4 query parameters and version 2 (Expires), CloudFront canned and custom policies,
    Google Cloud Storage V4/V2 signed URLs, Azure Storage SAS (se, ske), Alibaba Cloud OSS V4/V1, Volcengine TOS4,
    Tencent COS (q-sign-time), Akamai tokens (exp=…~), Discord attachments (ex, hexadecimal), JSON Web Tokens (RFC
    7519).

    >>> expires_at("https://b.s3.amazonaws.com/a.png?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-Signature=0")
    1767323105.0
    """
    if len(url) > MAX_URL_CHARS or ("?" not in url and "exp=" not in url):
        return None
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return None
    query = {name.lower(): value for name, value in reversed(pairs)}
    times = [time for time in _times(query, parts.path) if time is not None and 0 <= time < _MAX_TIME]
    return min(times) if times else None


def _times(query: Mapping[str, str], path: str) -> list[float | None]:
    times = [_dated(query.get(f"{by}date"), query.get(f"{by}expires")) for by in _DATED]
    if "sig" in query:  # Azure: the signature ends with the first of its own and its key's end
        times += [_iso(query.get("se")), _iso(query.get("ske"))]
    if _SIGNATURES & query.keys():
        times += [_epoch(query.get(name)) for name in ("expires", "expire", "exp")]
    if "hm" in query and re.fullmatch(r"[0-9A-Fa-f]{8}", query.get("ex", "")):
        times.append(float(int(query["ex"], 16)))
    times += [_policy(query.get("policy")), _epoch(query.get("q-sign-time", "").partition(";")[2])]  # begin;end
    texts = (path, *(query.get(name, "") for name in ("hdnea", "hdnts", "hdntl", "__token__", "token")))
    times += [_web_token(query.get(name)) for name in ("token", "jwt", "access_token")]
    times += [float(found[1]) for text in texts if (found := _AKAMAI.search(text))]
    return times


def _dated(date: str | None, seconds: str | None) -> float | None:
    if date is None or seconds is None or not re.fullmatch(r"\d{8}T\d{6}Z", date) or not seconds.isascii():
        return None
    begin = _iso(date)
    return begin + int(seconds) if begin is not None and seconds.isdigit() and len(seconds) < 10 else None


def _iso(text: str | None) -> float | None:
    """Parse ISO 8601 as Azure accepts it; an unescaped plus sign arrives as a space."""
    try:
        time = datetime.fromisoformat((text or "").replace(" ", "+"))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _epoch(text: str | None) -> float | None:
    if text is None or not _EPOCH_SECONDS.fullmatch(text):
        return None
    return int(text) / 1000 if len(text) == 13 else float(text)


def _web_token(text: str | None) -> float | None:
    """Return the claim `exp` of a token in three parts, as Supabase signs with."""
    parts = (text or "").split(".")
    if len(parts) != 3:
        return None
    try:
        return float(json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))["exp"])
    except (binascii.Error, ValueError, KeyError, IndexError, TypeError, RecursionError, OverflowError):
        return None


def _policy(text: str | None) -> float | None:
    """Return the end of CloudFront's custom policy: JSON in Base64 with three characters replaced for URLs."""
    try:
        plain = base64.b64decode((text or "").translate(str.maketrans("-_~", "+=/")), validate=True)
        limit = json.loads(plain)["Statement"][0]["Condition"]["DateLessThan"]["AWS:EpochTime"]
        return float(limit)
    except (binascii.Error, ValueError, KeyError, IndexError, TypeError, RecursionError, OverflowError):
        return None
