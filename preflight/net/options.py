"""Choose how URLs are fetched: `HttpOptions`, with a user agent and custom headers, which are secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from preflight.errors import UsageError

MAX_TIMEOUT: Final = 86_400
Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers as a caller gives them."""

_SET_BY_CLIENT: Final = frozenset(
    (
        *("host", "range", "if-range", "expect", "accept-encoding", "content-encoding", "content-length"),
        *("transfer-encoding", "te", "trailer", "connection", "keep-alive", "upgrade", "http2-settings"),
        *("proxy-connection", "proxy-authorization", "if-match", "if-none-match", "if-modified-since"),
        "if-unmodified-since",
    )
)
"""Headers of framing, connections and ranges: another value breaks the request or its response."""
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_VALUE: Final = re.compile(r"[ \t!-~]*")
MAX_HEADERS: Final = 32
MAX_VALUE_CHARS: Final = 8192
_MIN_SECRET_CHARS: Final = 6
"""Shorter words occur in many messages by chance."""


def checked_headers(given: Headers) -> tuple[tuple[str, str], ...]:
    """Return headers as pairs of name and value. Raise `UsageError` if one cannot be sent.

    Its message shows no value, and no name that may hold one.
    """
    pairs = tuple(given.items() if isinstance(given, Mapping) else _pairs(given))
    if len(pairs) > MAX_HEADERS:
        raise UsageError(f"{len(pairs)} headers are given. Give at most {MAX_HEADERS}.")
    names = set()
    for number, (name, value) in enumerate(pairs, 1):
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise UsageError(f"The name of header {number} is invalid. Use letters, digits and hyphens.")
        lower = name.lower()
        if lower == "user-agent":
            raise UsageError("Header 'User-Agent' has its own option. Set the user agent instead.")
        if lower in _SET_BY_CLIENT:
            raise UsageError(f"Header {name!r} is set by the HTTP client. Leave it out.")
        if lower in names:
            raise UsageError(f"Header {name!r} is given twice. Join its values with a comma.")
        names.add(lower)
        _check_value(f"The value of header {name!r}", value)
    return tuple((name, value.strip()) for name, value in pairs)


def checked_user_agent(text: str | None) -> str | None:
    """Return the user agent, or None, unchanged. Raise `UsageError` if it cannot be sent."""
    if text is None:
        return None
    _check_value("The user agent", text)
    if not text.strip():
        raise UsageError("The user agent is empty. Give a non-empty string, or omit it.")
    return text.strip()


def check_proxy(url: str, schemes: Collection[str]) -> None:
    """Raise `UsageError` for what is not the URL of a proxy with one of `schemes`."""
    from urllib.parse import urlsplit  # loads ipaddress: 2 ms

    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(
            f"proxy= is not the URL of a proxy ({', '.join(schemes)}). Give http://host:port.", parameters=("proxy",)
        )


def header_redactor(headers: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """Return a function that hides header values in a text: a server may echo what it was sent."""
    words = {word for _, value in headers for word in (value, *value.split())}
    secrets = sorted((word for word in words if len(word) >= _MIN_SECRET_CHARS), key=len, reverse=True)
    if not secrets:
        return str
    from preflight.net.redact import HIDDEN  # only for custom headers

    pattern = re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
    return lambda text: pattern.sub(HIDDEN, text)


def _pairs(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else [None]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise UsageError("The headers are not pairs of name and value. Give a dict of strings.")
    return [(name, value) for name, value in pairs]


def _check_value(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{what} has type {type(value).__name__}. Give a string.")
    if len(value) > MAX_VALUE_CHARS:
        raise UsageError(f"{what} has {len(value):,} characters. Give at most {MAX_VALUE_CHARS:,}.")
    if not _VALUE.fullmatch(value):
        raise UsageError(f"{what} holds a line break, a control character or a character outside ASCII. Remove it.")


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How URLs are fetched; equal options share one connection pool.

    timeout        total s for one source: look-ups, connecting, responses, retries, waits that a server asks for
    allow_private  also connect to addresses that only this network reaches
    trust_env      take proxies and netrc from the environment
    proxy          URL of the proxy to use
    ca_bundle      path of a PEM file, or of a folder of certificates: the authorities that are trusted; None: those of
                   REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, or else certifi's
    max_redirects  redirects that are followed
    per_host       requests to one host at the same time, over all threads
    retries        further attempts after a failed connection, an incomplete response, 429 and 5xx
    user_agent     sent in place of preflight's own
    headers        sent only to the scheme, host and port of the URL as given, and never shown
    """

    timeout: float = 30.0
    allow_private: bool = False
    trust_env: bool = False
    proxy: str | None = field(default=None, repr=False)  # may carry a password
    ca_bundle: str | None = None
    max_redirects: int = 5
    per_host: int = 16
    retries: int = 2
    user_agent: str | None = None
    headers: Headers = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Raise `UsageError` for a value outside its bounds."""
        if not isinstance(self.timeout, int | float) or not 0 < self.timeout <= MAX_TIMEOUT:
            raise UsageError(
                f"timeout={self.timeout} is out of range. Give seconds above 0, at most {MAX_TIMEOUT:,}.",
                parameters=("timeout",),
            )
        if self.max_redirects < 0 or self.retries < 0 or self.per_host < 1:
            raise UsageError(
                "An option of HttpOptions is out of range. Give max_redirects and retries from 0, per_host from 1."
            )
        if self.proxy is not None:
            check_proxy(self.proxy, ("http", "https", "socks4", "socks4a", "socks5", "socks5h"))
        if self.ca_bundle is not None:
            from preflight.net.certificates import check_ca_bundle  # loads ssl, which few calls need this early

            check_ca_bundle(self.ca_bundle)
        object.__setattr__(self, "user_agent", checked_user_agent(self.user_agent))
        object.__setattr__(self, "headers", checked_headers(self.headers))


DEFAULT_OPTIONS: Final = HttpOptions()
