"""What the generation endpoints of all protocols share: `Generating`, which checks references and answers polls.

Nothing is generated: a task is queued, then running, then succeeded, one step per poll, and its video is an empty file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from preflight.sandbox.messages import Refusal, Request, invalid, missing
from preflight.sandbox.protocol import Protocol, ark_id

_MAX_FILES: Final = {"image": 9, "video": 3, "audio": 3}
_ASSET: Final = re.compile(r"asset://(.+)", re.IGNORECASE)
_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)


class MediaField(NamedTuple):
    """A documented field with references. many: it holds a list."""

    name: str
    kind: str
    many: bool = False


class MediaInput(NamedTuple):
    """One reference of a request: an asset or a URL, and the field that it is in."""

    field: str
    kind: str
    value: str

    @property
    def is_asset(self) -> bool:
        """Return whether it is a registered asset."""
        return _ASSET.fullmatch(self.value) is not None


def media_inputs(body: Mapping[str, Any], fields: Sequence[MediaField]) -> list[MediaInput]:
    """Return the references in the fields of a body. Raise `Refusal` for a field of the wrong shape."""
    found = []
    for field in fields:
        value = body.get(field.name)
        if value is None:
            continue
        values = value if field.many else [value]
        if not isinstance(values, list) or not all(isinstance(each, str) and each for each in values):
            raise invalid(field.name, "it must be a list of strings" if field.many else "it must be a string")
        found += [MediaInput(field.name, field.kind, each) for each in values]
    return found


class Generating(Protocol):
    """A protocol that also generates, with requests and responses like Ark's unless it has its own.

    inline_kinds  the kinds that a request may name by URL; others must be registered assets
    """

    inline_kinds: frozenset[str] = frozenset(_MAX_FILES)

    def _generate(self, request: Request) -> dict[str, Any]:
        model = request.text("model", required=True)
        return {"id": self.start_generation(*content_inputs(model, request.parameters.get("content")))}

    def _get_generation(self, request: Request) -> dict[str, Any]:
        task = request.path_parameters["id"]
        status, url = self.poll_generation(task)
        return {"id": task, "status": status, "content": {"video_url": url} if url else None}

    def start_generation(self, prompt: object, inputs: Sequence[MediaInput]) -> str:
        """Check the prompt and the references, and return the id of a new task. Raise `Refusal` if one is invalid."""
        if not isinstance(prompt, str) or not prompt.strip():
            raise missing("prompt") if prompt in (None, "") else invalid("prompt", "it must be a string with text")
        for each in inputs:
            self._require_usable(each)
        kinds = [each.kind for each in inputs]
        for kind, maximum in _MAX_FILES.items():
            if kinds.count(kind) > maximum:
                raise invalid(kind, f"{kinds.count(kind)} files, the maximum is {maximum}")
        if set(kinds) == {"audio"}:
            raise invalid("audio", "audio needs an image or a video")
        return self.account.add_generation(ark_id("cgt"))

    def poll_generation(self, task: str) -> tuple[str, str | None]:
        """Return the status of a task and, once it succeeded, the URL of its video. Raise `Refusal` if unknown."""
        polls = self.account.poll_generation(task)
        if polls is None:
            raise Refusal(404, "NotFound.task_id", f"the specified task {task[:100]!r} is not found")
        if polls < 3:
            return ("queued", "running")[polls - 1], None
        return "succeeded", self._video

    @cached_property
    def _video(self) -> str:
        """The URL of what every task generates."""
        return self.shared.hosting.host(b"", "generated.mp4")

    def _require_usable(self, media: MediaInput) -> None:
        reference = _ASSET.fullmatch(media.value)
        if reference is None:
            if media.kind not in self.inline_kinds or not _URL.fullmatch(media.value):
                raise invalid(media.field, f"{media.kind} must be a registered asset: asset://ID")
            return
        found = self.account.assets(where=lambda asset: reference[1] in (asset.id, *asset.ids.values()))
        if not found:
            raise invalid(media.field, f"the specified asset {reference[1][:100]!r} is not found")
        asset = found[0]
        if asset.status != "active":
            raise invalid(media.field, f"the asset {asset.id} is {asset.status}, not active")
        if asset.kind != media.kind:
            raise invalid(media.field, f"the asset {asset.id} is not of kind {media.kind}")


_ROLES: Final = {
    "image_url": ("reference_image", "first_frame", "last_frame"),
    "video_url": ("reference_video",),
    "audio_url": ("reference_audio",),
}


def content_inputs(model: str, content: object) -> tuple[str, list[MediaInput]]:
    """Return the prompt and the references of Ark's `content`. Raise `Refusal` if it is invalid."""
    if not isinstance(content, list) or not content or not all(isinstance(item, dict) for item in content):
        raise invalid("content", "it must be a list of objects") if content else missing("content")
    prompt, inputs, roles = "", [], []
    for number, item in enumerate(content):
        where, kind = f"content[{number}]", item.get("type")
        if kind == "text":
            prompt = item.get("text") or ""
            continue
        if not isinstance(kind, str) or kind not in _ROLES:
            raise invalid(f"{where}.type", f"it must be text or one of {', '.join(_ROLES)}")
        media, role = item.get(kind), item.get("role", "first_frame" if kind == "image_url" else None)
        if role not in _ROLES[kind]:
            raise invalid(f"{where}.role", f"it must be one of {', '.join(_ROLES[kind])}")
        if not isinstance(media, dict) or not isinstance(media.get("url"), str):
            raise invalid(f"{where}.{kind}", "it must be an object with url")
        inputs.append(MediaInput(f"{where}.{kind}.url", kind.removesuffix("_url"), media["url"]))
        roles.append(role)
    _require_one_use(roles)
    if "seedance-1" in model and any(each.is_asset for each in inputs):
        raise invalid("model", f"{model[:100]} does not take asset://")
    return prompt, inputs


def _require_one_use(roles: Sequence[str]) -> None:
    frames = [role for role in roles if role.endswith("_frame")]
    if frames and len(frames) < len(roles):
        raise invalid("content", "a first or last frame cannot be combined with references")
    if len(frames) > len(set(frames)) or frames == ["last_frame"]:
        raise invalid("content", "there can be one first_frame, and with it one last_frame")
