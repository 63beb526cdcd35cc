"""`preflight rules validate`: a rule file's words and numbers, and the examples in it judged by the file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from preflight import catalog
from preflight.errors import RuleFileError, UsageError
from preflight.escape import printable
from preflight.judge import judge
from preflight.media import Media
from preflight.report import Result
from preflight.ruleset import RuleSet


def validate_file(path: str) -> list[str]:
    """What is wrong with a rule file, one sentence each: its own problems, or else those of its examples."""
    try:
        rules = catalog.load(path)
    except RuleFileError as error:
        return error.problems
    except UsageError as error:
        return [str(error)]
    return [printable(f"{path}: {problem}") for problem in example_problems(rules)]


def example_problems(rules: RuleSet) -> Iterator[str]:
    """The examples of a rule set that it does not judge as they say."""
    for number, example in enumerate(rules.table.get("examples", ()), 1):
        result = judge(_media(example["facts"]), rules)
        codes = {finding.code for finding in result.findings}
        wanted = set(example.get("codes", codes))
        if result.verdict != example["verdict"]:
            said = f"its verdict is {result.verdict}, not {example['verdict']}"
            yield f"[[examples]] {number}: {said}{_because(result)}"
        elif codes != wanted:
            yield f"[[examples]] {number}: its codes are {_listed(codes)}, not {_listed(wanted)}{_because(result)}"


def _listed(codes: set[str]) -> str:
    return ", ".join(sorted(codes)) or "none"


def _media(facts: Mapping[str, Any]) -> Media:
    return Media(**{**facts, "notes": tuple(facts.get("notes", ()))})


def _because(result: Result) -> str:
    return "".join(f"; {finding.message}" for finding in result.findings)
