"""The generation request for registered assets, ready to send: `GenerationSpec`, `GenerationRequest`."""

from __future__ import annotations

import json as json_text
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pprint import pformat
from shlex import quote
from typing import Final, Literal, NamedTuple, Protocol, Self

from preflight.escape import printable

ROLES: Final[Mapping[str, str]] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "image",
    "reference_video": "video",
    "reference_audio": "audio",
}
"""The roles of assets in a request, with the kind that each takes; without a role, an asset is a reference."""
_UNUSUAL: Final = re.compile(r"[^\n -~]")

Use = Literal["image-to-video", "reference-to-video"]
"""`image-to-video` begins (and ends) with an image; `reference-to-video` takes images, videos and audio."""


class Field(NamedTuple):
    """The field of a request's body for the assets of one role.

    one   its name if there is one asset: the value is the reference; None: always a list
    many  its name for a list of references; None: it takes one asset
    """

    one: str | None = None
    many: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSpec:
    """How one provider's generation requests name assets.

    title    the provider's name in messages
    host     which of the provider's hosts takes the request; origin: its scheme and host
    path     of the call, with {model} and {use} where they are part of it; "": no page documents it
    key      the environment variable with the key; header: the header with the key, and what precedes the key in it
    layout   `input`: the fields are in the object `input`, beside `model`; `path`: at the top, the model is in the
             path; `content`: a list of items, each with its type and role
    fields   the field for each role that it takes; of a `content` item, the roles alone count
    models   the model by use; a use without one: no page names a model, so the caller must
    require  text that the name of a model must have, and why
    mention  how a prompt names an asset, with {kind} and {number}; "": not documented
    mentions_required  the prompt must name each asset
    notes    sentences for the reader of the request: where two pages differ
    rules    the rule set of the stage generate that judges the assets together
    """

    title: str
    host: str = "main"
    origin: str = ""
    path: str = ""
    key: str = ""
    header: tuple[str, str] = ("Authorization", "Bearer ")
    layout: Literal["input", "path", "content"] = "input"
    fields: Mapping[str, Field] = field(default_factory=dict)
    models: Mapping[Use, str] = field(default_factory=dict)
    require: tuple[str, str] | None = None
    mention: str = ""
    mentions_required: bool = False
    notes: tuple[str, ...] = ()
    rules: str = "seedance-2.0"

    def at(self, origins: Mapping[str, str]) -> Self:
        """Return a copy with the origin of its host."""
        return replace(self, origin=origins[self.host])


class UsableAsset(Protocol):
    """The attributes of an asset that a request needs."""

    @property
    def id(self) -> str:
        """The id that the provider's own calls take."""

    @property
    def provider(self) -> str:
        """The name of the provider."""

    @property
    def status(self) -> str:
        """`active` if it can be used."""

    @property
    def kind(self) -> str | None:
        """Return image, video or audio; None if it is not known."""

    @property
    def reference(self) -> str | None:
        """Return the string that stands for it in a request."""

    @property
    def generation(self) -> GenerationSpec | None:
        """Return how its provider's requests name assets; None if no page documents it."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request that generates a video from assets, as data; nothing is sent.

    headers  with the name of an environment variable, as $NAME, in place of the key; `key` is that name
    names    how the prompt can name the assets: `@Image1` → `asset://…`; empty if no page documents it
    notes    what a reader should know: what was added to the prompt, where two pages of the provider differ
    """

    provider: str
    method: str
    url: str
    headers: Mapping[str, str]
    json: Mapping[str, object]
    key: str
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with every field."""
        return {
            "provider": self.provider,
            "method": self.method,
            "url": self.url,
            "headers": dict(self.headers),
            "json": dict(self.json),
            "key": self.key,
            "names": dict(self.names),
            "notes": list(self.notes),
        }

    def curl(self) -> str:
        """Return a command for a POSIX shell, which expands the key; all else is quoted."""
        lines = [f"curl -sS -X {self.method} {quote(self.url)}"]
        for name, value in self.headers.items():
            # Only the header with the key is in double quotes; its text is a spec's own.
            lines.append(f'  -H "{name}: {value}"' if f"${self.key}" in value else f"  -H {quote(f'{name}: {value}')}")
        lines.append(f"  -d {quote(_to_text(self.json))}")
        return self._comments() + " \\\n".join(lines) + "\n"

    def python(self) -> str:
        """Return a script that reads the key from the environment and sends the request with requests."""
        headers = ", ".join(
            f'{name!r}: {value.partition("$")[0]!r} + os.environ["{self.key}"]'
            if f"${self.key}" in value
            else f"{name!r}: {value!r}"
            for name, value in self.headers.items()
        )
        body = pformat(dict(self.json), width=110, sort_dicts=False).replace("\n", "\n    ")
        return (
            f"{self._comments()}import os\n\nimport requests\n\n"
            f"response = requests.request(\n    {self.method!r},\n    {self.url!r},\n"
            f"    headers={{{headers}}},\n    json={body},\n    timeout=60,\n)\n"
            "print(response.text)\nresponse.raise_for_status()\n"
        )

    def _comments(self) -> str:
        named = [f"{name} = {printable(reference)}" for name, reference in self.names.items()]
        return "".join(f"# {line}\n" for line in (*self.notes, *named))


def _to_text(body: Mapping[str, object]) -> str:
    """Return a body as JSON; characters that a terminal would interpret, and halves of characters, are escaped."""
    text = json_text.dumps(body, ensure_ascii=False, indent=2)
    return _UNUSUAL.sub(lambda found: found[0] if found[0].isprintable() else json_text.dumps(found[0])[1:-1], text)
