"""Apply the recipe of a picture in a killable process, and check what comes back."""

from __future__ import annotations

import threading
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final, NamedTuple

from preflight.errors import SourceError
from preflight.escape import printable
from preflight.media import Media
from preflight.plans.recipes import PictureRecipe
from preflight.processes import ENCODER, CannotStart, Limits, Pool, Task, TaskCrashed, TaskTimeout
from preflight.sources import Source

PICTURE_WRITERS: Final = Pool(ENCODER)
"""The pool of processes that write pictures; `PICTURE_WRITERS.stop()` ends what they are doing."""
_TASK: Final = "preflight.fixer.picture.task:write"
_BASE_MEMORY: Final = 1 << 30
_BYTES_PER_PIXEL: Final = 64
"""Memory of decoded, changed, encoded and returned pictures, for each pixel that is read or written."""
_PIXELS_PER_BYTE: Final = 4
"""Pixels of an animation for each byte of its file, for one whose frames are not counted."""
_BYTES_PER_BYTE: Final = 8
_BASE_SECONDS: Final = 60.0
_SECONDS_PER_MEGAPIXEL: Final = 30.0
_MAX_SECONDS: Final = 3600.0
_MAX_MEMORY: Final = 15 << 30
_MAX_SOURCE: Final = 2 << 30
"""Bytes that are read of a source."""


class CannotWrite(SourceError):
    """A picture that cannot be decoded or written. `parameter` names the parameter that would allow it.

    undecoded  whether another decoder may know the picture
    """

    def __init__(self, name: str, reason: str, parameter: str | None = None, *, undecoded: bool = False) -> None:
        super().__init__("probe_crashed", f"{name}: the picture {reason}")
        self.reason = reason
        self.parameter = parameter
        self.undecoded = undecoded


class WrittenPicture(NamedTuple):
    """A picture that was written.

    format   differs from that of the recipe if it is the fallback
    quality  of a lossy format, 1 to 100
    losses   those that only show while it is written
    ssim     how similar it is to the changed pixels before they were encoded, at most 1; None: not measured
    """

    data: bytes
    format: str
    width: int
    height: int
    quality: float | None = None
    losses: tuple[str, ...] = ()
    ssim: float | None = None


def apply_picture(
    source: Source,
    media: Media,
    recipe: PictureRecipe,
    budget: int | None = None,
    stop: threading.Event | None = None,
    *,
    compares: bool = False,
) -> WrittenPicture:
    """Return the picture that a recipe makes.

    budget    bytes that it has at most; None: any number
    stop      ends the work when set by another thread
    compares  measure how similar the result is

    Raise `CannotWrite`, `Stopped`, and what the source raises while it is read.
    """
    task = Task(_TASK, {"recipe": recipe._asdict(), "budget": budget, "compares": compares})
    try:
        answer = PICTURE_WRITERS.call(task, _limits(source, media, recipe), source, stop)
    except TaskTimeout as error:
        raise CannotWrite(source.name, f"could not be written in time: its process {error}") from None
    except (TaskCrashed, CannotStart) as error:
        raise CannotWrite(source.name, f"could not be written: its process {printable(str(error))}") from None
    return _checked(answer, source.name, recipe, budget)


def _limits(source: Source, media: Media, recipe: PictureRecipe) -> Limits:
    """Return limits that leave room for the pixels that are read and written."""
    frames = _frames(media) if recipe.keeps_frames else 1
    read = (media.pixels or 0) * frames
    written = max((width * height for *_, width, height in _sizes(recipe)), default=0) * frames
    seconds = min(_BASE_SECONDS + _SECONDS_PER_MEGAPIXEL * (read + written) / 1e6, _MAX_SECONDS)
    memory = _BASE_MEMORY + _BYTES_PER_PIXEL * (read + written) + _BYTES_PER_BYTE * (source.size or 0)
    return Limits(seconds, min(memory, _MAX_MEMORY), max_bytes=_MAX_SOURCE, wall=2 * seconds)


def _frames(media: Media) -> int:
    """Return the frames of an animation; an estimate if they are not known."""
    return media.frames or max(1, _PIXELS_PER_BYTE * (media.size or 0) // (media.pixels or 1))


def _sizes(recipe: PictureRecipe) -> list[tuple[int, ...]]:
    return [each for each in (recipe.crop, recipe.size, recipe.canvas) if each is not None]


def _checked(answer: object, name: str, recipe: PictureRecipe, budget: int | None) -> WrittenPicture:
    """Return the answer if it is what a recipe can make: a malicious file may control the answer of its process."""
    match answer:
        case {"refused": str(reason), "parameter": (None | "first_picture") as parameter, **more}:
            raise CannotWrite(name, printable(reason), parameter, undecoded=more.get("undecoded") is True)
        case {
            "data": str(coded), "format": str(written), "width": int(width), "height": int(height),
            "quality": (None | int() | float()) as quality, "remarks": list(remarks),
            "ssim": (None | int() | float()) as ssim,
        } if written in (recipe.written, *recipe.fallback):  # fmt: skip
            try:
                data = b64decode(coded, validate=True)
            except Base64Error:
                data = b""
            if data and (budget is None or len(data) <= budget):
                losses = tuple([printable(str(remark))[:200] for remark in remarks])
                return WrittenPicture(data, written, width, height, quality, losses, ssim)
    raise CannotWrite(name, "could not be written: its process sent an invalid answer")
