"""How URLs are read: `HttpOptions`. Loads nothing, so that the command line can have it without the HTTP library."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from preflight.errors import UsageError
from preflight.net.custom_headers import Headers, checked_headers, checked_user_agent

LONGEST: Final = 86_400


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What a caller may choose about URLs; equal options share one connection pool.

    timeout        s for one source in all: addresses, connects, answers, retries, waits that a server asks for
    allow_private  also read from addresses that only this network reaches
    trust_env      take proxies, netrc and the CA bundle from the environment
    proxy          URL of the proxy to use
    max_redirects  how many redirects are followed
    per_host       requests to one host at the same time, over all threads
    retries        further tries after a failed connect, a broken answer, 429 and 5xx
    user_agent     sent in place of preflight's own
    headers        sent to the scheme, host and port of the URL as given alone, and never shown
    """

    timeout: float = 30.0
    allow_private: bool = False
    trust_env: bool = False
    proxy: str | None = field(default=None, repr=False)  # may carry a password
    max_redirects: int = 5
    per_host: int = 16
    retries: int = 2
    user_agent: str | None = None
    headers: Headers = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Raises `UsageError` for what cannot be meant."""
        if not isinstance(self.timeout, int | float) or not 0 < self.timeout <= LONGEST:
            raise UsageError(f"timeout {self.timeout}: give seconds, above 0 and at most {LONGEST:,}")
        if self.max_redirects < 0 or self.retries < 0 or self.per_host < 1:
            raise UsageError("max_redirects and retries are 0 or more, per_host is 1 or more")
        if self.proxy is not None and not re.match(r"(https?|socks[45][ah]?)://[^/]", self.proxy):
            raise UsageError("the proxy is given as http://host:port")
        object.__setattr__(self, "user_agent", checked_user_agent(self.user_agent))
        object.__setattr__(self, "headers", checked_headers(self.headers))


USUAL: Final = HttpOptions()
