"""Servers that refuse automated clients, and the user agent and headers that a caller may send."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import preflight
from preflight.checker import plan_for
from preflight.errors import SourceError, UsageError
from preflight.media import Need
from preflight.sources.http import HttpOptions
from tests.conftest import Run
from tests.rows import each_row
from tests.servers.talk import Server, Talk
from tests.sources.conftest import DATA, NAME, Open
from tests.sources.test_http_redirects import names

SECRET = "hunter2-hunter2"
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>wait</body></html>"
FORBIDDEN = b"<html><head><meta name=robots content=noindex></head><body>403 Forbidden</body></html>"


def failure(source: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.read_at(0, 10)
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        f"needs/user-agent/Mozilla/{NAME}",
        f"needs/referer/127.0.0.1/{NAME}",
        "challenges/403/cf-mitigated=challenge/plain",
        "challenges/403/=/challenge",
        "challenges/503/cf-mitigated=challenge/plain",
        "challenges/503/=/challenge",
        "challenges/429/=/challenge",
        "challenges/429/x-vercel-mitigated=challenge/plain",
        "challenges/405/x-amzn-waf-action=captcha/plain",
        "challenges/202/x-amzn-waf-action=challenge/plain",
        "challenges/403/x-datadome=protected/plain",
        "challenges/403/=/agent",
        "challenges/403/=/hotlink",
    ],
)
def test_refusal_of_automated_clients_has_a_code_of_its_own(server: Server, open_url: Open, path: str) -> None:
    pages = {"plain": FORBIDDEN, "challenge": CHALLENGE, "agent": b"Invalid User-Agent", "hotlink": b"No hotlinking."}
    server.files |= pages
    error = failure(open_url(path))
    assert error.code == "automated_client_refused"
    assert "the server refuses automated clients" in str(error)
    assert "set a user agent or custom headers" in str(error)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("status/403/x", "download_failed"),
        ("challenges/403/=/plain", "download_failed"),
        ("store/AccessDenied/x", "download_failed"),
        ("status/503/x", "server_error"),
        ("status/429/x", "rate_limited"),
    ],
)
def test_other_refusals_keep_their_codes(server: Server, open_url: Open, path: str, code: str) -> None:
    server.files["plain"] = FORBIDDEN
    assert failure(open_url(path, retries=0)).code == code


@each_row(
    ("status", "kind", "code"),
    [
        (200, "image/png", "automated_client_refused"),
        (203, "image/png", "automated_client_refused"),
        (206, "image/png", "automated_client_refused"),
        (200, "text/html", "download_failed"),
        (404, "image/png", "download_failed"),
        (None, "", "download_failed"),
    ],
)
def test_refusal_is_of_automated_clients_if_a_browser_gets_a_file(
    server: Server, open_url: Open, status: int | None, kind: str, code: str
) -> None:
    """Without a status the connection ends."""

    def refuse(talk: Talk) -> None:
        if not talk.request.headers["user-agent"].startswith("Mozilla/"):
            talk.answer("403 Forbidden", FORBIDDEN)
        elif status is None:
            talk.keep = False
        else:
            talk.answer(f"{status} Of Some Kind", DATA[:10], {"Content-Type": kind})

    server.behaviours["refuses"] = refuse
    assert failure(open_url("refuses/x")).code == code


def test_store_that_denies_access_may_hide_that_there_is_no_file(open_url: Open) -> None:
    source = open_url("store/AccessDenied/x")
    assert "responds the same way for a missing file" in str(failure(source))
    assert source.requests == 2


@pytest.mark.parametrize("path", ["challenges/200/=/page", "challenges/200/cf-mitigated=challenge/page"])
def test_challenge_with_status_200_is_a_page_of_its_own_kind(server: Server, open_url: Open, path: str) -> None:
    server.files["page"] = CHALLENGE
    source = open_url(path)
    assert source.read_at(0, 5) == CHALLENGE[:5]
    assert source.delivery.page == "challenge"
    report = preflight.check(server.url(path), "atlas", allow_private=True)
    assert report.verdict == "fail"
    (page,) = (finding for finding in report.findings if finding.code == "web_page")
    assert "proof of a human visitor" in (page.hint or "")


def test_user_agent_and_headers_are_sent_with_every_request(server: Server, open_url: Open) -> None:
    source = open_url(f"file/{NAME}", need=Need(head=True), user_agent="Mine/1", headers={"X-Key": SECRET})
    source.read_at(200_000, 10)
    own = [request for request in server.seen if request.headers["user-agent"] == "Mine/1"]
    assert [request.method for request in own] == ["GET", "HEAD", "GET"]
    assert all(request.headers["x-key"] == SECRET for request in own)
    assert len(server.seen) == 4, "one more request sees what services get"
    assert source.delivery.notes == ()


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (f"needs/user-agent/Mozilla/{NAME}", {"user_agent": "Mozilla/5.0"}),
        (f"needs/x-key/hunter2/{NAME}", {"headers": {"X-Key": SECRET}}),
        (f"needs/authorization/Bearer/{NAME}", {"headers": [("Authorization", f"Bearer {SECRET}")]}),
        (f"needs-or-other/referer/me/{NAME}/other", {"headers": {"Referer": "https://me.example/"}}),
        (f"needs-or-other/referer/me/{NAME}/same-size", {"headers": {"Referer": "https://me.example/"}}),
    ],
)
def test_file_that_only_own_headers_get_is_noted(
    server: Server, open_url: Open, path: str, options: dict[str, Any]
) -> None:
    server.files |= {"other": b"\xff\xd8\xff another picture", "same-size": DATA[::-1]}
    source = open_url(path, **options)
    assert source.read_at(0, 10) == DATA[:10]
    assert source.delivery.notes == ("custom_headers_needed",)


def test_report_says_that_the_service_will_not_send_own_headers(server: Server, fixtures: Path) -> None:
    server.files["a.png"] = (fixtures / "accepted/picture.png").read_bytes()
    url = server.url("needs/user-agent/Mozilla/a.png")
    refused = preflight.check(url, "atlas", allow_private=True)
    assert (refused.verdict, refused.error and refused.error.code) == ("fail", "automated_client_refused")
    report = preflight.check(url, "atlas", allow_private=True, user_agent="Mozilla/5.0")
    assert report.verdict == "pass"
    assert "which services do not send" in next(
        finding.message for finding in report.findings if finding.code == "custom_headers_needed"
    )


@pytest.mark.parametrize("host", ["cdn.example", "h.example"])
def test_redirect_to_another_origin_drops_headers_and_keeps_the_user_agent(
    server: Server, open_url: Open, host: str
) -> None:
    other = Server(server.behaviours, server.files)
    with other:
        there = server if host == "cdn.example" else other  # another host, another port of the same host
        target = there.url(f"file/{NAME}", host=host)
        url = f"http://h.example:{server.port}/to/{target}"
        source = open_url(url, user_agent="Mine/1", headers={"X-Key": SECRET}, parts={"resolve": names})
        source.read_at(200_000, 10)
        own = [request for request in (*server.seen, *other.seen) if request.headers["user-agent"] == "Mine/1"]
        assert len(own) == 3
        keyed = [request.path for request in own if "x-key" in request.headers]
        assert keyed == [f"/to/{target}"]


def test_headers_do_not_come_back_behind_another_host(server: Server, open_url: Open) -> None:
    back = server.url(f"file/{NAME}", host="h.example")
    away = server.url(f"to/{back}", host="cdn.example")
    url = f"http://h.example:{server.port}/to/{away}"
    source = open_url(url, headers={"X-Key": SECRET}, parts={"resolve": names})
    source.read_at(200_000, 10)
    assert [request.path for request in server.seen if "x-key" in request.headers] == [f"/to/{away}"]


def test_redirect_within_the_origin_keeps_headers(server: Server, open_url: Open) -> None:
    source = open_url(f"hops/2/{NAME}", headers={"X-Key": SECRET})
    source.read_at(200_000, 10)
    assert sum("x-key" in request.headers for request in server.seen) == 4


@each_row(
    "headers",
    [
        *({"Host": "x"}, {"range": "bytes=0-1"}, {"Content-Length": "1"}, {"CONNECTION": "close"}),
        *({"Transfer-Encoding": "chunked"}, {"Accept-Encoding": "gzip"}, {"If-None-Match": SECRET}),
        *({"X-Key": f"{SECRET}\r\nHost: x"}, {"X-Key": f"{SECRET}\n"}, {"X-Key": f"{SECRET}\0"}, {"X-Key": "ключ"}),
        *({"": SECRET}, {"X Key": SECRET}, {f"X-Key: {SECRET}": ""}, {"X-Key\r\n": SECRET}, {"User-Agent": SECRET}),
        *([("X-Key", SECRET), ("x-key", SECRET)], {"X-Key": 5}, [SECRET], SECRET, {"X-Key": SECRET * 1000}),
        {f"X-{number}": SECRET for number in range(33)},
    ],
)
def test_headers_that_cannot_be_sent(headers: Any) -> None:
    with pytest.raises(UsageError) as caught:
        HttpOptions(headers=headers)
    assert SECRET not in str(caught.value)


@each_row("text", ["", " ", "a\r\nHost: x", "a\x7f", "ключ", "x" * 9000])
def test_user_agents_that_cannot_be_sent(text: str) -> None:
    with pytest.raises(UsageError, match="user agent"):
        HttpOptions(user_agent=text)


def test_no_output_shows_headers(server: Server, run: Run, tmp_path: Path) -> None:
    server.files["a.png"] = b"\x89PNG\r\n\x1a\n"
    told = []
    for path in ("echoes/body/a.png", "echoes/location/a.png", "status/403/x", f"needs/x-key/hunter2/{NAME}"):
        reports = [f"--report={tmp_path / name}" for name in ("a.html", "a.xml", "a.sarif", "a.csv", "a.json")]
        words = ["check", server.url(path), "--for", "atlas", "--allow-private", "--header", f"X-Key={SECRET}"]
        for more in (reports, [f"--resume={tmp_path / path.replace('/', '-')}"], ["--format=jsonl"]):
            done = run(*words, *more)
            assert "Usage" not in done.stderr, done.stderr
            told += [done.stdout, done.stderr, *(file.read_text() for file in tmp_path.iterdir())]
    assert any("x-key" in request.headers for request in server.seen)
    assert SECRET not in "".join(told)


def test_no_representation_or_digest_shows_headers() -> None:
    plans = [plan_for("atlas", headers={"X-Key": value}) for value in (SECRET, "another")]
    assert SECRET not in repr(plans[0])
    assert plans[0].digest == plans[1].digest
    assert pickle.loads(pickle.dumps(plans[0])).http == plans[0].http != plans[1].http


def test_command_line_refuses_headers_without_repeating_them(run: Run) -> None:
    for word in (SECRET, f"Authorization: Bearer {SECRET}==", f"Host={SECRET}", f"X-Key={SECRET}\n"):
        done = run("check", "https://h.example/a", "--for", "atlas", "--header", word)
        assert done.returncode == 2
        assert "--header" in done.stderr
        assert SECRET not in done.stdout + done.stderr


def test_configuration_gives_a_user_agent_and_no_headers(server: Server, run: Run, tmp_path: Path) -> None:
    config = tmp_path / "preflight.toml"
    config.write_text('user_agent = "Mine/1"\n')
    run("check", server.url(f"file/{NAME}"), "--for", "atlas", "--allow-private", cwd=tmp_path)
    assert server.seen[0].headers["user-agent"] == "Mine/1"
    for wrong in ('headers = ["X-Key=1"]', 'user_agent = ""', 'user_agent = "a\\nb"', "user_agent = 5"):
        config.write_text(f"{wrong}\n")
        done = run("check", "https://h.example/a", "--for", "atlas", cwd=tmp_path)
        assert done.returncode == 2
        assert "preflight.toml:1" in done.stderr
