"""The official SDKs sign as we do, and their own clients talk to the sandbox: `tox -e sdk`, skipped without them."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from preflight.providers.credentials import Call, Secret, SigningKeys, sign_official
from preflight.sandbox import Sandbox
from tests.submission.sending import ACCEPTED

pytest.importorskip("volcengine", reason="the volcengine SDK is not installed")
byteplus = pytest.importorskip("byteplussdkcore", reason="byteplus-python-sdk-v2 is not installed")

from byteplussdkcore.interceptor.interceptors.interceptor import RequestInterceptor  # noqa: E402
from byteplussdkcore.signv4 import SignerV4 as BytePlusSigner  # noqa: E402
from byteplussdkcore.universal import UniversalApi, UniversalInfo  # noqa: E402
from volcengine.ApiInfo import ApiInfo  # noqa: E402
from volcengine.auth.SignerV4 import SignerV4 as VolcengineSigner  # noqa: E402
from volcengine.base.Request import Request  # noqa: E402
from volcengine.base.Service import Service  # noqa: E402
from volcengine.Credentials import Credentials  # noqa: E402
from volcengine.ServiceInfo import ServiceInfo  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
VERSION = "2024-01-01"
ACTIONS = ("CreateAssetGroup", "CreateAsset", "GetAsset", "ListAssets", "UpdateAsset", "DeleteAsset")

Ask = Callable[[str, dict[str, Any]], Any]
"""Calls an Action with a body, and returns its Result."""
Connect = Callable[..., Ask]
"""Opens the client of an SDK for a sandbox, with another secret than its own if one is given."""


def pack(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def random_request(seed: int) -> tuple[Call, bytes, SigningKeys, str]:
    chance = random.Random(seed)
    letters = string.ascii_letters + string.digits + "-_.~ +/=&?äß名é%:;'\"{}"

    def some(length: int, of: str = letters) -> str:
        return "".join(chance.choice(of) for _ in range(chance.randrange(1, length)))

    body = pack({some(9): some(40) for _ in range(chance.randrange(4))})
    port = chance.choice(["", ":443", ":8443"])
    action, version = some(12, string.ascii_letters), some(12, string.digits + "-_.~")
    url = f"https://{chance.choice(['ark', 'open'])}.example{port}/?Version={version}&Action={action}"
    token = Secret(some(30, string.ascii_letters + "+/=")) if chance.random() < 0.5 else None
    keys = SigningKeys(some(20, string.ascii_letters), Secret(some(40)), token)
    asked = Call("any", action, "POST", url, body, {"Content-Type": "application/json"})
    return asked, body, keys, chance.choice(["cn-beijing", "ap-southeast-1"])


def parts_of(asked: Call) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query, as the SDKs take them."""
    _, _, host, rest = asked.url.split("/", 3)
    query = dict(part.split("=") for part in rest.partition("?")[2].split("&"))
    return {"Content-Type": "application/json", "Host": host}, query


def test_volcengine_sdk_signs_random_requests_as_we_do() -> None:
    for seed in range(200):
        asked, body, keys, region = random_request(seed)
        request = Request()
        request.method, request.path, request.body = "POST", "/", body.decode()
        request.headers, request.query = parts_of(asked)
        token = keys.session_token.reveal() if keys.session_token else ""
        VolcengineSigner.sign(request, Credentials(keys.access_key, keys.secret_key.reveal(), "ark", region, token))
        parse_time = datetime.strptime(request.headers["X-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ours = sign_official(asked, body, keys, region, parse_time)
        assert ours["Authorization"] == request.headers["Authorization"], seed
        assert ours["X-Content-Sha256"] == request.headers["X-Content-Sha256"], seed


def test_byteplus_sdk_signs_random_requests_as_we_do() -> None:
    for seed in range(200):
        asked, body, keys, region = random_request(seed)
        headers, query = parts_of(asked)
        token = keys.session_token.reveal() if keys.session_token else None
        secret = keys.secret_key.reveal()
        BytePlusSigner.sign(
            "/", "POST", headers, body.decode(), {}, query, keys.access_key, secret, region, "ark", token
        )
        parse_time = datetime.strptime(headers["X-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        assert sign_official(asked, body, keys, region, parse_time)["Authorization"] == headers["Authorization"], seed


def volcengine_client(box: Sandbox, secret: str | None = None) -> Ask:
    pair = box.credentials("volcengine")
    keys = Credentials(pair.access_key, secret or pair.secret_key, "ark", "cn-beijing")
    infos = {
        action: ApiInfo("POST", "/volcengine/", {"Action": action, "Version": VERSION}, {}, {}) for action in ACTIONS
    }
    service = Service(ServiceInfo(box.origin.removeprefix("http://"), {}, keys, 5, 5), infos)
    service.set_ak(pair.access_key)  # in place of the environment's
    service.set_sk(secret or pair.secret_key)
    return lambda action, body: json.loads(service.json(action, {}, json.dumps(body)))["Result"]


def byteplus_client(box: Sandbox, secret: str | None = None) -> Ask:
    class UnderPrefix(RequestInterceptor):  # the SDK knows hosts, and the sandbox has a path for each provider
        def name(self) -> str:
            return "under-prefix"

        def intercept(self, context: Any) -> Any:
            context.request.url = context.request.url.replace(box.origin, box.endpoint("byteplus"), 1)
            return context

    pair, settings = box.credentials("byteplus"), byteplus.Configuration()
    settings.ak, settings.sk, settings.region = pair.access_key, secret or pair.secret_key, "ap-southeast-1"
    settings.scheme, settings.host = "http", box.origin.removeprefix("http://")
    client = byteplus.ApiClient(settings)
    client.interceptor_chain.append_request_interceptor(UnderPrefix())
    api = UniversalApi(client)
    return lambda action, body: api.do_call(UniversalInfo("POST", "ark", VERSION, action, "application/json"), body)


@pytest.mark.parametrize("connect", [volcengine_client, byteplus_client])
def test_client_of_an_sdk_registers_reads_and_lists_in_the_sandbox(connect: Connect, box: Sandbox) -> None:
    ask = connect(box)
    group = ask("CreateAssetGroup", {"Name": "of an SDK"})["Id"]
    url = box.host(ACCEPTED / "picture.png")
    asset = ask("CreateAsset", {"GroupId": group, "URL": url, "AssetType": "Image", "Name": "名字 é"})["Id"]
    found = ask("GetAsset", {"Id": asset})
    assert (found["Id"], found["Name"], found["GroupId"]) == (asset, "名字 é", group)
    assert found["Status"] in ("Processing", "Active")
    listed = ask("ListAssets", {"Filter": {"GroupIds": [group]}, "PageNumber": 1, "PageSize": 10})
    assert ([item["Id"] for item in listed["Items"]], listed["TotalCount"]) == ([asset], 1)
    assert ask("UpdateAsset", {"Id": asset, "Name": "renamed"})["Id"] == asset
    ask("DeleteAsset", {"Id": asset})
    assert ask("ListAssets", {"Filter": {"GroupIds": [group]}, "MaxResults": 10})["Items"] in ([], None)


@pytest.mark.parametrize("connect", [volcengine_client, byteplus_client])
def test_client_of_an_sdk_with_another_secret_is_refused(connect: Connect, box: Sandbox) -> None:
    with pytest.raises(Exception, match="SignatureDoesNotMatch"):
        connect(box, "wrong")("ListAssets", {})
