"""The application that `tests.bench.uploads` asks: one idle endpoint, and one upload with and without judging."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, UploadFile

from preflight import Passes
from preflight.integrations.fastapi import UploadRoute

app, judging = FastAPI(), APIRouter(route_class=UploadRoute)


@app.get("/idle")
async def idle() -> str:
    return "ok"


@app.post("/received")
async def received(clip: UploadFile) -> str:
    return "ok"


@judging.post("/judged")
async def judged(clip: Annotated[UploadFile, Passes("atlas")]) -> str:
    return "ok"


app.include_router(judging)
