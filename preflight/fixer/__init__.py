"""Fix files: plan the smallest change that makes a file pass, apply it, and check the result before publishing it.

`planning` makes the plan; `transcode` (with the package `ffmpeg`) and `pictures` (with the package `picture`) apply it;
`proof` judges and decodes the result. `apply` combines these for one file, `fix_run` and `scheduling` for many,
`request_fix` for the files of a request. `naming` and `outputs` name and publish the results.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from preflight.checker import FetchKeywords, Rules, plan_for, require_rules
from preflight.errors import UsageError, suggestion
from preflight.fixer.apply import FixSettings, fix_file
from preflight.fixer.naming import LocatedTarget, OutputName, file_name, name_outputs, written_format
from preflight.fixer.planning import OUTPUT_NAME, FixGoal, examine_source, propose
from preflight.fixer.result import FixResult
from preflight.limit import Limit
from preflight.media import EVERYTHING
from preflight.plans.choices import Anchor, Choices, Extend, Fit, Hdr, Trim, require_choices
from preflight.report import Plan
from preflight.ruleset import Section
from preflight.sources.open import Target
from preflight.targets import Item

if TYPE_CHECKING:
    from preflight.net.options import HttpOptions

__all__ = ["ChoiceKeywords", "FixResult", "afix", "fix", "plan", "settings_for"]


class ChoiceKeywords(FetchKeywords, total=False):
    """The keyword arguments of `plan`: those of URLs, `strict`, and the fields of `preflight.plans.choices.Choices`."""

    strict: bool
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


class FixKeywords(ChoiceKeywords, total=False):
    """The further keyword arguments of `fix`."""

    overwrite: bool
    max_size: int


def settings_for(
    rules: Rules | None,
    choices: Choices,
    *,
    http: HttpOptions | None = None,
    strict: bool = False,
    output_format: str | None = None,
    **fetching: Unpack[FetchKeywords],
) -> FixSettings:
    """Return the settings of a call.

    output_format  the format to write; None: the preferred one of those that are accepted

    Raise `UsageError` for an unknown rule set or choice, `RuleFileError` for an invalid rule file.
    """
    check = plan_for(require_rules(rules), http=http, strict=strict, **fetching)._replace(hints=False, need=EVERYTHING)
    goal = FixGoal(check.rules, require_choices(choices), strict)
    if output_format is not None:
        only = Section((Limit("format", any_of=(output_format,)),), {})
        goal = goal._replace(extra_limits=((OUTPUT_NAME, only),))
    return FixSettings(goal, check)


def plan(target: Target, rules: Rules, **options: Unpack[ChoiceKeywords]) -> Plan:
    """Return what would make a file pass all rule sets at once; without steps if it passes, or if nothing would.

    The options are those of `fix`. Raise what `check` raises.

    >>> preflight.plan("fixtures/accepted/picture.png", "atlas").steps
    ()
    """
    settings = _settings(rules, None, dict(options))
    return propose(examine_source(target, settings.check), settings.goal).plan


def fix(
    target: Target, rules: Rules, output: str | os.PathLike[str] | None = None, **options: Unpack[FixKeywords]
) -> FixResult:
    """Write a file that passes all rule sets at once, changed as little as possible, unless the source passes already.

    The result is judged by the same rule sets and decoded completely before it gets its name. A file that cannot be
    fixed is a result, not an exception, and leaves nothing behind.

    output          the path of the result, whose extension is that of an accepted format; None: `NAME.fixed.EXT` beside
                    the source, in the current folder for a URL
    overwrite       replace a file that is already there
    max_size        bytes of a URL that are downloaded
    strict          warnings count as failures

    The other options are the fields of `preflight.plans.choices.Choices` and those of `check`. Raise `UsageError` for a
    wrong call, `MissingExtra` if a video or an audio file needs ffmpeg and there is none.
    """
    path = None if output is None else os.fsdecode(output)
    settings = _settings(rules, path, dict(options))
    return fix_file(target, settings, _name_of(target, path).path_for)


async def afix(
    target: Target, rules: Rules, output: str | os.PathLike[str] | None = None, **options: Unpack[FixKeywords]
) -> FixResult:
    """Fix in a thread, so that the event loop of asyncio continues. Takes the arguments of `fix`."""
    import asyncio  # takes 36 ms to import, so only when it is needed

    return await asyncio.to_thread(fix, target, rules, output, **options)


def _name_of(target: Target, path: str | None) -> OutputName:
    """Return the name of the output. Raise `UsageError` if only a path could name it."""
    if path is not None:
        folder, name = os.path.split(path)
        return OutputName(folder, name, path=path)
    if not isinstance(target, str | os.PathLike):
        raise UsageError(
            "output= is missing, and bytes have no name. Give the path of the result.", parameters=("output",)
        )
    item = Item(os.fsdecode(target) if isinstance(target, os.PathLike) else target)
    return name_outputs([LocatedTarget(item, "", file_name(item))], None)[0]


def _settings(rules: Rules, output: str | None, options: dict[str, Any]) -> FixSettings:
    """Return the settings of a call with these keyword arguments."""
    known = (
        FixKeywords.__annotations__.keys()
        | ChoiceKeywords.__annotations__.keys()
        | FetchKeywords.__annotations__.keys()
    )
    if unknown := options.keys() - known:
        raise TypeError(f"Unknown option {min(unknown)!r}. {suggestion(min(unknown), known)}")
    chosen = Choices(**{name: options.pop(name) for name in Choices._fields if name in options})
    given = {name: options.pop(name) for name in ("overwrite", "max_size") if name in options}
    written = None if output is None else written_format(output)
    return settings_for(rules, chosen, output_format=written, **options)._replace(**given)
