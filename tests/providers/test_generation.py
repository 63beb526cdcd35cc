"""Generation requests as the providers' pages print them, from assets that are not sent anywhere."""

from __future__ import annotations

import enum
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import preflight
from preflight import catalog
from preflight.errors import UsageError
from preflight.providers import PROVIDERS, Asset
from preflight.providers.generation import Field
from preflight.report import Rejected
from preflight.request import check_request
from tests.rows import each_row

PROMPT = "the person in @Image1 is talking to the camera"
DOCUMENTED = sorted(name for name, spec in PROVIDERS.items() if spec.generation is not None and spec.generation.path)
Json = dict[str, Any]


def asset(provider: str, kind: str | None = "image", name: str = "a", **facts: Any) -> Asset:
    """An active asset as the provider's parser makes it."""
    spec = PROVIDERS[provider]
    assert spec.generation is not None
    reference = f"asset://{name}" if spec.reference else None
    known = {"status": "active", "reference": reference, "generation": spec.generation.at(spec.origins), **facts}
    return Asset(name, provider, kind=kind, **known)


def four(provider: str) -> list[Asset]:
    return [
        asset(provider, kind, name) for kind, name in zip(["image", "video", "audio", "image"], "abcd", strict=True)
    ]


def item(kind: str, name: str, role: str) -> Json:
    return {"type": f"{kind}_url", f"{kind}_url": {"url": f"asset://{name}"}, "role": role}


def ark(model: str) -> Json:
    return {
        "model": model,
        "content": [
            {"type": "text", "text": PROMPT},
            item("image", "a", "reference_image"),
            item("video", "b", "reference_video"),
            item("audio", "c", "reference_audio"),
            item("image", "d", "reference_image"),
        ],
        "duration": 5,
    }


REFERENCES = {
    "atlas": (
        "https://api.atlascloud.ai/api/v1/model/generateVideo",
        ("Authorization", "Bearer $ATLASCLOUD_API_KEY"),
        {
            "model": "bytedance/seedance-2.0/reference-to-video",
            "input": {
                "prompt": PROMPT,
                "reference_images": ["asset://a", "asset://d"],
                "reference_video": "asset://b",
                "reference_audio": "asset://c",
                "duration": 5,
            },
        },
    ),
    "byteplus": (
        "https://ark.ap-southeast.bytepluses.com/api/v3/contents/generations/tasks",
        ("Authorization", "Bearer $ARK_API_KEY"),
        ark("dreamina-seedance-2-0-260128"),
    ),
    "volcengine": (
        "https://ark.cn-beijing.volces.com/api/v3/contents/generations/tasks",
        ("Authorization", "Bearer $ARK_API_KEY"),
        ark("doubao-seedance-2-0-260128"),
    ),
    "crun": (
        "https://api.crun.ai/api/v1/client/job/CreateTask",
        ("x-api-key", "$CRUN_API_KEY"),
        {
            "model": "bytedance/seedance2-0-r2v",
            "input": {
                "prompt": PROMPT,
                "reference_images": ["asset://a", "asset://d"],
                "reference_videos": ["asset://b"],
                "reference_audios": ["asset://c"],
                "duration": 5,
            },
        },
    ),
    "sunra": (
        "https://api.sunra.ai/v1/queue/bytedance/seedance-2.0-relay/reference-to-video",
        ("Authorization", "Bearer $SUNRA_API_KEY"),
        {
            "prompt": f"{PROMPT} @Video1 @Audio1 @Image2",
            "reference_images": ["asset://a", "asset://d"],
            "reference_videos": ["asset://b"],
            "reference_audios": ["asset://c"],
            "duration": 5,
        },
    ),
}


@each_row("provider", REFERENCES)
def test_references_are_in_the_documented_fields(provider: str) -> None:
    url, header, body = REFERENCES[provider]
    request = preflight.generation_request(four(provider), prompt=PROMPT, parameters={"duration": 5})
    assert (request.provider, request.method, request.url) == (provider, "POST", url)
    assert request.headers == {header[0]: header[1], "Content-Type": "application/json"}
    assert request.json == body
    assert list(request.json) == list(body)
    assert json.loads(json.dumps(request.as_json()))["json"] == body


def test_gateway_to_byteplus_takes_images_and_a_model_by_name() -> None:
    one = asset("agentsflare")
    with pytest.raises(UsageError, match=r"no page names the model for assets\. Give model="):
        one.request(prompt=PROMPT)
    request = one.request(prompt=PROMPT, model="seedance-9")
    assert request.url == "https://api.agentsflare.com/byteplus/v3/contents/generations/tasks"
    content = [{"type": "text", "text": PROMPT}, item("image", "a", "reference_image")]
    assert request.json == {"model": "seedance-9", "content": content}


