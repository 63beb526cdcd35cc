"""Check a rule file: its keys and values, then its examples, judged by the file."""

from __future__ import annotations

from collections.abc import Iterator

from preflight import catalog
from preflight.combination import judge_request
from preflight.errors import RuleFileError, UsageError
from preflight.escape import printable
from preflight.judge import judge
from preflight.limit import Table
from preflight.media import Media
from preflight.report import Report, Result
from preflight.request_limits import REFERENCE
from preflight.ruleset import RuleSet, compile_ruleset


def validate_file(path: str) -> list[str]:
    """Return the problems of a rule file, or of its examples if the file is valid."""
    try:
        ruleset = catalog.load(path)
    except RuleFileError as error:
        return error.problems
    except UsageError as error:
        return [str(error)]
    return [printable(f"{path}: {problem}") for problem in example_problems(ruleset)]


def example_problems(ruleset: RuleSet) -> Iterator[str]:
    """Yield the examples of a rule set whose result is not the expected one."""
    for number, example in enumerate(ruleset.table.get("examples", ()), 1):
        judging, variant = ruleset, example.get("variant")
        if variant is not None:
            if variant not in ruleset.table.get("variants", ()):
                yield f"[[examples]] {number}: the rule set has no variant {variant!r}. Correct the name."
                continue
            judging = compile_ruleset(ruleset.name, ruleset.table, variant)
        if "files" in example and (problem := _request_problem(example["files"], judging)):
            yield f"[[examples]] {number}: {problem}"
            continue
        result = _result(example, judging)
        codes = {finding.code for finding in result.findings}
        expected = set(example.get("codes", codes))
        if result.verdict != example["verdict"]:
            yield f"[[examples]] {number}: the verdict is {result.verdict}, not {example['verdict']}{_reasons(result)}"
        elif codes != expected:
            yield f"[[examples]] {number}: the codes are {_join(codes)}, not {_join(expected)}{_reasons(result)}"


def _request_problem(files: list[Table], ruleset: RuleSet) -> str | None:
    """Return why a rule set cannot judge files together; None if it can."""
    if ruleset.request is None:
        return "the rule set has no limits on files used together. Add [request], or give facts."
    unknown = [facts["role"] for facts in files if facts.get("role", REFERENCE) not in ruleset.role_names]
    return f"the rule set has no role {unknown[0]!r}. Correct the name." if unknown else None


def _result(example: Table, ruleset: RuleSet) -> Result:
    """Return the result for the facts of an example, or for its files as one request."""
    if "files" not in example:
        return judge(_media(example["facts"]), ruleset)
    media = [_media(facts) for facts in example["files"]]
    reports = [Report(f"file {at}", one, (judge(one, ruleset),)) for at, one in enumerate(media, 1)]
    roles = {at: facts["role"] for at, facts in enumerate(example["files"]) if "role" in facts}
    return judge_request(reports, ruleset, roles=roles)


def _media(facts: Table) -> Media:
    known = {name: value for name, value in facts.items() if name != "role"}
    return Media(**{**known, "notes": tuple(facts.get("notes", ()))})


def _join(codes: set[str]) -> str:
    return ", ".join(sorted(codes)) or "none"


def _reasons(result: Result) -> str:
    return "".join(f"; {finding.message}" for finding in result.findings)
