"""Matrices of many rule sets for one file: one, or for very many rule sets one for each stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from preflight.escape import printable
from preflight.report import OUTCOMES, Finding, Report, Result
from preflight.reporters.commands import shell_command
from preflight.reporters.view import View, commands_for
from preflight.ruleset import MAX_DETAILED_RULES, STAGES

MIN_MATRIX_RULES: Final = 4
"""Number of rule sets from which a matrix is easier to read than a list of findings."""


def matrix(report: Report, view: View) -> Iterator[str]:
    """Yield a row for each rule set, best outcome first; then every remark, hint and command once."""
    remarks = report.remarks
    rows = sorted(report.results, key=lambda result: OUTCOMES.index(result.outcome))
    if len(rows) > MAX_DETAILED_RULES:
        yield from _stages(rows, remarks, view)
    else:
        yield _accepting(rows)
        yield from _rows(rows, remarks, view)
    for remark in remarks:
        yield f"  {view.label('note')}  {printable(remark.message)} [{remark.code}]"
    for hint, names in _hints(rows).items():
        yield view.styled(f"  → {', '.join(names)}: {printable(hint)}", "hint")
    for command, names in commands_for(rows, view).items():
        yield view.styled(f"  fix      {', '.join(names)}: {shell_command(command)}", "hint")


def _accepting(rows: Sequence[Result]) -> str:
    accepting = [
        f"{result.rules} (with a warning)" if result.outcome == "pass_with_warning" else result.rules
        for result in rows
        if result.verdict == "pass"
    ]
    return f"  accepted by {len(accepting)} of {len(rows)}: {', '.join(accepting) or 'none'}"


def _rows(rows: Sequence[Result], remarks: Sequence[Finding], view: View) -> Iterator[str]:
    width = max(len(_name(result)) for result in rows)
    stage_width = max(8, *(len(result.stage) for result in rows))
    indent = " " * (2 + 7 + 2 + width + 2 + stage_width + 2)
    for result in rows:
        head = f"  {view.label(_word(result))}  {_name(result).ljust(width)}  {result.stage.ljust(stage_width)}"
        reasons = _reasons(result, remarks)
        yield f"{head}  {reasons[0]}" if reasons else head.rstrip()
        yield from (f"{indent}{reason}" for reason in reasons[1:])


def _stages(rows: Sequence[Result], remarks: Sequence[Finding], view: View) -> Iterator[str]:
    """Yield a matrix for each stage: who accepts the file, then a row for each rule set that says something else.

    Rule sets that do not take this kind of file share a line.
    """
    yield f"  accepted by {sum(result.verdict == 'pass' for result in rows)} of {len(rows)}"
    width = max(len(_name(result)) for result in rows)
    indent = " " * (2 + 2 + 7 + 2 + width + 2)
    by_stage: dict[str, list[Result]] = {stage: [] for stage in STAGES}
    for result in rows:
        by_stage[result.stage].append(result)
    for stage, group in by_stage.items():
        if not group:
            continue
        yield f"  {stage}:{_accepting(group)[1:]}"
        refusing: list[str] = []
        for result in group:
            if result.findings and result.findings[0].code == "kind_not_accepted":
                refusing.append(_name(result))
            elif reasons := _reasons(result, remarks):
                yield f"    {view.label(_word(result))}  {_name(result).ljust(width)}  {reasons[0]}"
                yield from (f"{indent}{reason}" for reason in reasons[1:])
        if refusing:
            yield f"    {view.label('fail')}  takes none of this kind: {', '.join(refusing)} [kind_not_accepted]"


def _word(result: Result) -> str:
    return "warning" if result.outcome == "pass_with_warning" else result.outcome


def _reasons(result: Result, remarks: Sequence[Finding]) -> list[str]:
    reasons = [f"{printable(each.message)} [{each.code}]" for each in result.findings if each not in remarks]
    if result.basis != "published" and reasons:
        reasons[0] += f" ({result.basis} limits)"
    return reasons


def _name(result: Result) -> str:
    return _full_name(result.rules, result.variant)


@lru_cache(1024)
def _full_name(rules: str, variant: str | None) -> str:
    """Return the name of a rule set with the variant that judged, also if it is the default one."""
    is_named = variant is None or rules.endswith(f":{variant}")
    return printable(rules if is_named else f"{rules} ({variant})")


def _hints(results: Iterable[Result]) -> dict[str, list[str]]:
    """Return every hint with the rule sets that it is for."""
    hints: dict[str, list[str]] = {}
    for result in results:
        for finding in result.findings:
            if finding.hint and result.rules not in (names := hints.setdefault(finding.hint, [])):
                names.append(result.rules)
    return hints