FRAMES = {
    "atlas": {
        "model": "bytedance/seedance-2.0/image-to-video",
        "input": {"prompt": "p", "image": "asset://a", "last_image": "asset://z"},
    },
    "crun": {
        "model": "bytedance/seedance2-0-i2v",
        "input": {"prompt": "p", "img_urls": ["asset://a", "asset://z"]},
    },
    "sunra": {"prompt": "p", "start_image": "asset://a", "end_image": "asset://z"},
    "volcengine": {
        "model": "doubao-seedance-2-0-260128",
        "content": [
            {"type": "text", "text": "p"},
            item("image", "a", "first_frame"),
            item("image", "z", "last_frame"),
        ],
    },
}


@each_row("provider", FRAMES)
def test_frames_are_in_the_documented_fields(provider: str) -> None:
    roles = {"first_frame": asset(provider), "last_frame": asset(provider, name="z")}
    assert preflight.generation_request(roles=roles, prompt="p").json == FRAMES[provider]


def test_rule_set_judges_files_by_their_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[dict[str, int]] = []

    def check(targets: dict[str, list[object]], rules: str) -> object:
        judged.append({role: len(files) for role, files in targets.items()})
        return check_request(targets, rules)

    monkeypatch.setattr("preflight.request.check_request", check)
    frames = {"first_frame": asset("atlas"), "last_frame": asset("atlas", name="z")}
    preflight.generation_request(roles=frames, prompt="p")
    preflight.generation_request([asset("atlas"), asset("atlas", "video", "b")], prompt="p")
    assert judged == [{"first_frame": 1, "last_frame": 1}, {"reference": 2}]


def test_frames_at_sunra_are_sent_to_their_own_endpoint() -> None:
    url = asset("sunra").request(prompt="p", role="first_frame").url
    assert url == "https://api.sunra.ai/v1/queue/bytedance/seedance-2.0-relay/image-to-video"


def test_order_of_frames_does_not_depend_on_the_call() -> None:
    roles = {"last_frame": asset("crun", name="z"), "first_frame": asset("crun")}
    assert preflight.generation_request(roles=roles, prompt="p").json == FRAMES["crun"]


def test_several_videos_at_atlas_are_a_list_and_a_note_says_where_pages_differ() -> None:
    request = preflight.generation_request([asset("atlas", "video", name) for name in "ab"], prompt="p")
    assert request.json["input"] == {"prompt": "p", "reference_videos": ["asset://a", "asset://b"]}
    assert "beside model" in request.notes[0]
    assert request.curl().startswith("# The guide")


def test_note_says_that_models_of_ark_take_another_key() -> None:
    command = asset("byteplus").request(prompt="p").curl()
    assert command.startswith("# The models of BytePlus ModelArk take an API key, which is not the pair of keys")


def test_prompt_of_sunra_names_each_asset() -> None:
    both = [asset("sunra", name=name) for name in "ab"]
    request = preflight.generation_request(both, prompt="@Image2 waves at @Image1.")
    assert (request.json["prompt"], request.notes) == ("@Image2 waves at @Image1.", ())
    assert request.names == {"@Image1": "asset://a", "@Image2": "asset://b"}
    added = preflight.generation_request(both, prompt="They wave ")
    assert added.json["prompt"] == "They wave @Image1 @Image2"
    assert added.notes == ("Sunra needs each asset named in the prompt: added @Image1 @Image2.",)
    with pytest.raises(UsageError, match=r"names @Image12, which is not in the request\. Name only @Image1, @Image2"):
        preflight.generation_request(both, prompt="@Image12")


def test_crun_says_how_a_prompt_names_its_assets() -> None:
    request = preflight.generation_request(four("crun"), prompt="p")
    assert list(request.names) == ["[Image1]", "[Video1]", "[Audio1]", "[Image2]"]
    assert request.json["input"]["prompt"] == "p"  # type: ignore[index]


