"""The `preflight fix` command that applies a plan, where one call of ffmpeg cannot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from preflight.plans.choices import DEFAULT_CHOICES, Choices

_PROGRAM: Final = ("preflight", "fix")
_RULES: Final = 4
"""Position of the rule sets in the command."""


def fix_command(name: str, rules: Iterable[str], output: str, choices: Choices = DEFAULT_CHOICES) -> tuple[str, ...]:
    """Return the arguments that fix a file for rule sets, with the options of all choices that are not defaults."""
    return (*_PROGRAM, name, _option("for"), ",".join(rules), "-o", output, *_options(choices))


def for_rules(command: tuple[str, ...], rules: Iterable[str]) -> tuple[str, ...]:
    """Return a command with other rule sets, if it is one of `fix_command`; any other command as it is."""
    if command[:2] != _PROGRAM:
        return command
    return (*command[:_RULES], ",".join(rules), *command[_RULES + 1 :])


def _options(choices: Choices) -> Iterator[str]:
    for name, value in choices._asdict().items():
        if value == getattr(DEFAULT_CHOICES, name):
            continue
        yield _option(name)
        if value is not True:
            yield f"{value:g}" if isinstance(value, float) else str(value)


def _option(name: str) -> str:
    """Return the option of a parameter: `max_upscale` is `max-upscale` after two dashes."""
    return f"-{'-'.join(('', *name.split('_')))}"
