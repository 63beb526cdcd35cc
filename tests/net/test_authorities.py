"""Private authorities and proxies, as companies use them: calls to providers, hosting and reading media."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import preflight
from preflight.errors import ProviderUnreachable, SourceError, UsageError
from preflight.hosts import LocalFile, PublicBase
from preflight.net.certificates import CA_BUNDLE_VARIABLES
from preflight.net.options import HttpOptions
from preflight.providers import find_provider, open_provider
from preflight.submission.register import sha256_of
from tests.conftest import Run
from tests.providers.server import Recorder
from tests.servers import tls
from tests.servers.hostile import hostile
from tests.servers.proxies import tunnel_proxy
from tests.servers.talk import Server

PICTURE = Path("fixtures/accepted/picture.png")
PATHS = (str(PICTURE), PICTURE.name)
"""Where the servers have it; a public base tries the longer path first."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def media(certificate: tuple[Path, Path]) -> Iterator[Server]:
    with hostile(dict.fromkeys(PATHS, PICTURE.read_bytes()), tls=tls.server_side(*certificate)) as running:
        yield running


@pytest.fixture
def web() -> Iterator[Server]:
    with hostile(dict.fromkeys(PATHS, PICTURE.read_bytes())) as running:
        yield running


@pytest.fixture
def api(certificate: tuple[Path, Path]) -> Iterator[Recorder]:
    with Recorder(tls.server_side(*certificate)) as recorder:
        yield recorder


@pytest.fixture(autouse=True)
def _no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CA_BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def call(api: Recorder, **options: str) -> None:
    with open_provider(find_provider("atlas"), "sk-no-one", endpoint=api.url, **options) as provider:  # type: ignore[arg-type]
        api.respond({"code": 200, "data": {"id": 1}})
        assert provider.get("1").id == "1"


def read(media: Server, **options: str) -> None:
    url = media.url(f"file/{PICTURE.name}", host="127.0.0.1")
    assert preflight.probe(url, allow_private=True, **options).format == "png"  # type: ignore[arg-type]


def host(media: Server, **options: str) -> None:
    base = PublicBase(media.url("file", host="127.0.0.1"), HttpOptions(allow_private=True, **options))  # type: ignore[arg-type]
    file = LocalFile(str(PICTURE), PICTURE.name, PICTURE.stat().st_size, "image/png", sha256_of(str(PICTURE)))
    assert base.put(file).endswith(PICTURE.name)


def test_unknown_authority_is_refused_by_default(api: Recorder, media: Server) -> None:
    with pytest.raises(ProviderUnreachable, match="certificate is not valid"):
        call(api)
    with pytest.raises(SourceError, match="certificate is not valid"):
        read(media)
    with pytest.raises(SourceError, match="certificate is not valid"):
        host(media)


@pytest.mark.parametrize("variable", CA_BUNDLE_VARIABLES)
def test_bundle_of_the_environment_is_trusted_everywhere(
    variable: str, api: Recorder, media: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate[0]))
    call(api)
    read(media)
    host(media)


