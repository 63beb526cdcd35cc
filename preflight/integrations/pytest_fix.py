"""The fixture `preflight_fix`: files of tests that pass, made from files that do not."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import pytest

from preflight.checker import Rules, require_rules
from preflight.errors import UsageError
from preflight.fixer import ChoiceKeywords, settings_for
from preflight.fixer.apply import FixSettings, OutputPathFor, fix_file
from preflight.fixer.inputs import open_local
from preflight.fixer.naming import LocatedTarget, file_name, name_outputs
from preflight.fixer.result import FixResult
from preflight.formats import FORMATS
from preflight.integrations.requirement import describe_failure
from preflight.plans.choices import Choices
from preflight.sources.open import is_url
from preflight.targets import Item

if TYPE_CHECKING:
    from preflight.integrations.pytest_files import Settings
    from preflight.sources.open import Target

_FOLDER: Final = "fixed-"
"""Start of the name of a folder in `tmp_path`: each fixed file has one of its own, and keeps its name."""


class MediaFixer:
    """`preflight.fix` into the temporary folder of a test."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def __call__(self, target: Target, rules: Rules | None = None, **options: Unpack[ChoiceKeywords]) -> Path:
        """Return the path of a file that passes all rule sets: the target's own, or that of one made from it.

        rules    default to those of `preflight_rules`
        options  those of `preflight.plan`

        The test fails, with the findings and what prevents the fix, if there is no such file.
        """
        __tracebackhide__ = True
        settings = self._fix_settings(rules, dict(options))

        def path_for(extension: str) -> str:
            item, folder = Item(target), tempfile.mkdtemp(prefix=_FOLDER, dir=self._folder)
            (name,) = name_outputs([LocatedTarget(item, "", file_name(item))], folder)
            return name.path_for(extension)

        result = fix_file(target, settings, path_for)
        if result.output is not None:
            return Path(result.output)
        if result.outcome == "passed":
            return _as_file(target, settings, path_for, result)
        reason = self._settings.reason_to_skip(result.before)
        if reason is not None:
            pytest.skip(reason)
        text = describe_failure(result.before, settings.check, settings.goal.choices)
        if result.outcome != "not_fixable":
            text += f"\n  {result.outcome:7} {result.problem}"
        raise AssertionError(text)

    def _fix_settings(self, rules: Rules | None, options: dict[str, Any]) -> FixSettings:
        chosen = rules if rules is not None else self._settings.rules
        if not chosen:
            raise UsageError('No rule set given. Call preflight_fix(target, "RULES"), or set preflight_rules.')
        choices = Choices(**{name: options.pop(name) for name in Choices._fields if name in options})
        strict = options.pop("strict", self._settings.strict)
        return settings_for(require_rules(chosen), choices, strict=strict, **options)


def _as_file(target: Target, settings: FixSettings, path_for: OutputPathFor, result: FixResult) -> Path:
    """Return the path of a target that passes; of what is not a file, that of a copy."""
    if isinstance(target, os.PathLike) or (isinstance(target, str) and not is_url(target)):
        return Path(os.fsdecode(target))
    media = result.before.media
    assert media is not None  # it passes
    with open_local(target, settings.check.http, settings.max_size) as given:
        return Path(shutil.copy(given.path, path_for(FORMATS[media.format or ""].extensions[0])))
