"""The options of the commands that fix files: how a file may be changed, and what may be invented."""

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
        """Return what was chosen."""
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
        help=f"What a crop keeps, and where padding puts the picture: {', '.join(get_args(Anchor))}.",
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
        help="Make a file that is too short longer: loop it, or hold its last frame.  [default: do not]",
    ),
    click.option(
        "--max-upscale",
        type=Number(1, MAX_UPSCALE),
        default=DEFAULT_CHOICES.max_upscale,
        show_default=True,
        metavar="N",
        help="The factor up to which a picture may be enlarged.",
    ),
    click.option(
        "--hdr",
        type=click.Choice(get_args(Hdr)),
        default=DEFAULT_CHOICES.hdr,
        show_default=True,
        help="High dynamic range where it is not accepted: convert it, or refuse to.",
    ),
    click.option("--strip-metadata", is_flag=True, help="Remove all metadata that does not affect the display."),
    click.option("--strip-location", is_flag=True, help="Remove the recording location."),
    click.option(
        "--quality", type=IntRange(1, 100), metavar="N", help="1 to 100, of what is encoded.  [default: near lossless]"
    ),
    click.option("--add-silence", is_flag=True, help="Add a silent track where sound is required and there is none."),
    click.option("--first-picture", is_flag=True, help="Keep only the first of several pictures or pages."),
)
