"""The command of `preflight` that applies a plan, where one call of ffmpeg cannot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from preflight.plans.choices import DEFAULT_CHOICES, Choices


def fix_command(name: str, rules: Iterable[str], output: str, choices: Choices = DEFAULT_CHOICES) -> tuple[str, ...]:
    """Return the arguments that fix a file of this name for rule sets, with the options of choices that differ."""
    return ("preflight", "fix", name, _option("for"), ",".join(rules), "-o", output, *_options(choices))


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