WRONG: dict[str, tuple[Any, str]] = {
    "no page": (lambda: asset("agt").request(prompt="p"), "AGT Cloud: no page documents how .* Ask its support"),
    "processing": (
        lambda: asset("atlas", status="processing").request(prompt="p"),
        "the asset a is processing, not active. Wait until `assets get` shows it",
    ),
    "failed": (
        lambda: asset("atlas", status="failed").request(prompt="p"),
        "is failed, not active. Register its file again",
    ),
    "role": (
        lambda: asset("atlas").request(prompt="p", role="frist_frame"),
        "no role 'frist_frame'. Choose one of first_frame, last_frame, reference_image, ",
    ),
    "role of the gateway": (
        lambda: asset("agentsflare").request(prompt="p", role="first_frame"),
        "Agentsflare has no role 'first_frame'. Choose one of reference_image.",
    ),
    "role of another kind": (
        lambda: asset("atlas", "video").request(prompt="p", role="first_frame"),
        "is of kind video, and first_frame takes the kind image. Choose another role",
    ),
    "unknown kind": (
        lambda: asset("atlas", None).request(prompt="p"),
        "kind of the asset a is not known. Name it in roles=",
    ),
    "last frame alone": (
        lambda: asset("atlas").request(prompt="p", role="last_frame"),
        "takes a last_frame only with a first_frame. Give",
    ),
    "frame and reference": (
        lambda: preflight.generation_request(
            [asset("atlas")], roles={"first_frame": asset("atlas", name="b")}, prompt="p"
        ),
        "does not combine first_frame with references. Give frames alone",
    ),
    "two providers": (
        lambda: preflight.generation_request([asset("atlas"), asset("crun")], prompt="p"),
        "These assets are at atlas and crun. Make one request for each",
    ),
    "none": (lambda: preflight.generation_request([], prompt="p"), "No asset given. Give the assets"),
    "one in place of a list": (
        lambda: preflight.generation_request(asset("atlas"), prompt="p"),  # type: ignore[arg-type]
        "Give a list of assets",
    ),
    "empty prompt": (lambda: asset("atlas").request(prompt=" \n"), "The prompt is empty. Give prompt="),
    "no generation": (lambda: Asset("a", "atlas").request(prompt="p"), "Use an asset that a provider returned"),
    "no reference": (lambda: asset("atlas", reference=None).request(prompt="p"), "has no reference. Get it from"),
    "model": (
        lambda: asset("sunra").request(prompt="p", model="../x"),
        "'../x' is not the name of a model. Give another",
    ),
    "odd model": (
        lambda: asset("sunra").request(prompt="p", model="\x1b"),
        r"Sunra: '\\x1b' is not the name of a model",
    ),
    "model without relay": (
        lambda: asset("sunra").request(prompt="p", model="bytedance/seedance-2.0"),
        "cannot use assets, since the models without -relay refuse asset://. Give a model= with -relay",
    ),
    "parameter that is set": (
        lambda: asset("atlas").request(prompt="p", parameters={"reference_images": []}),
        "The parameter reference_images is set by the request itself. Leave it out",
    ),
    "parameter model": (
        lambda: asset("sunra").request(prompt="p", parameters={"model": "m"}),
        "The parameter model is set by the request",
    ),
    "parameter without JSON": (
        lambda: asset("atlas").request(prompt="p", parameters={"seed": float("nan")}),
        "The parameter seed cannot be sent as JSON. Give another value",
    ),
    "parameter without a name": (
        lambda: asset("atlas").request(prompt="p", parameters={"": 1}),
        "is not the name of a parameter. Give text",
    ),
}


@each_row("case", WRONG)
def test_wrong_calls_have_a_problem_and_a_remedy(case: str) -> None:
    call, message = WRONG[case]
    with pytest.raises(UsageError, match=message):
        call()


def test_kind_follows_from_the_role_where_it_is_not_known() -> None:
    request = asset("atlas", None).request(prompt="p", role="reference_video")
    assert request.json["input"]["reference_video"] == "asset://a"  # type: ignore[index]


def test_rule_set_for_generation_judges_the_assets_together() -> None:
    for name in DOCUMENTED:
        spec = PROVIDERS[name].generation
        assert spec is not None
        rules = catalog.load(spec.rules)
        assert (rules.stage, rules.request is not None) == ("generate", True)
    with pytest.raises(Rejected, match=r"Atlas Cloud will not accept .*audio alone.* \[companion_required\]") as alone:
        asset("atlas", "audio").request(prompt="p")
    assert alone.value.report.verdict == "fail"
    many = [asset("crun", name=f"a{number}") for number in range(10)]
    with pytest.raises(Rejected, match=r"images.*10.*Change the assets of the request"):
        preflight.generation_request(many, prompt="p")
    assert preflight.generation_request(many[:9], prompt="p").json


