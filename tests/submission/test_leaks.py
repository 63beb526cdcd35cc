"""Keys, signatures and presigned URLs are in no output, no ledger, no error and no repr."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.errors import PreflightError
from preflight.providers import PROVIDERS
from preflight.sandbox import Sandbox
from preflight.submission import submit
from tests.conftest import Run
from tests.submission.sending import Sender, keys_of, unique_picture
from tests.submission.web import Web, serving

SIGNATURE = "5f2c9d0b" * 8
TOKEN = "FwoGZXIvYXdzEJr" + "aB3dE6gH9" * 4
QUERY = f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token={TOKEN}&X-Amz-Signature={SIGNATURE}"
FAULTS = ["lose-after", "error-after", "html", "empty", "redirect", "subscription", "401", "429"]


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def _box(web: Web) -> Iterator[Sandbox]:
    with Sandbox(trusted=[web.origin]) as box:
        yield box


def secrets_of(box: Sandbox, provider: str) -> list[bytes]:
    """What must be nowhere: everything secret of the account, and of the URLs. An access key's id names the account."""
    keys = {name: value for name, value in keys_of(box, provider).items() if name != "access_key"}
    return [value.encode() for value in (*keys.values(), SIGNATURE, TOKEN)]


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_command_shows_and_keeps_no_secret(run: Run, box: Sandbox, web: Web, tmp_path: Path, name: str) -> None:
    sender = Sender(box, name, tmp_path)
    urls = []
    for number, fault in enumerate(["", *FAULTS]):
        path = f"/{sender.mark}-{number}.png"
        web.put(path, unique_picture(tmp_path / "x.png").read_bytes(), None if number % 2 else '"strong"')
        urls.append(web.origin + path + QUERY)
        if fault:
            box.faults.on(fault, action="register", provider=name, call=2 * number)
    box.faults.fail("DownloadFailed", match=f"*{sender.mark}-0*", message=f"cannot fetch {urls[0]}")
    words = ["submit", *urls, "--to", name, "--endpoint", box.endpoint(name)]
    words += ["--ledger", str(tmp_path / "ledger.sqlite"), *(["--group", sender.group] if sender.group else [])]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **box.environment(name)}
    outputs = []
    for call in (
        words,
        [*words, "--format", "jsonl"],
        ["assets", "export", "--ledger", str(tmp_path / "ledger.sqlite")],
    ):
        done = run(*call, env=environment, text=False, main="tests.submission.quickly")
        assert b"Traceback" not in done.stderr
        assert done.returncode in (0, 1, 2, 3)
        outputs += [done.stdout, done.stderr]
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.suffix != ".png" and file.is_file())
    assert len(outputs[0]) > 500
    assert len(outputs[4]) > 500
    for secret in secrets_of(box, name):
        for output in outputs:
            assert secret not in output
        assert secret not in kept


@pytest.mark.parametrize(
    "name",
    [name if name == "volcengine" else pytest.param(name, marks=pytest.mark.slow) for name in sorted(PROVIDERS)],
)
def test_no_error_no_repr_and_no_log_has_a_secret(
    box: Sandbox, web: Web, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Sender(box, name, tmp_path)
    caplog.set_level(logging.DEBUG)
    path = f"/{sender.mark}.png"
    texts = []
    for fault in FAULTS[:-1]:
        web.put(path, unique_picture(tmp_path / "x.png").read_bytes(), f'"{fault}"')
        box.faults.clear()
        box.faults.on(fault, action="register", provider=name)
        try:
            made = submit(web.origin + path + QUERY, name, **sender.options())
            texts += [repr(made), json.dumps(made.as_json())]
        except PreflightError as error:
            texts += ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
    box.faults.clear()
    submission = sender.one(web.origin + path + QUERY)
    texts += [repr(submission), json.dumps(submission.as_json()), repr(sender.entries())]
    with sender.opened() as provider:
        texts += [repr(provider)]
    said = "\n".join([*texts, caplog.text]).encode()
    for secret in secrets_of(box, name):
        assert secret not in said
