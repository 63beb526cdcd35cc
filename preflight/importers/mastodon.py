"""Limits of a Mastodon server: `configuration` of `GET /api/v2/instance`.

https://docs.joinmastodon.org/entities/Instance/ describes the document. Its limits hold for attachments of posts. Sizes
are bytes, `…_matrix_limit` is width × height, and audio files have the size limit of videos.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from preflight.formats import AUDIO, FORMATS, IMAGE, KINDS, VIDEO

PATH: Final = "/api/v2/instance"

_LIMITS: Final = {
    IMAGE: {"size": "image_size_limit", "pixels": "image_matrix_limit"},
    VIDEO: {"size": "video_size_limit", "pixels": "video_matrix_limit", "fps": "video_frame_rate_limit"},
    AUDIO: {"size": "video_size_limit"},
}
"""By kind and fact, the server's name of the maximum."""


def rule_file(document: Mapping[str, Any], host: str, url: str, day: str) -> str:
    """Return the text of a rule file. Raise `ValueError` if the document does not state which files are accepted."""
    configuration = _table(document, "configuration")
    attachments = _table(configuration, "media_attachments")
    types = attachments.get("supported_mime_types")
    accepted = {text for text in types if isinstance(text, str)} if isinstance(types, list) else set()
    sections = {kind: list(_section(kind, accepted, attachments)) for kind in KINDS}
    if not any(sections.values()):
        raise ValueError("it does not state configuration.media_attachments. Check that it is a Mastodon server.")
    lines = [
        f"title = {json.dumps(f'Mastodon at {host}: attachments of a post')}",  # TOML reads JSON's strings
        'stage = "post"',
        f"source = {json.dumps(url)}",
        f"as_of = {day}",
        'basis = "published"',
    ]
    for kind, limits in sections.items():
        lines += ["", f"[{kind}]", *limits] if limits else []
    if number := _number(_table(configuration, "statuses").get("max_media_attachments")):
        lines += ["", "[request.all]", f"files = {{ max = {number} }}"]
    return "\n".join(lines) + "\n"


def _section(kind: str, accepted: set[str], attachments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limits on a kind; none if no format of it is accepted."""
    formats = [
        name
        for name, entry in FORMATS.items()
        if kind in entry.kinds and any(mime in accepted for mime in entry.mimes if mime.startswith(f"{kind}/"))
    ]
    if not formats:
        return
    yield f"format = {{ any_of = {json.dumps(formats)} }}"
    for fact, name in _LIMITS[kind].items():
        if number := _number(attachments.get(name)):
            yield f"{fact} = {{ max = {number} }}"


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int | None:
    """Return a positive number; None for anything else, and for what no rule file needs."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 53 else None
