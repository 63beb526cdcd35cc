"""The options of the commands that fix files: how a file may be changed, and what may be added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import click

from preflight.cli.options import add_options
from preflight.cli.params import IntRange, Number
from preflight.plans.choices import DEFAULT_CHOICES, MAX_UPSCALE, Anchor, Choices, Extend, Fit, Hdr, Trim


@dataclass(frozen=True)
class ChoicesOptions:
    """The options of `choices_options`, named as the fields of `Choices`."""

    fit: Fit
    anchor: Anchor
    trim: Trim
    extend: Extend | None
    max_upscale: float
    hdr: Hdr
    strip_metadata: bool
    strip_location: bool
    quality: int | None
    add_silence: bool
    first_picture: bool

    def choices(self) -> Choices:
        """Return the choices."""
        return Choices(**vars(self))


choices_options = add_options(
    click.option(
        "--fit",
        type=click.Choice(get_args(Fit)),
        default=DEFAULT_CHOICES.fit,
        show_default=True,
        help="How to reach another aspect ratio: crop, pad with black, or pad with a blurred copy.",
    ),
    click.option(
        "--anchor",
        type=click.Choice(get_args(Anchor)),
        default=DEFAULT_CHOICES.anchor,
        show_default=True,
        metavar="PLACE",
        help=f"The part that a crop keeps, and the place of the picture when padding: {', '.join(get_args(Anchor))}.",
    ),
    click.option(
        "--trim",
        type=click.Choice(get_args(Trim)),
        default=DEFAULT_CHOICES.trim,
        show_default=True,
        help="The part to keep of a file that is too long.",
    ),
    click.option(
        "--extend",
        type=click.Choice(get_args(Extend)),
        help="Lengthen a file that is too short: loop it, or hold its last frame.  [default: do not]",
    ),
    click.option(
        "--max-upscale",
        type=Number(1, MAX_UPSCALE),
        default=DEFAULT_CHOICES.max_upscale,
        show_default=True,
        metavar="N",
        help="Maximum factor by which a picture may be enlarged.",
    ),
    click.option(
        "--hdr",
        type=click.Choice(get_args(Hdr)),
        default=DEFAULT_CHOICES.hdr,
        show_default=True,
        help="HDR where it is not accepted: tone-map it, or refuse to.",
    ),
    click.option("--strip-metadata", is_flag=True, help="Remove all metadata that does not affect the display."),
    click.option("--strip-location", is_flag=True, help="Remove the recording location."),
    click.option(
        "--quality", type=IntRange(1, 100), metavar="N", help="Encoding quality, 1 to 100.  [default: nearly lossless]"
    ),
    click.option("--add-silence", is_flag=True, help="Add a silent track where audio is required and missing."),
    click.option("--first-picture", is_flag=True, help="Keep only the first of several pictures or pages."),
)
