"""The generation request for active assets of one provider, checked and ready to send: `generation_request`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pprint import pformat
from shlex import quote
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, Self

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.report import Rejected, Report

if TYPE_CHECKING:
    from preflight.sources.open import Target

ROLES: Final[Mapping[str, str]] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "image",
    "reference_video": "video",
    "reference_audio": "audio",
}
"""The roles of assets in a request, with the kind that each takes; without a role, an asset is a reference."""
_NOT_PLAIN_ASCII: Final = re.compile(r"[^\n -~]")

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
    host     which of the provider's hosts takes the request
    origin   scheme and host of that host
    path     of the call, with {model} and {use} where they are part of it; "": no page documents it
    key      the environment variable with the key
    header   the header with the key, and what precedes the key in it
    layout   `input`: the fields are in the object `input`, beside `model`; `path`: at the top, the model is in the
             path; `content`: a list of items, each with its type and role
    fields   the field for each role that it takes; with the layout `content` only the roles count
    models   the model by use; where no page names one, the caller must
    require  text that a model's name must contain, and why
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
        """Return the id that the provider's own calls take."""

    @property
    def provider(self) -> str:
        """Return the name of the provider."""

    @property
    def status(self) -> str:
        """Return the status: `active` if it can be used."""

    @property
    def kind(self) -> str | None:
        """Return image, video or audio; None if the kind is not known."""

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
        return {**asdict(self), "notes": list(self.notes)}

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
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return _NOT_PLAIN_ASCII.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)


_FRAMES: Final = ("first_frame", "last_frame")
_MODEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9:_/-]|\.(?!\.)){0,199}")


class _Used(NamedTuple):
    """One asset in a request."""

    role: str
    reference: str
    asset: UsableAsset

    @property
    def kind(self) -> str:
        """Return image, video or audio."""
        return ROLES[self.role]


def generation_request(
    assets: Iterable[UsableAsset] = (),
    *,
    prompt: str,
    roles: Mapping[str, UsableAsset] | None = None,
    model: str | None = None,
    parameters: Mapping[str, object] | None = None,
    files: Mapping[str, Target] | None = None,
) -> GenerationRequest:
    """Return the request that generates a video from active assets of one provider. Sends nothing.

    assets      references, in the order in which a prompt counts those of each kind
    roles       further assets by role: `first_frame`, `last_frame`; `reference_video` for one of unknown kind
    model       in place of the one that the provider's pages name
    parameters  further fields, as the provider calls them: `{"duration": 5, "resolution": "720p"}`
    files       the files from which assets were registered, by asset id: their facts are checked too

    Raise `UsageError`, and `Rejected` if the rule set for the request does not accept these assets together.
    """
    if not isinstance(assets, Iterable):
        raise UsageError("One asset is given where several are expected. Give a list of assets.")
    listed, by_role = [*assets], dict(roles or {})
    spec, provider = _spec_of([*listed, *by_role.values()])
    used = [_used(spec, None, asset) for asset in listed]
    used += [_used(spec, role, asset) for role, asset in by_role.items()]
    use = _use_of(spec, used)
    name = _model(spec, use, model)
    text, names, notes = _prompt(spec, used, prompt)
    body = _body(spec, used, name, text, parameters or {})
    _require_accepted(spec, used, files or {})
    header, scheme = spec.header
    return GenerationRequest(
        provider,
        "POST",
        spec.origin + spec.path.format(model=name, use=use),
        {header: f"{scheme}${spec.key}", "Content-Type": "application/json"},
        body,
        spec.key,
        names,
        (*spec.notes, *notes),
    )


