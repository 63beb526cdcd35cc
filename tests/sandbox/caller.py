"""Plain HTTP calls as the published examples make them: `Caller`, `signed`, `published`."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests

from preflight.sandbox import Sandbox

Json = dict[str, Any]
PATIENCE = 5.0


class Caller:
    """Calls one provider with its key in the header that it wants."""

    def __init__(self, box: Sandbox, provider: str, header: str = "Authorization", scheme: str = "Bearer ") -> None:
        self.base = box.endpoint(provider)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers[header] = f"{scheme}{box.key(provider)}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.http.request(method, self.base + path, timeout=PATIENCE, allow_redirects=False, **options)

    def json(self, method: str, path: str, **options: Any) -> Json:
        answer: Json = self(method, path, **options).json()
        return answer


def settled(get: Callable[[], Json], processing: Callable[[Json], bool]) -> Json:
    """What `get` gives once it is no longer processing."""
    end = time.monotonic() + PATIENCE
    while processing(shown := get()):
        assert time.monotonic() < end, shown
        time.sleep(0.01)
    return shown


def pages(get: Callable[[int], list[Any]]) -> Iterator[Any]:
    """All items of a list that is paged by number."""
    number = 1
    while items := get(number):
        yield from items
        number += 1


def signed(box: Sandbox, provider: str, action: str, body: Json, **wrong: Any) -> requests.Response:
    """A call in the official form. `wrong`: what to do otherwise than right.

    pair, secret, region, path, day (of X-Date, offset), query (added after signing), body_sent, drop (unsigned header)
    """
    pair = wrong.get("pair") or box.credentials(provider)
    region = wrong.get("region") or {"volcengine": "cn-beijing", "byteplus": "ap-southeast-1"}[provider]
    base = box.endpoint(provider)
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=wrong.get("minutes", 0))
    data = json.dumps(body).encode()
    headers = {
        "content-type": "application/json",
        "host": urlsplit(base).netloc,
        "x-content-sha256": hashlib.sha256(data).hexdigest(),
        "x-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    if pair.token:
        headers["x-security-token"] = pair.token
    sent = dict(headers)
    headers.pop(wrong.get("drop", ""), None)
    query = f"Action={action}&Version=2024-01-01"
    path = wrong.get("path", urlsplit(base).path + "/")
    signature, scope, names = _signature(
        wrong.get("secret") or pair.secret_key, "POST", path, query, headers, data, sent["x-date"], region
    )
    sent["Authorization"] = (
        f"HMAC-SHA256 Credential={pair.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    url = f"{base}/?{query}{wrong.get('query', '')}"
    return requests.post(url, data=wrong.get("sent", data), headers=sent, timeout=PATIENCE)


def published(box: Sandbox, action: str, body: Json, prefix: str = "VolcEngine") -> requests.Response:
    """A call as the published page's sample makes it: `/open/ACTION`, two headers signed, a prefix to the secret."""
    pair, base = box.credentials("volcengine"), box.endpoint("volcengine")
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    date = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": urlsplit(base).netloc, "x-date": date}
    signature, scope, names = _signature(
        f"{prefix}{pair.secret_key}", "POST", f"/open/{action}", "", headers, data, date, "cn-beijing"
    )
    authorization = f"HMAC-SHA256 Credential={pair.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return requests.post(
        f"{base}/open/{action}",
        data=data,
        headers={"Content-Type": "application/json", "X-Date": date, "Authorization": authorization},
        timeout=PATIENCE,
    )


def _signature(
    secret: str, method: str, uri: str, query: str, headers: dict[str, str], body: bytes, date: str, region: str
) -> tuple[str, str, str]:
    scope = f"{date[:8]}/{region}/ark/request"
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"{method}\n{uri}\n{query}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    text = f"HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = secret.encode()
    for part in (date[:8], region, "ark", "request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), scope, names