def test_facts_of_a_given_file_are_checked(fixtures: Path) -> None:
    good, bad = fixtures / "accepted/picture.png", fixtures / "refused/png-too-narrow.png"
    assert asset("atlas").request(prompt="p", file=good).json == asset("atlas").request(prompt="p").json
    with pytest.raises(Rejected, match=r"png-too-narrow\.png: .*width"):
        asset("atlas").request(prompt="p", file=bad)
    asset("atlas").request(prompt="p", file="/nowhere/x.png")


def test_parameters_are_sent_as_plain_json() -> None:
    class Level(enum.IntEnum):
        HIGH = 3

    values = {"level": Level.HIGH, "list": (1, "é"), "text": "5"}
    request = asset("crun").request(prompt="p", parameters=values)
    assert "Level" not in request.python()
    expected = {"prompt": "p", "reference_images": ["asset://a"], "level": 3, "list": [1, "é"], "text": "5"}
    assert request.json["input"] == expected


def test_asset_as_json_has_no_generation() -> None:
    assert "generation" not in asset("atlas").as_json()
    assert "generation" not in repr(asset("atlas"))


TEXTS = st.text(st.characters(blacklist_categories=())) | st.text("'\"$`\\!\n\r\t @{}\x00\x1b\u202e")


@given(TEXTS.filter(lambda text: text.strip()), st.text("'\"$`\\;| \n"))
def test_shell_sees_one_word_for_the_body_whatever_the_prompt_holds(prompt: str, name: str) -> None:
    request = asset("volcengine", reference=f"asset://x{name}").request(prompt=prompt)
    command = request.curl()
    command.encode()
    assert all(char == "\n" or char.isprintable() for char in command)
    words = [word for word in shlex.split(command, comments=True) if word != "\n"]  # shlex keeps continued lines
    assert words[:4] == ["curl", "-sS", "-X", "POST"]
    assert words[5:9] == ["-H", "Authorization: Bearer $ARK_API_KEY", "-H", "Content-Type: application/json"]
    assert json.loads(words[-1]) == request.json
    script = compile(request.python(), "request", "exec")
    assert script.co_names[:2] == ("os", "requests")


def test_shell_expands_the_key_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "curl").write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done\n')
    (tmp_path / "curl").chmod(0o755)
    prompt = 'it\'s `id` $(id) $HOME \\n ! "x"\nnext'
    command = asset("atlas").request(prompt=prompt).curl()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ATLASCLOUD_API_KEY": "k e\"y'"}
    for shell in ("sh", "bash"):
        done = subprocess.run([shell, "-c", command], env=environment, capture_output=True, text=True, check=True)
        words = done.stdout.split("\0")
        assert words[5] == "Authorization: Bearer k e\"y'"
        assert json.loads(words[-2])["input"]["prompt"] == prompt


def test_provider_text_cannot_leave_its_comment_or_shell_word() -> None:
    origin = "http://127.0.0.1:1/a'b;c&d"
    spec = replace(asset("crun").generation, origin=origin)  # type: ignore[type-var]
    command = asset("crun", reference="asset://a\nrm -r b\x1b", generation=spec).request(prompt="p").curl()
    comment, first, *_ = command.splitlines()
    assert comment == "# [Image1] = asset://a\\nrm -r b\\x1b"
    assert shlex.split(first.removesuffix("\\"))[-1] == f"{origin}/api/v1/client/job/CreateTask"


def test_field_for_one_asset_refuses_two() -> None:
    spec = replace(asset("crun").generation, fields={"reference_image": Field("image")})  # type: ignore[type-var]
    one, other = (asset("crun", name=name, generation=spec) for name in "ab")
    assert one.request(prompt="p").json["input"] == {"prompt": "p", "image": "asset://a"}
    with pytest.raises(UsageError, match=r"takes one asset as reference_image, and 2 are given\. Choose one"):
        preflight.generation_request([one, other], prompt="p")


def test_key_of_the_environment_is_never_in_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DOCUMENTED:
        spec = PROVIDERS[name].generation
        assert spec is not None
        monkeypatch.setenv(spec.key, "secret-0123456789")
        request = asset(name).request(prompt="p", model="seedance-relay")
        assert "secret" not in request.curl() + request.python() + json.dumps(request.as_json())
        assert f'os.environ["{spec.key}"]' in request.python()


def test_importing_providers_does_not_load_the_checker() -> None:
    script = "import sys, preflight.providers; print('preflight.checker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