def _spec_of(assets: Sequence[UsableAsset]) -> tuple[GenerationSpec, str]:
    """Return the provider that all assets share, and how its requests name them."""
    if not assets:
        raise UsageError("No asset given. Give the assets of the request.")
    providers = sorted({asset.provider for asset in assets})
    if len(providers) > 1:
        raise UsageError(f"These assets are at {' and '.join(providers)}. Make one request for each provider.")
    spec = assets[0].generation
    if spec is None:
        raise UsageError(
            f"The asset {printable(repr(assets[0].id))} has no specification of requests at {providers[0]}. "
            "Use an asset that a provider returned."
        )
    if not spec.path:
        raise UsageError(f"{spec.title}: no page documents how a generation request names an asset. Ask its support.")
    return spec, providers[0]


def _used(spec: GenerationSpec, role: str | None, asset: UsableAsset) -> _Used:
    """Return an asset with its role. Raise `UsageError` if it is not active, or cannot have the role."""
    shown = printable(asset.id)
    if role is None and asset.kind is None:
        raise UsageError(
            f"{spec.title}: the kind of the asset {shown} is not known. Name it in roles= as reference_image, "
            "reference_video or reference_audio.",
            parameters=("roles",),
        )
    role = role or f"reference_{asset.kind}"
    if role not in spec.fields:
        raise UsageError(f"{spec.title} has no role {printable(repr(role))}. Choose one of {', '.join(spec.fields)}.")
    if asset.kind not in (None, ROLES[role]):
        raise UsageError(
            f"{spec.title}: the asset {shown} is of kind {asset.kind}, and {role} takes the kind {ROLES[role]}. "
            "Choose another role."
        )
    if asset.status != "active":
        remedy = (
            "Register its file again." if asset.status == "failed" else "Wait until `assets get` shows it as active."
        )
        raise UsageError(f"{spec.title}: the asset {shown} is {asset.status}, not active. {remedy}")
    if not asset.reference:
        raise UsageError(f"{spec.title}: the asset {shown} has no reference. Get it from the provider again.")
    return _Used(role, asset.reference, asset)


def _use_of(spec: GenerationSpec, used: Sequence[_Used]) -> Use:
    """Return the use of a request with these roles. Raise `UsageError` for roles that exclude each other."""
    roles = [one.role for one in used]
    for role in roles:
        if roles.count(role) > 1 and spec.fields[role].many is None:
            raise UsageError(f"{spec.title} takes one asset as {role}, and {roles.count(role)} are given. Choose one.")
    frames = [role for role in roles if role in _FRAMES]
    if not frames:
        return "reference-to-video"
    if len(frames) < len(roles):
        raise UsageError(
            f"{spec.title} does not combine {frames[0]} with references. Give frames alone, or references alone."
        )
    if "first_frame" not in frames:
        raise UsageError(f"{spec.title} takes a last_frame only with a first_frame. Give a first_frame too.")
    return "image-to-video"


def _model(spec: GenerationSpec, use: Use, model: str | None) -> str:
    name = model or spec.models.get(use)
    if name is None:
        raise UsageError(f"{spec.title}: no page names the model for assets. Give model=.", parameters=("model",))
    if not _MODEL.fullmatch(name):
        raise UsageError(
            f"{spec.title}: {name[:80]!r} is not the name of a model. Give another model=.",
            parameters=("model",),
        )
    if spec.require is not None and spec.require[0] not in name:
        text, why = spec.require
        raise UsageError(
            f"{spec.title}: {name} cannot use assets, since {why}. Give a model= with {text}.", parameters=("model",)
        )
    return name


