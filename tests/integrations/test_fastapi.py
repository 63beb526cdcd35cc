"""Upload endpoints of FastAPI, from the client's side."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, File, Form, UploadFile
from pydantic import BaseModel

from preflight import Passes
from preflight.integrations.fastapi import MAX_FORM_OVERHEAD, UploadRoute, max_body_bytes
from preflight.report import Report
from tests.bench import uploads

MOST = 200_000
GOOD = Path("fixtures/accepted/picture.png")
NARROW = Path("fixtures/refused/png-too-narrow.png")

Picture = Annotated[UploadFile, Passes("atlas", max_bytes=MOST)]


class Album(BaseModel):
    pictures: list[UploadFile]


def other(mask: Picture) -> str:
    return mask.filename or ""


router = APIRouter(route_class=UploadRoute)


@router.post("/pictures")
async def pictures(picture: Picture, title: Annotated[str, Form()] = "") -> dict[str, Any]:
    return {"name": picture.filename, "bytes": len(await picture.read()), "title": title}


@router.post("/raw")
def raw(picture: Annotated[bytes, File(), Passes("atlas")]) -> int:
    return len(picture)


@router.post("/two")
def two(
    picture: Picture,
    mask: Annotated[str, Depends(other)],
    more: Annotated[UploadFile | None, Passes("atlas", max_bytes=MOST)] = None,
) -> str:
    return mask


@router.post("/many")
def many(pictures: Annotated[list[UploadFile], Passes("atlas")]) -> int:
    return len(pictures)


@router.post("/open")
def unbounded(picture: Picture, more: list[UploadFile]) -> int:
    return len(more)


@router.post("/album")
def album(picture: Picture, rest: Annotated[Album, Form()]) -> int:
    return len(rest.pictures)


app = FastAPI()
app.include_router(router)


Sent = tuple[str, bytes]


def post(path: str, **files: Sent | list[Sent]) -> Any:
    """Return the response of the application, without a network."""
    parts = [(name, one) for name, sent in files.items() for one in (sent if isinstance(sent, list) else [sent])]

    async def call() -> Any:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, files=parts)

    return asyncio.run(call())


class TestValidation:
    def test_passing_upload_reaches_the_endpoint_from_its_first_byte(self) -> None:
        answer = post("/pictures", picture=("a.png", GOOD.read_bytes()))
        assert answer.status_code == 200
        assert answer.json() == {"name": "a.png", "bytes": GOOD.stat().st_size, "title": ""}
        assert post("/raw", picture=("a.png", GOOD.read_bytes())).json() == GOOD.stat().st_size

    @pytest.mark.parametrize("path", ["/pictures", "/raw"])
    def test_failing_upload_gets_422_with_the_findings(self, path: str) -> None:
        answer = post(path, picture=("a.png", NARROW.read_bytes()))
        assert answer.status_code == 422
        (error,) = answer.json()["detail"]
        assert error["type"] == "width_too_small"
        assert error["loc"] == ["body", "picture"]
        assert error["ctx"]["limit"] == {"min": 300, "max": 6000}

    def test_failing_upload_of_several_is_named_by_its_index(self) -> None:
        good, narrow = ("a.png", GOOD.read_bytes()), ("b.png", NARROW.read_bytes())
        answer = post("/many", pictures=[good, narrow])
        assert [error["loc"] for error in answer.json()["detail"]] == [["body", "pictures", 1]]
        assert post("/many", pictures=[good, good]).json() == 2

    def test_optional_upload_may_be_missing(self) -> None:
        good = ("a.png", GOOD.read_bytes())
        assert post("/two", picture=good, mask=("m.png", GOOD.read_bytes())).json() == "m.png"
        answer = post("/two", picture=good, mask=good, more=("b.png", NARROW.read_bytes()))
        assert answer.json()["detail"][0]["loc"] == ["body", "more"]

    def test_any_name_and_any_bytes_get_a_response(self) -> None:
        answer = post("/pictures", picture=('<img src=x>"\x1b{rules}.png', b"\x00\xff" * 100))
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["type"] in ("format_undetectable", "format_unsupported")

    def test_openapi_schema_includes_the_upload(self) -> None:
        schema = app.openapi()["components"]["schemas"]["Body_pictures_pictures_post"]
        assert schema["properties"]["picture"]["type"] == "string"


class Watched(Passes):
    """Record the thread of each check."""

    threads: ClassVar[list[int]] = []

    def report(self, value: object) -> Report:
        self.threads.append(threading.get_ident())
        return super().report(value)


class Sheet(BaseModel):
    cover: Annotated[UploadFile, Watched("atlas")]
    others: list[Annotated[UploadFile, Watched("atlas")]] = []


WatchedPicture = Annotated[UploadFile, Watched("atlas")]


def masked(mask: WatchedPicture) -> str:
    return mask.filename or ""


class TestThreads:
    """Uploads are checked in threads, before FastAPI validates them on its event loop."""

    @pytest.fixture
    def watched(self) -> FastAPI:
        Watched.threads.clear()
        routes = APIRouter(route_class=UploadRoute)

        @routes.post("/one")
        async def one(picture: WatchedPicture) -> int:
            return threading.get_ident()

        @routes.post("/optional")
        async def optional(picture: Annotated[UploadFile | None, Watched("atlas")] = None) -> int:
            return threading.get_ident()

        @routes.post("/many")
        async def many(pictures: Annotated[list[UploadFile], Watched("atlas")]) -> int:
            return threading.get_ident()

        @routes.post("/raw")
        async def raw(picture: Annotated[bytes, File(), Watched("atlas")]) -> int:
            return threading.get_ident()

        @routes.post("/named")
        async def named(picture: Annotated[UploadFile, File(alias="file"), Watched("atlas")]) -> int:
            return threading.get_ident()

        @routes.post("/read-as")
        async def read_as(picture: Annotated[UploadFile, File(validation_alias="file"), Watched("atlas")]) -> int:
            return threading.get_ident()

        @routes.post("/sheet")
        async def sheet(sheet: Annotated[Sheet, Form()]) -> int:
            return threading.get_ident()

        @routes.post("/two")
        async def two(picture: WatchedPicture, mask: Annotated[str, Depends(masked)]) -> int:
            return threading.get_ident()

        app = FastAPI()
        app.include_router(routes)
        return app

    @pytest.mark.parametrize(
        ("path", "names"),
        [
            ("/one", ["picture"]),
            ("/optional", ["picture"]),
            ("/many", ["pictures", "pictures"]),
            ("/read-as", ["file"]),
            ("/raw", ["picture"]),
            ("/named", ["file"]),
            ("/sheet", ["cover", "others", "others"]),
            ("/two", ["picture", "mask"]),
        ],
    )
    @pytest.mark.parametrize(("content", "status"), [(GOOD, 200), (NARROW, 422)], ids=["passes", "fails"])
    def test_each_upload_is_checked_once_and_not_on_the_event_loop(
        self, watched: FastAPI, path: str, names: list[str], content: Path, status: int
    ) -> None:
        async def call() -> tuple[Any, int]:
            transport = httpx.ASGITransport(app=watched)
            files = [(name, ("a.png", content.read_bytes())) for name in names]
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(path, files=files), threading.get_ident()

        answer, loop_thread = asyncio.run(call())
        assert answer.status_code == status, answer.text
        assert len(Watched.threads) == len(names)
        assert loop_thread not in Watched.threads
        if status == 422:
            assert len(answer.json()["detail"]) == len(names)

    def test_failing_upload_does_not_get_the_report_of_a_passing_one(self, watched: FastAPI) -> None:
        async def call() -> Any:
            files = [("picture", ("a.png", GOOD.read_bytes())), ("mask", ("a.png", NARROW.read_bytes()))]
            transport = httpx.ASGITransport(app=watched)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post("/two", files=files)

        assert [error["loc"] for error in asyncio.run(call()).json()["detail"]] == [["body", "mask"]]

    def test_request_without_upload_gets_fastapi_error(self, watched: FastAPI) -> None:
        async def call(**words: Any) -> Any:
            transport = httpx.ASGITransport(app=watched)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post("/one", **words)

        assert asyncio.run(call(json={"picture": "/etc/passwd"})).status_code == 422
        assert asyncio.run(call(data={"picture": "/etc/passwd"})).status_code == 422
        broken = asyncio.run(call(content=b"--B", headers={"Content-Type": "multipart/form-data"}))
        assert broken.status_code == 400
        assert Watched.threads == []

    def test_other_endpoint_responds_during_a_slow_check(self) -> None:
        with uploads.serving() as port:
            seconds, statuses = uploads.waits(port, "/judged", b"\0\0\1\xba", uploads=4, size=2 << 20)
        assert statuses == [422] * 4
        assert sum(seconds) / len(seconds) < 0.5, "an upload held the event loop"


class TestBounds:
    def bound(self, path: str) -> int | None:
        (route,) = (route for route in router.routes if isinstance(route, UploadRoute) and route.path == path)
        return max_body_bytes(route.dependant)

    def test_body_may_contain_all_its_uploads(self) -> None:
        assert self.bound("/pictures") == MOST + MAX_FORM_OVERHEAD
        assert self.bound("/two") == 3 * MOST + MAX_FORM_OVERHEAD

    def test_upload_without_maximum_leaves_the_body_without_one(self) -> None:
        assert self.bound("/open") is None
        assert self.bound("/many") is None
        assert self.bound("/album") is None

    def test_subclass_sets_a_maximum_for_all(self) -> None:
        class Small(UploadRoute):
            max_bytes = 10

        small = FastAPI()
        small.router.route_class = Small

        @small.post("/open")
        def unbounded(more: list[UploadFile]) -> int:
            return len(more)

        async def call() -> Any:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=small), base_url="http://test") as client:
                return await client.post("/open", files={"more": ("a", b"0" * 100)})

        assert asyncio.run(call()).status_code == 413


class TestTooLarge:
    def test_declared_length_is_rejected_before_reading(self) -> None:
        received, status = self.send({"content-length": str(10**12)}, pieces=50)
        assert (received, status) == (0, 413)

    def test_reading_stops_where_an_undeclared_body_is_too_long(self) -> None:
        received, status = self.send({"transfer-encoding": "chunked"}, pieces=50)
        assert status == 413
        assert received == (MOST + MAX_FORM_OVERHEAD) // 65_536 + 1

    def test_wrong_declared_length_has_no_effect(self) -> None:
        received, status = self.send({"content-length": "7"}, pieces=50)
        assert status == 413
        assert received < 25

    def test_file_above_its_maximum_within_the_body_is_a_finding(self) -> None:
        answer = post("/pictures", picture=("a.png", GOOD.read_bytes() + bytes(MOST)))
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["type"] == "file_size_too_large"

    def send(self, headers: dict[str, str], pieces: int) -> tuple[int, int]:
        """Return how many chunks of 64 KiB the application reads, and its status."""
        received = 0
        answers: list[Any] = []
        head = b'--B\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'

        async def receive() -> dict[str, Any]:
            nonlocal received
            received += 1
            body = (head if received == 1 else b"").ljust(65_536, b"x")
            return {"type": "http.request", "body": body, "more_body": received < pieces}

        async def send(message: Any) -> None:
            answers.append(message)

        all_headers = {"content-type": "multipart/form-data; boundary=B", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/pictures",
            "raw_path": b"/pictures",
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in all_headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        asyncio.run(app(scope, receive, send))
        assert (b"connection", b"close") in answers[0]["headers"]
        assert b"file_size_too_large" in answers[1]["body"]
        return received, answers[0]["status"]


@pytest.fixture
def served() -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield listener.getsockname()
    server.should_exit = True
    thread.join(10)


def test_server_closes_the_connection_of_a_client_that_continues_to_send(served: tuple[str, int]) -> None:
    sent = 0
    with socket.create_connection(served, timeout=20) as client:
        client.sendall(
            b"POST /pictures HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=B\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        part = b'--B\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
        try:
            while sent < 200 << 20:
                client.sendall(b"%x\r\n%b\r\n" % (len(part), part))
                sent += len(part)
                part = bytes(65_536)
        except OSError:
            pass
    assert sent < 100 << 20  # what the system buffers on the way is not read by anybody
