"""Generation requests, sent for real: what the client builds is accepted, and what is wrong is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import preflight
from preflight.providers import PROVIDERS, Asset, Provider, find_provider, open_provider
from preflight.providers.generation import GenerationRequest
from preflight.sandbox import Sandbox
from preflight.sandbox.generation import MediaField, content_inputs, media_inputs
from preflight.sandbox.messages import Refusal

DOCUMENTED = sorted(name for name, spec in PROVIDERS.items() if spec.generation is not None and spec.generation.path)
PROMPT = 'it\'s "@Image1", `id` $HOME\n名字 waves'
FILES = {"image": "picture.png", "video": "clip.mp4", "audio": "sound.wav"}
POLLS = {
    "agentsflare": ("/byteplus/v3/contents/generations/tasks/{}", ("id",)),
    "atlas": ("/api/v1/model/prediction/{}", ("data", "id")),
    "byteplus": ("/api/v3/contents/generations/tasks/{}", ("id",)),
    "crun": ("/api/v1/client/job/TaskInfo?task_id={}", ("data", "task_id")),
    "sunra": ("/v1/queue/requests/{}/status", ("request_id",)),
    "volcengine": ("/api/v3/contents/generations/tasks/{}", ("id",)),
}
"""By provider: where a task is polled, and where its id is in the answer."""
Json = dict[str, Any]


class Account:
    """Assets of one provider at the sandbox, and calls with its key."""

    def __init__(self, box: Sandbox, provider: Provider, fixtures: Path) -> None:
        self.box, self.provider, self.name = box, provider, provider.name
        self._fixtures = fixtures
        self._group = provider.api.create_group("heroes").id if provider.spec.needs_group else None
        generation = provider.spec.generation
        assert generation is not None
        self.key = {generation.key: box.environment(self.name)[generation.key]}
        self.model = "seedance-9" if not generation.models else None

    def asset(self, kind: str = "image") -> Asset:
        """A new asset, once it is active."""
        url = self.box.host(self._fixtures / "accepted" / FILES[kind])
        asset = self.provider.register(url, kind, group=self._group)
        end = time.monotonic() + 10
        while (asset := self.provider.get(asset.id)).status == "processing":
            assert time.monotonic() < end
        return asset

    def assets(self) -> list[Asset]:
        kinds = ["image"] if self.name == "agentsflare" else ["image", "video", "audio", "image"]
        return [self.asset(kind) for kind in kinds]

    def send(self, request: GenerationRequest, **changed: Any) -> requests.Response:
        """Send the request, with the key in place of its name."""
        ((name, key),) = self.key.items()
        headers = {header: value.replace(f"${name}", key) for header, value in request.headers.items()}
        settings = {"url": request.url, "json": request.json, "headers": headers, **changed}
        return requests.request(request.method, timeout=10, **settings)

    def statuses(self, answer: Json) -> list[Json]:
        """What the next polls of the started task answer."""
        path, where = POLLS[self.name]
        task: Any = answer
        for field in where:
            task = task[field]
        ((_, key),) = self.key.items()
        headers = {"Authorization": f"Bearer {key}", "x-api-key": key}
        url = self.box.endpoint(self.name) + path.format(task)
        return [requests.get(url, headers=headers, timeout=10).json() for _ in range(4)]

    def refusal(self, request: GenerationRequest, **changed: Any) -> str:
        """Send the request and return the message of its refusal."""
        answer = self.send(request, **changed)
        body = answer.json()
        assert answer.status_code in (200, 400, 401, 404), body
        error = body.get("error") or body.get("base_resp") or body
        return str(error["status_msg" if self.name == "agentsflare" else "message"])


@pytest.fixture(params=DOCUMENTED)
def account(request: pytest.FixtureRequest, box: Sandbox, fixtures: Path) -> Iterator[Account]:
    yield from opened(request.param, box, fixtures)


def opened(name: str, box: Sandbox, fixtures: Path) -> Iterator[Account]:
    environment = box.environment(name)
    with open_provider(find_provider(name), endpoint=box.endpoint(name), env=environment) as provider:
        yield Account(box, provider, fixtures)


@pytest.fixture
def atlas(box: Sandbox, fixtures: Path) -> Iterator[Account]:
    yield from opened("atlas", box, fixtures)


@pytest.fixture
def sunra(box: Sandbox, fixtures: Path) -> Iterator[Account]:
    yield from opened("sunra", box, fixtures)


@pytest.fixture
def ark(box: Sandbox, fixtures: Path) -> Iterator[Account]:
    yield from opened("volcengine", box, fixtures)


def test_request_is_accepted_in_each_form(account: Account, tmp_path: Path) -> None:
    request = preflight.generation_request(
        account.assets(), prompt=PROMPT, model=account.model, parameters={"duration": 5}
    )
    assert request.url.startswith(account.box.endpoint(account.name) + "/")
    script = tmp_path / "request.py"
    script.write_text(request.python(), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], **account.key}
    commands = (["sh", "-c", request.curl()], [sys.executable, str(script)])
    answers = [account.send(request).json()]
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        answers.append(json.loads(done.stdout))
    for answer in answers:
        first, second, *_, last = map(json.dumps, account.statuses(answer))
        assert "queue" in first.lower()
        assert "running" in second or "IN_PROGRESS" in second
        assert '"succeeded"' in last or '"completed"' in last or "COMPLETED" in last
        assert f"{account.box.origin}/files/" in last


@pytest.mark.parametrize("account", [name for name in DOCUMENTED if name != "agentsflare"], indirect=True)
def test_frames_are_accepted(account: Account) -> None:
    roles = {"first_frame": account.asset(), "last_frame": account.asset()}
    answer = account.send(preflight.generation_request(roles=roles, prompt="p"))
    assert answer.status_code == 200, answer.text
    assert account.statuses(answer.json())


def test_asset_that_is_unknown_inactive_or_of_another_kind_is_refused(account: Account) -> None:
    asset = account.asset()
    request = asset.request(prompt="@Image1", model=account.model)
    known = str(asset.reference)
    text = json.dumps(request.json)
    unknown = json.loads(text.replace(known, "asset://asset-0"))
    assert "'asset-0' is not found" in account.refusal(request, json=unknown)
    account.box.faults.delay = 60
    waiting = account.provider.register(
        account.box.host(b"x", "x.png"), "image", group=asset.group if account.provider.spec.needs_group else None
    )
    if waiting.reference is not None:
        inactive = json.loads(text.replace(known, waiting.reference))
        assert "is processing, not active" in account.refusal(request, json=inactive)
    account.box.faults.delay = 0
    if account.name != "agentsflare":
        clip = str(account.asset("video").reference)
        assert "is not of kind image" in account.refusal(request, json=json.loads(text.replace(known, clip)))


def test_wrong_key_and_unknown_task_are_refused(account: Account) -> None:
    request = account.asset().request(prompt="@Image1", model=account.model)
    assert "API key" in account.refusal(request, headers={"Authorization": "Bearer x", "x-api-key": "x"})
    path, _ = POLLS[account.name]
    url = account.box.endpoint(account.name) + path.format("task-0")
    assert "task-0" in account.refusal(replace(request, method="GET"), url=url, json=None)


def test_atlas_takes_the_fields_beside_model_too_and_images_inline(atlas: Account) -> None:
    request = atlas.asset().request(prompt="p")
    flat = {"model": request.json["model"], **request.json["input"]}  # type: ignore[dict-item]
    assert atlas.send(request, json=flat).status_code == 200
    inline = {"prompt": "p", "reference_images": ["https://x.test/a.png"]}
    assert atlas.send(request, json={**request.json, "input": inline}).status_code == 200


def test_atlas_refuses_inline_video_and_wrong_shapes(atlas: Account) -> None:
    request = atlas.asset("video").request(prompt="p")

    def said(**fields: object) -> str:
        return atlas.refusal(request, json={**request.json, "input": {"prompt": "p", **fields}})

    assert "video must be a registered asset" in said(reference_video="https://x.test/a.mp4")
    assert "reference_images is not valid: it must be a list" in said(reference_images="asset://a")
    assert "MissingParameter.reference_images" in said()
    assert "it must be one of bytedance/" in atlas.refusal(request, json={**request.json, "model": "x"})
    assert "MissingParameter.prompt" in said(prompt="", reference_video=request.json["input"]["reference_video"])  # type: ignore[index]
    assert "MissingParameter.model" in atlas.refusal(request, json={})
    assert "input is not valid" in atlas.refusal(request, json={**request.json, "input": []})
    assert "10 files, the maximum is 9" in said(reference_images=[atlas.asset().reference] * 10)
    assert "audio needs an image or a video" in said(reference_audio=atlas.asset("audio").reference)


def test_sunra_refuses_other_models_and_prompts_without_mention(sunra: Account) -> None:
    request = sunra.asset().request(prompt="p")
    assert sunra.send(request).status_code == 200
    unnamed = {**request.json, "prompt": "the person waves"}
    assert "does not mention @Image1" in sunra.refusal(request, json=unnamed)
    assert "does not mention @Image1" in sunra.refusal(request, json={**unnamed, "prompt": "@Image12"})
    assert "only the models with -relay" in sunra.refusal(request, url=request.url.replace("-relay", ""))
    assert "no such model" in sunra.refusal(request, url=request.url.replace("reference-to", "text-to"))
    assert "missing the parameter reference_images" in sunra.refusal(request, json={"prompt": "@Image1"})
    assert "missing the parameter start_image" in sunra.refusal(
        request, json={"prompt": "p"}, url=request.url.replace("reference-to", "image-to")
    )
    answer = sunra.send(request, json=unnamed).json()
    assert (answer["error"]["type"], answer["error"]["retryable"]) == ("invalid_request", False)


def test_crun_takes_one_or_two_frames(box: Sandbox, fixtures: Path) -> None:
    for crun in opened("crun", box, fixtures):
        request = crun.asset().request(prompt="p", role="first_frame")
        for count, said in ((0, "it is empty"), (3, "it must have one or two images")):
            images = ["https://x.test/a.png"] * count
            body = {**request.json, "input": {"prompt": "p", "img_urls": images}}
            assert f"img_urls is not valid: {said}" in crun.refusal(request, json=body)
        assert "it must be one of bytedance/" in crun.refusal(request, json={**request.json, "model": "x"})


def test_ark_refuses_wrong_content_in_the_shape_of_its_models(ark: Account) -> None:
    request = ark.asset().request(prompt="p")
    text, image = request.json["content"]  # type: ignore[misc]

    def said(*content: Json, **fields: object) -> str:
        return ark.refusal(request, json={**request.json, "content": list(content), **fields})

    assert "content[1].role is not valid" in said(text, {**image, "role": "reference_video"})
    assert "content[0].type is not valid" in said({"type": "picture"})
    assert "it must be an object with url" in said(text, {**image, "image_url": "asset://a"})
    assert "cannot be combined with references" in said(text, image, {**image, "role": "first_frame"})
    assert "with it one last_frame" in said(text, {**image, "role": "last_frame"})
    assert "does not take asset://" in said(text, image, model="doubao-seedance-1-5-pro-251215")
    assert "MissingParameter.content" in ark.send(request, json={"model": "m"}).json()["error"]["code"]
    error = ark.send(request, json={**request.json, "content": [text, {"type": "x"}]}).json()["error"]
    assert set(error) == {"code", "message", "param", "type"}
    signed = ark.box.endpoint("volcengine") + "/?Action=/api/v3/contents/generations/tasks&Version=2024-01-01"
    assert requests.post(signed, json={}, timeout=10).status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["image_url", "text", "asset://a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "image_url", "url", "role", "text", "clip", "clips"]), inner)
    ),
)


@given(JSON)
def test_malformed_bodies_are_refused(value: Any) -> None:
    fields = (MediaField("clip", "video"), MediaField("clips", "video", many=True))
    for call in (
        lambda: content_inputs("m", value)[1],
        lambda: media_inputs(value if isinstance(value, dict) else {"clips": value}, fields),
    ):
        try:
            assert all(isinstance(each.value, str) for each in call())
        except Refusal as refusal:
            assert refusal.status == 400  # noqa: PT017 - other exceptions are the failures looked for
