"""The hostile server: a misbehaviour by the first part of the path, `/endless/clip.mp4`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers import bodies, codings, floods, manners, ranges
from tests.servers.registry import BEHAVIOURS
from tests.servers.talk import Server

__all__ = ["BEHAVIOURS", "bodies", "codings", "floods", "hostile", "manners", "ranges"]


def hostile(files: Mapping[str, bytes] | None = None, **settings: object) -> Server:
    """A server with every behaviour of these modules, over `files`."""
    return Server(BEHAVIOURS, dict(files or {}), **settings)  # type: ignore[arg-type]
