"""`preflight sandbox` as a process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT, Run


@contextmanager
def sandbox(*words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], dict[str, str]]]:
    """The process, its endpoints by provider, its environment lines."""
    command = [sys.executable, "-u", "-m", "preflight", "sandbox", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        text = ""
        while "VOLC_SECRETKEY" not in text:
            line = process.stdout.readline()
            assert line, "it ended"
            text += line
        yield (
            process,
            dict(re.findall(r"# --to (\w+) --endpoint (\S+)", text)),
            dict(re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE)),
        )
        process.kill()


def test_prints_endpoints_and_keys_and_serves_until_terminated() -> None:
    with sandbox("--delay", "0", "--fault", "500:get:2", "--throttle", "100/s") as (process, endpoints, variables):
        url = f"{endpoints['sunra']}/v1/ark/assets/x"
        headers = {"Authorization": f"Bearer {variables['SUNRA_API_KEY']}"}
        assert [requests.get(url, headers=headers, timeout=5).status_code for _ in range(3)] == [404, 500, 404]
        assert requests.get(url, timeout=5).status_code == 401
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert errors == "sunra: 3 calls, 0 registrations, 0 throttled, 1 with a wrong key\n"


def test_ctrl_c_stops_it() -> None:
    with sandbox() as (process, _, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--throttle", "fast"), "is not a rate. Write"),
        (("--throttle", "0/min"), "--throttle 0/min is not a rate. Write"),
        (("--throttle", "9" * 400), "is not a rate. Write"),
        (("--throttle", "\x1b[31m"), r"--throttle \x1b[31m is not a rate. Write"),
        (("--fault", "lose:register:x"), "is not a fault. Write FAULT"),
        (("--fault", "lose:register:0"), "is not a fault. Write FAULT"),
        (("--fault", "lose:register:" + "9" * 5000), "is not a fault. Write FAULT"),
        (("--trusted", "nonsense"), "--trusted nonsense is not an origin. Give http://host:port or"),
        (("--fault", "loose"), "Did you mean 'lose'"),
        (("--fault", "lose:registr"), "Did you mean 'register'"),
        (
            ("--fail", "cat*=PixelCountToLarge"),
            "Unknown failure code 'PixelCountToLarge'. Did you mean 'PixelCountTooLarge'",
        ),
        (("--fail", "broken"), "Choose one of AspectRatioTooLarge, "),
        (("--port", "70000"), "70000"),
    ],
)
def test_wrong_option_is_reported(run: Run, words: tuple[str, ...], message: str) -> None:
    done = run("sandbox", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_the_command_without_the_extra(run: Run, tmp_path: Path) -> None:
    assert "sandbox" in run("--help").stdout
    assert "Ctrl-C" in run("sandbox", "--help").stdout
