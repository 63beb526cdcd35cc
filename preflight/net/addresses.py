"""Which addresses the whole internet can reach: `kind_of`.

The tables are written out, from the IANA special-purpose address registries (RFC 6890): what `ipaddress` calls
global differs between Python versions, and lets through addresses that hold another address inside.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

from preflight.errors import SourceError
from preflight.net.errors import unresolved

METADATA: Final = "cloud metadata"
"""The kind of the addresses at which a cloud hands its machines their keys: nothing there is a file."""
_IPV4: Final = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("169.254.169.254/32", METADATA),  # of most clouds
        ("169.254.170.2/32", METADATA),  # of AWS, for containers
        ("169.254.170.23/32", METADATA),
        ("169.254.0.23/32", METADATA),
        ("169.254.42.42/32", METADATA),
        ("100.100.100.200/32", METADATA),
        ("100.96.0.96/32", METADATA),
        ("168.63.129.16/32", METADATA),  # on an address that looks public
        ("192.0.0.192/32", METADATA),
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private network"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private network"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private network"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_IPV6: Final = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("fd00:ec2::254/128", METADATA),
        ("fd00:ec2::23/128", METADATA),
        ("fd00:c1::a9fe:a9fe/128", METADATA),
        ("fd00:42::42/128", METADATA),
        ("fd20:ce::254/128", METADATA),
        ("fe80::a9fe:a9fe/128", METADATA),
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "private network"),  # RFC 8215: NAT64 inside one network
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL: Final = IPv6Network("2000::/3")
"""The one part of IPv6 that is given out (RFC 4291 2.4); everything else is reserved."""
_LOW_32: Final = tuple(
    IPv6Network(network)
    for network in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")  # mapped, translated (RFC 2765), NAT64
)
_6TO4: Final = IPv6Network("2002::/16")
_TEREDO: Final = IPv6Network("2001::/32")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""RFC 5214 6.1: an interface identifier that ends in an IPv4 address."""


def kind_of(address: str) -> str | None:
    """Why nobody outside can reach `address`: `loopback`, `private network`, `link-local` …; None: everybody can.

    >>> kind_of("93.184.216.34"), kind_of("::ffff:10.0.0.1"), kind_of("64:ff9b::7f00:1")
    (None, 'private network', 'loopback')
    """
    try:
        return _kind(ip_address(address.partition("%")[0]))
    except ValueError:
        return "not an address"


def is_literal(host: str) -> bool:
    """Whether `host` is an address and no name, in any notation that a resolver takes (`127.1`, `0x7f.1`)."""
    return literal(host) is not None


def literal(host: str) -> str | None:
    """Return the address that `host` is, in its usual notation; None if it is a name.

    >>> literal("0177.1"), literal("2130706433"), literal("[::1]"), literal("127.0.0.1."), literal("h.example")
    ('127.0.0.1', '127.0.0.1', '::1', '127.0.0.1', None)
    """
    host = host.strip("[]").removesuffix(".")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:  # octal and hexadecimal numbers, and fewer than four of them, as every resolver reads them
        return socket.inet_ntoa(socket.inet_aton(host)) if host[:1].isdigit() and host.isascii() else None
    except OSError:
        return None


def _kind(ip: IPv4Address | IPv6Address) -> str | None:
    if isinstance(ip, IPv4Address):
        return next((kind for network, kind in _IPV4 if ip in network), None)
    inner = [_kind(hidden) for hidden in _hidden(ip)]
    if inner:
        return next((kind for kind in inner if kind is not None), None)
    kind = next((kind for network, kind in _IPV6 if ip in network), None)
    if kind is None and ip not in _GLOBAL:
        kind = "reserved"
    if kind is None and int(ip) >> 32 & 0xFFFFFFFF in _ISATAP:
        kind = _kind(IPv4Address(int(ip) & 0xFFFFFFFF))
    return kind


def _hidden(ip: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses to which a packet to `ip` is carried in the end."""
    number = int(ip)
    if any(ip in network for network in _LOW_32):
        yield IPv4Address(number & 0xFFFFFFFF)
    elif ip in _6TO4:  # RFC 3056 2
        yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    elif ip in _TEREDO:  # RFC 4380 4: the server, then the client with every bit turned
        yield IPv4Address(number >> 64 & 0xFFFFFFFF)
        yield IPv4Address(~number & 0xFFFFFFFF)


Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) → its addresses as text, in the order to try them. Raises `OSError` where there is none."""
Judge = Callable[[str], str | None]
"""address → why it is not public; None where it is."""


class Admitted(NamedTuple):
    """The addresses of a host that may be connected to; whether all, and whether only some, of its are public."""

    addresses: tuple[str, ...]
    public: bool
    mixed: bool


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host` by the system's resolver, each once."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """What a name may lead to. `resolve` and `judge` are there to be replaced by tests."""

    def __init__(self, *, allow_private: bool, resolve: Resolver = resolve, judge: Judge = kind_of) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._judge = judge

    def admit(self, host: str, port: int, timeout: float) -> Admitted:
        """The addresses of `host` that may be connected to. Raises `SourceError`."""
        address = literal(host)
        try:
            found = [address] if address is not None else _within(timeout, partial(self._resolve, host, port))
        except (OSError, UnicodeError) as error:
            raise unresolved(host, error if isinstance(error, OSError) else socket.gaierror()) from None
        return admit(host, found, allow_private=self._allow_private, judge=self._judge)


def admit(host: str, found: Sequence[str], *, allow_private: bool, judge: Judge = kind_of) -> Admitted:
    """Which of the addresses `found` for `host` may be connected to: the public ones, and with `allow_private` those
    of this network too, but for metadata services.

    Raises `SourceError` `address_not_public` where none is left.
    """
    kinds = {address: judge(address) for address in found}
    public = tuple(address for address, kind in kinds.items() if kind is None)
    private = tuple(address for address, kind in kinds.items() if kind not in (None, METADATA))
    admitted = public + private if allow_private else public
    if not admitted:
        address, kind = next(iter(kinds.items()), ("nowhere", "no address"))
        where = host if host.strip("[]") == address else f"{host} leads to {address}, which"
        raise SourceError("address_not_public", f"{where} is no public address ({kind}): {_remedy(kind)}")
    return Admitted(admitted, len(public) == len(kinds), 0 < len(public) < len(kinds))


def _remedy(kind: str | None) -> str:
    if kind == METADATA:
        return "such addresses are never read; give the address of the file"
    return (
        "no service can fetch from it; put the file on a public host, or allow private addresses if only this network"
        " has to read it"
    )


def _within(timeout: float, call: Callable[[], Sequence[str]]) -> Sequence[str]:
    """What `call` gives, or `TimeoutError`: the system's resolver knows no timeout, so it is left alone in a thread."""
    outcome: list[Sequence[str] | Exception] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # handed over to the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise TimeoutError("the address could not be looked up in time")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
