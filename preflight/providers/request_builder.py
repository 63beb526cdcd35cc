"""Build the generation request for active assets of one provider, and check it: `generation_request`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers.generation import ROLES, GenerationRequest, GenerationSpec, UsableAsset, Use
from preflight.report import Rejected, Report

if TYPE_CHECKING:
    from preflight.sources.open import Target

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
            f"The asset {printable(assets[0].id)!r} has no specification of requests at {providers[0]}. "
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
        raise UsageError(f"{spec.title} has no role {printable(role)!r}. Choose one of {', '.join(spec.fields)}.")
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
            f"{spec.title}: {printable(name)[:80]!r} is not the name of a model. Give another model=.",
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
            raise UsageError(f"{printable(str(name))!r} is not the name of a parameter. Give text.")
        try:
            sent[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise UsageError(f"The parameter {printable(name)} cannot be sent as JSON. Give another value.") from None
    return sent


def _require_accepted(spec: GenerationSpec, used: Sequence[_Used], files: Mapping[str, Target]) -> None:
    """Raise `Rejected` if the rule set does not accept the assets together. Unknown facts are not a failure."""
    from preflight.request import check_request
    from preflight.sources.open import AssetReference

    targets = [files.get(one.asset.id) or AssetReference(one.reference, one.kind) for one in used]
    result, reports = check_request(targets, spec.rules)
    if result.verdict != "fail":
        return
    finding = next(finding for finding in result.findings if finding.severity == "error")
    message = f"{spec.title} will not accept these assets together: {finding.message} [{finding.code}]."
    request = Report("<request>", None, (result,), len(reports))
    raise Rejected(f"{message} Change the assets of the request.", request)
