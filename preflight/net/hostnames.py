"""Reject hosts that clients parse differently: `host_problem`. All clients must connect to the host checked here."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from preflight.net.addresses import is_literal

_NAME: Final = re.compile(r"[a-z0-9_.-]+")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label of digits makes an IPv4 address of a host (WHATWG URL 3.5)."""
_DOTS: Final = frozenset("\u3002\uff0e\uff61")
"""Characters that IDNA treats as a dot (UTS 46 4)."""


def host_problem(host: str, bracketed: bool) -> str | None:
    """Return what is wrong with a host (in lower case, without brackets) and what to do; None if nothing is."""
    if bracketed:
        return _of_ipv6(host)
    if "%" in host:
        return "has a percent-encoded host: write the host unencoded"
    if not host.isascii():
        return _of_international(host)
    if not _NAME.fullmatch(host):
        return "has a character in its host that is not allowed in host names: check the host"
    labels = host.removesuffix(".").split(".")
    if "" in labels:
        return "has two dots in a row in its host: remove one"
    if _NUMBER.fullmatch(labels[-1]) and not is_literal(host):
        return "has a host that ends in a number and is not an IPv4 address: check the host"
    return None


def _of_ipv6(host: str) -> str | None:
    if "%" in host:
        return "has an IPv6 address with a zone, which is valid on one machine only: remove the zone"
    try:
        IPv6Address(host)
    except AddressValueError:
        return "has something in brackets that is not an IPv6 address: check the host"
    return None


def _of_international(host: str) -> str | None:
    """Reject compatibility characters, which clients convert to others; accept letters, marks and digits."""
    import unicodedata

    odd = any(char in _DOTS or (char not in "-_." and unicodedata.category(char)[0] not in "LMN") for char in host)
    if odd or unicodedata.normalize("NFKC", host) != unicodedata.normalize("NFC", host):
        return "has a character in its host that clients convert to another: write the host in ASCII (xn--…)"
    return None
