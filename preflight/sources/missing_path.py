"""Suggest what a path that does not exist may mean: a URL without its scheme, a path of another system."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import unquote

from preflight.formats import KINDS, KNOWN_EXTENSIONS

_SLASHES: Final = re.compile(r"https?(:/?|//)(?!/)", re.IGNORECASE)
"""A scheme that lost its colon or slashes, as in path functions that drop empty parts."""
_FILE: Final = re.compile(r"file:/*(?=/)", re.IGNORECASE)
_WINDOWS: Final = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
_HOST: Final = re.compile(
    r"(?:(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?P<top>[a-z]{2,24}|xn--[a-z0-9-]+|\d{1,3})|localhost)(?P<port>:\d{1,5})?",
    re.IGNORECASE,
)


def missing_path_advice(name: str) -> str | None:
    """Return what to do about a path that does not exist, to end a sentence; None if there is no suggestion."""
    lower = name.lower()
    if lower.startswith("blob:"):
        return "a blob: URL is valid in one browser tab only: download the file there, or give its http(s) URL"
    if "asset://" in lower and "/" not in name.partition("=")[0]:
        return f"write an asset as asset://ID or KIND=asset://ID, with {', '.join(KINDS)} for KIND"
    if _SLASHES.match(name) and not os.path.isdir(name.partition("/")[0]):
        return "give the URL as a string, with // after the colon"
    if match := _FILE.match(name):
        return f"give the path alone: {unquote(name[match.end() :])}"
    if _WINDOWS.match(name) and os.sep == "/":
        return "this is a Windows path: give the path of the file on this system"
    if name.startswith("//") and name.strip("/"):
        return f"if it is a URL, add its scheme: https:{_without_query(name)}"
    if lower.startswith("www.") or _is_host(name.partition("/")[0], "/" in name):
        return f"if it is a URL, add the scheme: https://{_without_query(name)}"
    if name.startswith("~"):
        return "only the shell expands ~, and only outside quotation marks: write the full path"
    if name.startswith(("$", "%")):
        return "only the shell expands variables, and only outside single quotation marks: write the full path"
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        return "remove the quotation marks, which are part of this name"
    return None


def _is_host(first: str, has_path: bool) -> bool:
    """Return whether the first part of a path can be a host, and no folder or file is meant."""
    match = _HOST.fullmatch(first)
    if match is None or os.path.isdir(first):
        return False
    if match["top"] is not None and match["top"].isdecimal():  # an address, not a version
        return first.partition(":")[0].count(".") == 3
    if match["port"]:
        return True
    return has_path and (match["top"] or "").lower() not in KNOWN_EXTENSIONS


def _without_query(name: str) -> str:
    """Hide the query, which may hold a signature."""
    path, mark, _ = name.partition("?")
    return f"{path}?…" if mark else path
