"""Errors of the library at the command line: messages name options where the library names parameters."""

from __future__ import annotations

import click
import pytest

from preflight.cli.terminal import CommandContext, message_with_options
from preflight.errors import LedgerError, PreflightError, RuleFileError, UsageError


def raises(error: PreflightError) -> click.Command:
    """A command with options of all shapes that raises this error."""

    @click.command("fails")
    @click.option("--for", "rules", multiple=True)
    @click.option("--format", "format_")
    @click.option("--output", "-o")
    @click.option("--public-base")
    @click.option("--retry-failed", is_flag=True)
    @click.option("--deep/--no-deep", default=True)
    def command(**options: object) -> None:
        raise error

    command.context_class = CommandContext
    return command


@pytest.mark.parametrize(
    ("message", "parameters", "printed"),
    [
        ("Unknown rule set 'atals' in rules=.", ("rules",), "Unknown rule set 'atals' in --for."),
        ("Give host= or public_base=.", ("host", "public_base"), "Give host= or --public-base."),
        ("public_base='/x' is not a URL.", ("public_base",), "--public-base '/x' is not a URL."),
        ("output=./x and output=y are the same file.", ("output",), "--output ./x and --output y are the same file."),
        ("Leave format= out; `output=` too.", ("format", "output"), "Leave --format out; `--output` too."),
        ("Set retry_failed=True.", ("retry_failed",), "Set --retry-failed."),
        ("Set deep=True, not deep=False.", ("deep",), "Set --deep, not --no-deep."),
        ("http://x/?rules=a is in rules=.", (), "http://x/?rules=a is in rules=."),
        ("my_rules=a is not rules=b.", ("rules",), "my_rules=a is not --for b."),
    ],
)
def test_listed_parameters_become_options_of_the_running_command(
    message: str, parameters: tuple[str, ...], printed: str
) -> None:
    error = UsageError(message, parameters=parameters)
    assert message_with_options(error, raises(error)) == printed


@pytest.mark.parametrize("kind", [UsageError, LedgerError])
def test_error_that_leaves_a_command_names_its_options(kind: type[PreflightError]) -> None:
    error = kind("The file cannot be written. Give another output=.", parameters=("output",))
    with pytest.raises(kind, match=r"^The file cannot be written\. Give another --output\.$"):
        raises(error).main([], standalone_mode=False)


def test_options_of_the_group_are_not_those_of_the_running_command() -> None:
    error = UsageError("Leave output= and strict= out.", parameters=("output", "strict"))
    group = click.Group("group", [raises(error)], params=[click.Option(["--strict"])])
    group.context_class = CommandContext
    with pytest.raises(UsageError, match=r"^Leave --output and strict= out\.$"):
        group.main(["fails"], standalone_mode=False)


def test_errors_without_parameters_list_none() -> None:
    assert UsageError("The call is wrong.").parameters == ()
    assert RuleFileError(["a.toml:1: wrong"]).parameters == ()
