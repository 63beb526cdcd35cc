"""The choices of a user for a plan; reports and commands without choices use the defaults."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

from preflight.errors import UsageError, suggestion
from preflight.report import Obstacle

Fit = Literal["crop", "pad", "blur"]
Anchor = Literal[
    "center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right",
]  # fmt: skip
Trim = Literal["start", "middle", "end"]
Extend = Literal["loop", "hold"]
Hdr = Literal["tonemap", "refuse"]

MAX_UPSCALE: Final = 64.0
"""The largest `max_upscale` that can be chosen."""


class Choices(NamedTuple):
    """How a file may be changed where there are several ways, and what may be added to it.

    fit             how another aspect ratio is reached: `crop`, `pad` with black, or `blur` (pad with a blurred copy)
    anchor          the part of the picture that a crop keeps, or where padding puts it
    trim            the part that is kept of a file that is too long
    extend          how a video that is too short becomes longer: `loop` it, or `hold` its last frame; None: not at all
    max_upscale     factor up to which a picture may be enlarged
    hdr             `tonemap` high dynamic range where it is not accepted, or `refuse` to
    strip_metadata  remove all metadata except what the display of the picture depends on
    strip_location  remove the recording location
    quality         1 to 100, of pictures and videos that are encoded again; None: nearly lossless
    add_silence     add a silent track where audio is required and there is none
    first_picture   keep only the first of several pictures or pages
    """

    fit: Fit = "crop"
    anchor: Anchor = "center"
    trim: Trim = "start"
    extend: Extend | None = None
    max_upscale: float = 2.0
    hdr: Hdr = "tonemap"
    strip_metadata: bool = False
    strip_location: bool = False
    quality: int | None = None
    add_silence: bool = False
    first_picture: bool = False


DEFAULT_CHOICES: Final = Choices()

_WORDS: Final = {
    "fit": get_args(Fit),
    "anchor": get_args(Anchor),
    "trim": get_args(Trim),
    "extend": (None, *get_args(Extend)),
    "hdr": get_args(Hdr),
}


def require_choices(choices: Choices) -> Choices:
    """Return the choices. Raise `UsageError` for one that does not exist or is out of range."""
    for name, words in _WORDS.items():
        value = getattr(choices, name)
        if value not in words:
            remedy = suggestion(str(value), [word for word in words if word is not None])
            raise UsageError(f"{name}={value!r} is not a choice. {remedy}", parameters=(name,))
    if not 1 <= choices.max_upscale <= MAX_UPSCALE:
        message = f"max_upscale={choices.max_upscale:g} is out of range. Give a factor from 1 to {MAX_UPSCALE:g}."
        raise UsageError(message, parameters=("max_upscale",))
    if choices.quality is not None and not 1 <= choices.quality <= 100:
        message = f"quality={choices.quality} is out of range. Give a number from 1 to 100."
        raise UsageError(message, parameters=("quality",))
    return choices


def obstacle_text(obstacle: Obstacle) -> str:
    """Return the message of an obstacle, and the choice that would allow the fix.

    >>> obstacle_text(Obstacle("It is 1 s shorter than the required 2 s.", "extend"))
    'It is 1 s shorter than the required 2 s. extend= allows that.'
    """
    return (
        f"{obstacle.message} {obstacle.parameter}= allows that."
        if obstacle.parameter in Choices._fields
        else obstacle.message
    )