def _prompt(spec: GenerationSpec, used: Sequence[_Used], prompt: str) -> tuple[str, dict[str, str], list[str]]:
    """Return the prompt, the references by the names that it can use, and what was added to it."""
    if not isinstance(prompt, str) or not prompt.strip():
        raise UsageError("The prompt is empty. Give prompt=.", parameters=("prompt",))
    if not spec.mention or any(one.role in _FRAMES for one in used):
        return prompt, {}, []
    counts: dict[str, int] = {}
    names = {}
    for one in used:
        counts[one.kind] = counts.get(one.kind, 0) + 1
        names[spec.mention.format(kind=one.kind.capitalize(), number=counts[one.kind])] = one.reference
    if not spec.mentions_required:
        return prompt, names, []
    found = _mentions(spec, prompt)
    if unknown := [name for name in found if name not in names]:
        raise UsageError(
            f"{spec.title}: the prompt names {unknown[0]}, which is not in the request. Name only {', '.join(names)}.",
            parameters=("prompt",),
        )
    absent = [name for name in names if name not in found]
    if not absent:
        return prompt, names, []
    added = " ".join(absent)
    return f"{prompt.rstrip()} {added}", names, [f"{spec.title} needs each asset named in the prompt: added {added}."]


def _mentions(spec: GenerationSpec, prompt: str) -> list[str]:
    """Return the names of assets in a prompt."""
    pattern = re.escape(spec.mention).replace(r"\{kind\}", "(?:Image|Video|Audio)").replace(r"\{number\}", r"\d+")
    return re.findall(pattern, prompt)


def _body(
    spec: GenerationSpec, used: Sequence[_Used], model: str, prompt: str, parameters: Mapping[str, object]
) -> dict[str, object]:
    """Return the body of the request. Raise `UsageError` for a parameter that it already has."""
    given = _parameters(parameters)
    if spec.layout == "content":
        fixed: dict[str, object] = {"model": model, "content": [{"type": "text", "text": prompt}, *map(_item, used)]}
    else:
        fixed = {"prompt": prompt, **_fields(spec, used)}
    if clash := sorted(given.keys() & (fixed.keys() | {"model"})):
        text = f"The parameter {clash[0]} is set by the request itself. Leave it out of parameters=."
        raise UsageError(text, parameters=("parameters",))
    if spec.layout == "input":
        return {"model": model, "input": {**fixed, **given}}
    return {**fixed, **given}


def _fields(spec: GenerationSpec, used: Sequence[_Used]) -> dict[str, object]:
    """Return the fields with the references, in the order of the spec."""
    found: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    for role, names in spec.fields.items():
        references = [one.reference for one in used if one.role == role]
        if names.one is not None and len(references) == 1:
            found[names.one] = references[0]
        elif names.many is not None and references:
            # Two roles may share one list: the first and the last frame.
            lists.setdefault(names.many, []).extend(references)
            found[names.many] = lists[names.many]
    return found


def _item(one: _Used) -> dict[str, object]:
    kind = f"{one.kind}_url"
    return {"type": kind, kind: {"url": one.reference}, "role": one.role}


def _parameters(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters as they are sent. Raise `UsageError` for one that JSON cannot hold."""
    sent = {}
    for name, value in parameters.items():
        if not isinstance(name, str) or not name:
            raise UsageError(f"{str(name)!r} is not the name of a parameter. Give text.")
        try:
            sent[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise UsageError(f"The parameter {printable(name)} cannot be sent as JSON. Give another value.") from None
    return sent


def _require_accepted(spec: GenerationSpec, used: Sequence[_Used], files: Mapping[str, Target]) -> None:
    """Raise `Rejected` if the rule set does not accept the assets together. Unknown facts are not a failure."""
    from preflight.request import check_request, role_names
    from preflight.sources.open import AssetReference

    # References of all kinds have one role in a rule set, the last of its names.
    *known, reference = role_names(spec.rules)
    targets: dict[str, list[Target]] = {}
    for one in used:
        target = files.get(one.asset.id) or AssetReference(one.reference, one.kind)
        targets.setdefault(one.role if one.role in known else reference, []).append(target)
    result, reports = check_request(targets, spec.rules)
    if result.verdict != "fail":
        return
    finding = next(finding for finding in result.findings if finding.severity == "error")
    message = f"{spec.title} will not accept these assets together: {finding.message} [{finding.code}]."
    request = Report("<request>", None, (result,), len(reports))
    raise Rejected(f"{message} Change the assets of the request.", request)
