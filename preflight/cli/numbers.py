"""Numbers on the command line: what is none, or out of bounds, is told what to write."""

from __future__ import annotations

from typing import Any

import click

from preflight.escape import printable


class Within(click.IntRange):
    """A whole number between bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Raises `click.BadParameter`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            bounds = f", {self.min} or more" if self.max is None else f" from {self.min} to {self.max:,}"
            return self.fail(f"{printable(str(value))}: write a whole number{bounds}", param, ctx)


class Seconds(click.FloatRange):
    """A time that has a least value."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The seconds. Raises `click.BadParameter`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            return self.fail(f"{printable(str(value))}: write seconds, {self.min} or more", param, ctx)
