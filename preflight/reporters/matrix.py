"""One file against many rule sets, in text: who takes it, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from preflight.escape import printable
from preflight.report import OUTCOMES, Report, Result
from preflight.reporters.commands import commands_of, shell_command

SEVERAL: Final = 4
"""From so many rule sets on, a table is easier to read than a list of findings."""

_WORDS: Final = {"pass_with_warning": "warning"}
"""Outcomes whose word in the table is a shorter one."""


def matrix(report: Report, styled: Callable[[str, str], str], *, commands: bool = True) -> Iterator[str]:
    """Yield lines of a table: one row per rule set, best outcome first; then every remark, hint and command once.

    styled  gives a text the style of a word (`pass`, `fail`, `hint` …)
    """
    remarks = report.remarks
    rows = sorted(report.results, key=lambda result: OUTCOMES.index(result.outcome))
    takers = [result for result in rows if result.verdict == "pass"]
    named = ", ".join(_taker(result) for result in takers) or "none"
    yield f"  taken by {len(takers)} of {len(rows)}: {named}"
    width = max(len(result.rules) for result in rows)
    for result in rows:
        outcome = _WORDS.get(result.outcome, result.outcome)
        head = f"  {styled(outcome.ljust(7), outcome)}  {result.rules.ljust(width)}  {result.stage:8}"
        reasons = [
            f"{printable(finding.message)} [{finding.code}]" for finding in result.findings if finding not in remarks
        ]
        if result.basis == "assumed" and reasons:
            reasons[0] += " (assumed limits)"
        indent = " " * (2 + 7 + 2 + width + 2 + 8 + 2)
        yield f"{head}  {reasons[0]}" if reasons else head.rstrip()
        yield from (f"{indent}{reason}" for reason in reasons[1:])
    for remark in remarks:
        yield f"  {styled('note   ', 'note')}  {printable(remark.message)} [{remark.code}]"
    for hint, names in _hints(rows).items():
        yield styled(f"  → {', '.join(names)}: {printable(hint)}", "hint")
    for command, names in commands_of(rows).items() if commands else ():
        yield styled(f"  fix      {', '.join(names)}: {shell_command(command)}", "hint")


def _taker(result: Result) -> str:
    return f"{result.rules} (with a warning)" if result.outcome == "pass_with_warning" else result.rules


def _hints(rows: list[Result]) -> dict[str, list[str]]:
    """Every hint with the rule sets that it is for."""
    hints: dict[str, list[str]] = {}
    for result in rows:
        for finding in result.findings:
            if finding.hint and result.rules not in (names := hints.setdefault(finding.hint, [])):
                names.append(result.rules)
    return hints
