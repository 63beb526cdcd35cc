"""Runs over many files, beside other runs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

from preflight.fixer import fix, fix_run, settings_for
from preflight.fixer.apply import FixSettings, OutputPathFor
from preflight.fixer.fix_run import FixRun
from preflight.fixer.hooks import Hooks
from preflight.fixer.jobs import jobs_for
from preflight.fixer.naming import LocatedTarget
from preflight.fixer.result import FixResult
from preflight.plans.choices import DEFAULT_CHOICES
from preflight.sources.open import Target
from preflight.targets import Item

RULES = (
    'title = "Own: media"\nstage = "post"\nsource = "https://example.org"\nas_of = 2026-01-01\nbasis = "published"\n'
    "[image]\nwidth = { max = 40 }\n"
)


def test_file_that_another_run_fixes_meanwhile_is_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output, rules = tmp_path / "a.png", tmp_path / "out/a.png", tmp_path / "own.toml"
    Image.new("RGB", (80, 60)).save(source)
    rules.write_text(RULES)
    own = fix_run.fix_file

    def beside_another_run(
        target: Target, settings: FixSettings, place: OutputPathFor, *, name: str | None, hooks: Hooks
    ) -> FixResult:
        assert fix(source, str(rules), output).outcome == "fixed"
        return own(target, settings, place, name=name, hooks=hooks)

    monkeypatch.setattr(fix_run, "fix_file", beside_another_run)
    output.parent.mkdir()
    settings = settings_for(str(rules), DEFAULT_CHOICES)
    jobs = jobs_for([LocatedTarget(Item(str(source)), "", "a.png")], [(None, settings)], str(output.parent), None)
    result = FixRun().fix(jobs[0], threading.Event())
    assert (result.outcome, result.output, result.reused) == ("fixed", str(output), True)