@pytest.mark.parametrize("place", [lambda path: path, lambda path: path.parent])
def test_bundle_of_the_call_is_trusted_and_takes_precedence(
    place: Callable[[Path], Path],
    api: Recorder,
    media: Server,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The folder has a key too, and no `openssl rehash` prepared it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/gone.pem")
    bundle = str(place(certificate[0]))
    call(api, ca_bundle=bundle)
    read(media, ca_bundle=bundle)
    host(media, ca_bundle=bundle)


def test_bundle_replaces_the_usual_authorities(api: Recorder, tmp_path: Path) -> None:
    other, _ = tls.make(tmp_path)
    with pytest.raises(ProviderUnreachable, match="certificate is not valid"):
        call(api, ca_bundle=str(other))


def test_unreadable_bundle_of_the_environment_is_named(
    api: Recorder, media: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/gone.pem")
    for act in (lambda: call(api), lambda: read(media)):
        with pytest.raises(
            UsageError, match=r"SSL_CERT_FILE names the CA bundle /gone\.pem, which cannot be read \(No"
        ):
            act()


def test_commands_take_a_bundle_and_a_proxy(
    run: Run, media: Server, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    bundle = shutil.copy(certificate[0], tmp_path / "company.pem")
    url = media.url(f"file/{PICTURE.name}", host="127.0.0.1")
    with tunnel_proxy(media.port) as proxy:
        through = ["--proxy", f"http://127.0.0.1:{proxy.port}", "--ca-bundle", bundle, "--allow-private"]
        for command in (["check", url, "--for", "crun"], ["probe", url]):
            proxy.requested.clear()
            result = run(*command, *through)
            assert "png" in result.stdout
            assert proxy.requested[0] == f"CONNECT 127.0.0.1:{media.port} HTTP/1.1"
    assert "certificate is not valid" in run("probe", url, "--allow-private").stdout


def test_submit_fetches_private_addresses_on_request(run: Run, api: Recorder, web: Server, tmp_path: Path) -> None:
    url = web.url(f"file/{PICTURE.name}", host="127.0.0.1")
    words = ["submit", url, "--to", "crun", "--endpoint", f"http://127.0.0.1:{api.port}", "--ledger", tmp_path / "l"]
    env = {**os.environ, "CRUN_API_KEY": "sk-no-one-has-this"}
    refused = run(*words, env=env)
    assert "allow private addresses" in refused.stdout
    assert "allow private addresses" not in run(*words, "--allow-private", env=env).stdout


def test_pipe_as_bundle_is_refused_at_once(api: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match=r"pipe cannot be read \(it is not a regular file\)"):
        HttpOptions(ca_bundle=pipe)
    monkeypatch.setenv("SSL_CERT_FILE", pipe)
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE names the CA bundle .*pipe, .*\(it is not a regular file\)"):
        call(api)


def test_wrong_bundle_of_a_command_names_its_option(run: Run) -> None:
    result = run("check", str(PICTURE), "--for", "atlas", "--ca-bundle", "/gone.pem")
    assert result.returncode == 2
    assert "The CA bundle of --ca-bundle /gone.pem cannot be read" in result.stderr


@pytest.mark.parametrize("variable", [None, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_submit_registers_from_a_network_with_its_own_authority_and_proxy(
    run: Run,
    api: Recorder,
    media: Server,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    variable: str | None,
) -> None:
    """The bundle comes from the environment or from the option, which takes precedence."""
    api.respond({"code": 200, "data": {"AssetId": "asset-1"}})
    url = media.url(f"file/{PICTURE.name}", host="127.0.0.1")
    words = ["submit", url, "--to", "crun", "--endpoint", api.url, "--ledger", tmp_path / "l", "--no-wait"]
    env = {**os.environ, "CRUN_API_KEY": "sk-no-one-has-this", variable or "SSL_CERT_FILE": str(certificate[0])}
    if variable is None:
        env["SSL_CERT_FILE"] = "/gone.pem"
        words += ["--ca-bundle", certificate[0]]
    with tunnel_proxy(None) as proxy:
        done = run(*words, "--allow-private", "--proxy", f"http://127.0.0.1:{proxy.port}", env=env)
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["PROCESSING", url]), done.stdout + done.stderr
    assert [request.json["asset_url"] for request in api.requests] == [url]
    assert {line.split()[1] for line in proxy.requested} == {f"127.0.0.1:{media.port}", f"127.0.0.1:{api.port}"}


def test_submission_reads_media_through_its_proxy(
    api: Recorder, media: Server, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    url = media.url(f"file/{PICTURE.name}", host="127.0.0.1")
    with tunnel_proxy(media.port) as proxy:  # calls to the provider arrive at the media's server too
        (submission,) = preflight.submit_many(
            [url],
            "crun",
            keys="sk-no-one",
            endpoint=api.url,
            ledger=tmp_path / "ledger.sqlite",
            allow_private=True,
            proxy=f"http://127.0.0.1:{proxy.port}",
            ca_bundle=str(certificate[0]),
        )
    assert submission.report is not None
    assert submission.report.passed
    assert submission.outcome == "error"
    assert not api.requests
    assert {line.split()[1] for line in proxy.requested} == {f"127.0.0.1:{media.port}", f"127.0.0.1:{api.port}"}
