"""The pages in `docs/`: every command and program runs, every link resolves, the reference is that of the code."""

from __future__ import annotations

import inspect
import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import httpx
import pytest

import preflight
from preflight import Asset, AsyncClient, Client, Submission
from preflight.providers import PROVIDERS, Group, Session
from preflight.providers.generation import ROLES
from preflight.submission.async_client import AsyncGroups
from preflight.submission.client import ClientGroups
from preflight.submission.manage import ManagedAsset
from preflight.submission.options import CallOptions, SubmitOptions
from tests.conftest import ROOT, Run
from tests.documented import blocks, follow, rehearsing

PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", ["fixing", "registering", "rules"])
def test_chapter_runs_as_it_stands(page: str, tmp_path: Path, run: Run) -> None:
    with rehearsing(tmp_path, run) as desk:
        for block in blocks((ROOT / f"docs/{page}.md").read_text(encoding="utf-8")):
            follow(block, desk)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda path: path.stem)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


SERVICES = (ROOT / "docs/services.md").read_text(encoding="utf-8")
CLIENT = (ROOT / "docs/client.md").read_text(encoding="utf-8")
PARTS = dict(zip(*[iter(re.split(r"^#{2,3} (\w+)$", CLIENT, flags=re.MULTILINE)[1:])] * 2, strict=True))
"""The text below each heading of one word, such as that of a method."""


def rows(text: str) -> list[str]:
    """The first cells of the tables in a text."""
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def parameters(method: Callable[..., object]) -> list[str]:
    found = inspect.signature(method).parameters.values()
    return [one.name for one in found if one.name != "self" and one.kind is not one.VAR_KEYWORD]


def test_programs_of_the_reference_run(tmp_path: Path, run: Run) -> None:
    with rehearsing(tmp_path, run) as desk:
        for block in blocks(CLIENT):
            follow(block, desk)


def test_reference_has_every_method_and_no_other() -> None:
    methods = public(AsyncClient)
    assert methods <= public(Client)
    assert methods == set(PARTS) & public(Client)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("name", sorted(public(AsyncClient) - {"groups"}))
def test_reference_has_every_parameter_and_no_other(name: str, client: type) -> None:
    method = getattr(client, name)
    assert rows(PARTS[name].partition("\n## ")[0]) == parameters(method)
    shown = re.search(rf"^`{name}\((.*?)\)`", PARTS[name], flags=re.MULTILINE)
    assert shown is not None
    given = [re.split(r"[ =:]", word.strip())[0] for word in shown[1].split(",")]
    assert [word for word in given if word and not word.startswith("*")] == parameters(method)


def test_reference_has_every_option_and_no_other() -> None:
    of_calls, of_clients = CLIENT.split("## Options")[1].split("## submit")[0].split("These belong to the client")
    assert rows(of_calls) == list(CallOptions.__annotations__)
    options = get_type_hints(SubmitOptions).keys() - CallOptions.__annotations__.keys()
    assert sorted(rows(of_clients)) == sorted(options)


def test_reference_has_the_methods_of_groups() -> None:
    for shown in rows(PARTS["groups"]):
        name, _, words = shown.rstrip(")").partition("(")
        for groups in (ClientGroups, AsyncGroups):
            accepted = parameters(getattr(groups, name))
            given = [word.strip().partition("=")[0] for word in words.split(",") if word]
            assert given == accepted[: len(given)], shown
    assert {shown.partition("(")[0] for shown in rows(PARTS["groups"])} == public(AsyncGroups)
    assert public(AsyncGroups) == public(ClientGroups)


@pytest.mark.parametrize("data", [Submission, Asset])
def test_reference_has_every_field_and_no_other(data: type) -> None:
    text = CLIENT.split(f"**`{data.__name__}`**")[1].split("**`")[0]
    assert rows(text) == [field.name for field in fields(data)]


@pytest.mark.parametrize("data", [ManagedAsset, Group, Session])
def test_reference_names_every_field(data: type) -> None:
    text = CLIENT.split(f"**`{data.__name__}`**")[1].split("**`")[0].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", text.replace("`session_result`", "")) == [field.name for field in fields(data)]


def test_reference_names_existing_errors() -> None:
    named = rows(CLIENT.split("## Errors")[1])
    assert set(named) <= set(preflight.__all__)
    of_calls = {name for name in named if issubclass(getattr(preflight, name), preflight.ProviderError)}
    assert of_calls == {one.__name__ for one in preflight.ProviderError.__subclasses__()}


