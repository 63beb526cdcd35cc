"""Providers of other packages, installed as pip does: modules on the path, beside a dist-info with entry points."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import preflight
from preflight import providers
from preflight.errors import UsageError
from preflight.providers import ListsAssets, find_provider, open_provider, provider_names
from tests.conftest import Run
from tests.submission.sending import unique_picture

from .conftest import KEY

PACKAGE = Path(__file__).with_name("example_package")
Install = Callable[..., None]


class ExampleServer(ThreadingHTTPServer):
    """api.example.com with the picture that is registered; every asset is active at once."""

    def __init__(self, picture: Path) -> None:
        super().__init__(("127.0.0.1", 0), ExampleHandler)
        self.picture = picture.read_bytes()
        self.assets: list[dict[str, object]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class ExampleHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ExampleServer

    def do_GET(self) -> None:
        if self.path == "/picture.png":
            self.send(self.server.picture, "image/png")
        elif self.headers["Authorization"] != f"Bearer {KEY}":
            self.send(b'{"error": {"code": "Unauthorized", "message": "wrong key"}}', status=401)
        elif self.path.startswith("/assets?"):
            self.send(json.dumps({"items": self.server.assets, "total": len(self.server.assets)}).encode())
        else:
            (asset,) = (each for each in self.server.assets if each["id"] == self.path.rpartition("/")[2])
            self.send(json.dumps(asset).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asset = {"id": f"example-{len(self.server.assets)}", "status": "active", **body}
        self.server.assets.append(asset)
        self.send(json.dumps(asset).encode())

    def send(self, data: bytes, mime: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def example(tmp_path: Path) -> Iterator[ExampleServer]:
    with ExampleServer(unique_picture(tmp_path / "picture.png")) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, in which nothing is installed yet."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    for cached in (providers._installed, providers._load):
        cached.cache_clear()
    yield folder
    for cached in (providers._installed, providers._load):
        cached.cache_clear()
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(str(sys.modules[name].__file__)).parent == folder:
            del sys.modules[name]


def install(folder: Path, name: str, entry_points: dict[str, str]) -> None:
    information = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}\n" for key, value in entry_points.items()]
    (information / "entry_points.txt").write_text("".join(["[preflight.providers]\n", *lines]))


@pytest.fixture
def installed(site: Path) -> Path:
    """The folder in which the example package is installed."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    for name in ("preflight_example.py", "preflight_example.toml"):
        shutil.copy(PACKAGE / name, site)
    install(site, project["name"], project["entry-points"]["preflight.providers"])
    return site


def test_provider_of_a_package_is_loaded_when_it_is_asked_for(installed: Path) -> None:
    assert provider_names() == sorted([*providers.PROVIDERS, "example"])
    assert find_provider("atlas").name == "atlas"
    assert "preflight_example" not in sys.modules
    assert find_provider(" Example ").title == "Example"
    with pytest.raises(UsageError, match="Did you mean 'example'"):
        find_provider("exampel")


def test_calls_of_a_package_provider(installed: Path, example: ExampleServer) -> None:
    spec = find_provider("example")
    assert spec.can == {"register", "get", "list"}
    with open_provider(spec, KEY, endpoint=example.url) as provider:
        asset = provider.register("https://h.example/a.png", "image", name="n")
        assert (asset.id, asset.status) == ("example-0", "active")
        assert provider.get(asset.id).name == "n"
        assert isinstance(provider.api, ListsAssets)
        assert [each.name for each in provider.api.list().items] == ["n"]
        with pytest.raises(UsageError, match="cannot list by status"):
            provider.api.list(status="active")
    with open_provider(spec, "other", endpoint=example.url) as provider, pytest.raises(preflight.AccountRefused):
        provider.get("example-0")


def test_submit_registers_at_a_package_provider(installed: Path, example: ExampleServer, tmp_path: Path) -> None:
    asset = preflight.submit(
        f"{example.url}/picture.png",
        to="example",
        keys=KEY,
        endpoint=example.url,
        ledger=tmp_path / "ledger.sqlite",
        allow_private=True,
    )
    assert (asset.id, asset.status, len(example.assets)) == ("example-0", "active", 1)


def test_commands_know_a_package_provider(installed: Path, example: ExampleServer, tmp_path: Path, run: Run) -> None:
    settings = {"cwd": installed, "env": {**os.environ, "EXAMPLE_API_KEY": KEY}}
    where = ["--to", "example", "--endpoint", example.url, "--ledger", tmp_path / "ledger.sqlite"]
    done = run("submit", f"{example.url}/picture.png", *where, "--allow-private", "--format", "jsonl", **settings)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["asset"]["id"] == "example-0"
    done = run("assets", "get", "example-0", *where, **settings)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["ACTIVE", "Example", "example-0"]), done.stderr
    assert "crun, example, sunra" in " ".join(run("submit", "--help", **settings).stdout.split())
    assert "example" in run("submit", "x.png", **settings).stderr


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import missing_module", "ModuleNotFoundError: No module named 'missing_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("SPEC = 5", "broken:SPEC is not a ProviderSpec of this name"),
        ("from preflight.providers import ATLAS as SPEC", "broken:SPEC is not a ProviderSpec of this name"),
    ],
)
def test_package_that_cannot_be_loaded_is_one_error_where_it_is_asked_for(
    module: str, problem: str, site: Path
) -> None:
    install(site, "preflight-broken", {"broken": "broken:SPEC"})
    (site / "broken.py").write_text(module)
    assert find_provider("atlas").name == "atlas"
    assert "broken" in provider_names()
    with pytest.raises(UsageError) as caught:
        find_provider("broken")
    assert str(caught.value) == (
        f"The provider 'broken' of the package preflight-broken cannot be used ({problem}). Update or uninstall it."
    )


def test_name_that_is_taken_is_one_warning(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    install(site, "preflight-imitation", {"Atlas": "missing:SPEC"})
    assert provider_names() == provider_names() == sorted(providers.PROVIDERS)
    assert find_provider("atlas") is providers.PROVIDERS["atlas"]
    assert caplog.messages == [
        "The provider 'atlas' of the package preflight-imitation is ignored, since another one has this name. "
        "Uninstall one of the two."
    ]


def test_name_that_cannot_be_shown_is_one_warning(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    install(site, "preflight-imitation", {"at\x1b[31mlas": "missing:SPEC"})
    assert provider_names() == provider_names() == sorted(providers.PROVIDERS)
    assert caplog.messages == [
        "A provider of the package preflight-imitation is ignored, since its name is not one word of a-z, 0-9, "
        "- and _. Update or uninstall it."
    ]