def test_table_of_providers_is_that_of_the_code() -> None:
    text = (ROOT / "docs/registering.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \| (`[A-Z].*)\|$", text, flags=re.MULTILINE)
    assert [name for name, _ in shown] == sorted(PROVIDERS)
    for name, cells in shown:
        spec = PROVIDERS[name]
        keys, *can = (cell.strip() for cell in cells.split("|"))
        assert [key.env[0] for key in spec.credentials] == keys.replace("`", "").split(", "), name
        actions = ("list", "delete", "rename", "restore", "create_group", "upload")
        assert can == ["yes" if action in spec.can else "no" for action in actions], name


def test_table_of_roles_is_that_of_the_code() -> None:
    text = (ROOT / "docs/registering.md").read_text(encoding="utf-8")
    header, *lines = re.findall(r"^\| (?:role|`\w+_\w+`) \| (?:kind|image|video|audio) \|.*$", text, flags=re.MULTILINE)
    names = [cell.strip(" `").split("`")[0] for cell in header.split("|")[3:-1]]
    assert len(lines) == len(ROLES)
    for line in lines:
        role, kind, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
        assert ROLES[role] == kind
        for name, cell in zip(names, cells, strict=True):
            generation = PROVIDERS[name].generation
            assert generation is not None
            field = generation.fields[role]
            assert cell == (field.one or field.many if generation.layout != "content" else "item with this role")


SERVED = """
import contextlib, httpx, service, threading, uvicorn

service.PAUSE = 0.1

@contextlib.contextmanager
def serving():
    server = uvicorn.Server(uvicorn.Config(service.app, port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
            yield http
    finally:
        server.should_exit = True
        thread.join()

def post(http, path):
    with open(path, "rb") as file:
        return http.post("/clips", files={"clip": (path, file)})

def wait_for(http, job):
    while (found := http.get(f"/clips/{job}").json())["outcome"] not in service.FINAL:
        threading.Event().wait(0.02)
    return found

with serving() as http:
    jobs = [post(http, path).json()["job"] for path in ("sound.wav", "sound.wav", "a.png")]
    first, again, other = (wait_for(http, job) for job in jobs)
    assert first["outcome"] == "active" and first["reference"].startswith("asset://"), first
    assert first == again and first["reference"] != other["reference"], (again, other)
    refused = post(http, "media/narrow.png")
    assert refused.status_code == 422 and refused.json()["detail"][0]["type"] == "width_too_small"
    assert http.get(f"/clips/{'0' * 32}").status_code == 404
    job = post(http, "fixtures/accepted/picture.webp").json()["job"]

with serving() as http:
    assert wait_for(http, job)["outcome"] == "active"
"""
"""A program that calls the service, whose account is refused once, stops it during processing, and starts it again."""


def test_service_checks_registers_stores_and_continues(tmp_path: Path, run: Run) -> None:
    with rehearsing(tmp_path, run) as desk:
        for block in blocks(SERVICES):
            follow(block, desk)
        before = len(desk.box.stats.registrations("atlas"))
        desk.box.faults.delay = 0.3
        desk.box.faults.on("402", action="register", provider="atlas", call=2)
        done = desk.python(SERVED)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(desk.box.stats.registrations("atlas")) - before == 3
        assert "Registering pauses for 0.1 s: Atlas Cloud: " in done.stderr


def upload(port: int, path: Path) -> str:
    transport = httpx.HTTPTransport(retries=9)  # until the server listens
    with httpx.Client(transport=transport) as http, path.open("rb") as file:
        return http.post(f"http://127.0.0.1:{port}/clips", files={"clip": (path.name, file)}).json()["job"]


def is_active(port: int, job: str) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/clips/{job}", trust_env=False).json()["outcome"] == "active"


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen within a minute")


@pytest.mark.slow
def test_service_that_is_killed_registers_each_upload_once(tmp_path: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with rehearsing(tmp_path, run) as desk:
        follow(blocks(SERVICES)[0], desk)
        desk.box.faults.latency = 0.2
        jobs = []
        for path in ("sound.wav", "a.png", "clip.mp4", "photo.jpg"):
            process = desk.module("uvicorn", "service:app", "--port", str(port), "--log-level", "error")
            try:
                jobs.append(upload(port, tmp_path / path))
                until(lambda: len(desk.box.stats.registrations("atlas")) == len(jobs))
                if path == "photo.jpg":
                    until(lambda: all(is_active(port, job) for job in jobs))
            finally:
                process.send_signal(signal.SIGTERM if path == "photo.jpg" else signal.SIGKILL)
                printed, _ = process.communicate(timeout=30)
        assert process.returncode in (0, -signal.SIGTERM), printed
        assert "Traceback" not in printed
        assert len(desk.box.stats.registrations("atlas")) == len(desk.box.assets("atlas")) == 4
