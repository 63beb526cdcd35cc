"""`preflight assets session create|result`: the verification of a real person."""

from __future__ import annotations

import sys
from typing import Any

import click

from preflight.cli.output import output_options, printer_for
from preflight.cli.provider_options import open_provider, reach_options, to_option
from preflight.cli.terminal import ASSETS_CODES, Subcommands
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers import Callback, Provider, find_provider
from preflight.sources.open import is_url


@click.group("session", cls=Subcommands, short_help="Verify a real person.", epilog=ASSETS_CODES)
def command() -> None:
    """Verify a real person, whose likeness assets show; the result is a group to register them into.

    \b
    Examples:
      preflight assets session create https://app.example.com/verified --to volcengine
      preflight assets session result - --to volcengine < token.txt
    """


@command.command("create", short_help="Begin a verification.", epilog=ASSETS_CODES)
@click.argument("callback", metavar="CALLBACK_URL")
@to_option(required=True, said="Where the person is verified.")
@click.option("--name", metavar="NAME", help="The name of the person's group, where the provider takes one.")
@click.option("--description", metavar="TEXT", help="Its description, where the provider takes one.")
@output_options("text", "json")
@reach_options
def _create(callback: str, to: str, name: str | None, description: str | None, **options: Any) -> None:
    """Begin a verification. The person opens the link, and is sent on to CALLBACK_URL at the end.

    The link and the token are printed as they are: they open this verification to everybody who has them.

    \b
    Examples:
      preflight assets session create https://app.example.com/verified --to agt --name "Zhang San"
    """
    _able(to, "create_session")
    if not is_url(callback):
        raise UsageError(f"{printable(callback[:80])!r} is no http(s) URL: give the one to send the person on to")
    with open_provider(to, options) as (provider, _), printer_for(options, one=True) as printer:
        session = provider.create_session(callback, name=name, description=description)
        data = {"provider": session.provider, "link": session.link, "token": session.token}
        printer.secrets(data)
        if options["format_"] == "text":
            given = "the token" if "session_result" in provider.can else "the URL to which the person was sent on"
            then = f"preflight assets session result - --to {provider.name}"
            click.echo(f"then, with {given} on standard input: {then}", err=True)


@command.command("result", short_help="Say how a verification ended.", epilog=ASSETS_CODES)
@click.argument("given", metavar="TOKEN|URL|-")
@to_option(required=True, said="Where the person was verified.")
@output_options("text", "json")
@reach_options
@click.pass_context
def _result(ctx: click.Context, /, given: str, to: str, **options: Any) -> None:
    """Say how a verification ended: by the token of `session create`, or by the URL that the person was sent on to.

    Which of the two depends on the provider; - reads it from standard input, where no other program sees it.

    \b
    Examples:
      preflight assets session result - --to volcengine < token.txt
      preflight assets session result 'https://app.example.com/verified?status=success&group_id=…' --to agt
    """
    kind = _able(to, "session_result", "parse_callback")
    word = sys.stdin.readline().strip() if given == "-" else given
    if not word:
        raise UsageError("nothing was given on standard input: a token or a URL")
    if is_url(word) and "parse_callback" not in kind.can:
        raise UsageError(f"{kind.title} is asked by the token that `assets session create` printed, not by a URL")
    if not is_url(word) and "session_result" not in kind.can:
        raise UsageError(
            f"{kind.title} tells the result by its redirect: paste the URL to which the person was sent on"
        )
    with open_provider(to, options) as (provider, _), printer_for(options, one=True) as printer:
        if not is_url(word):
            group = provider.session_result(word)
            ended = Callback("success", group.id)
        else:
            ended = provider.parse_callback(word)
        data = {"status": ended.status, "group": ended.group, "reason": ended.reason}
        if ended.status == "success":
            printer.row(data, "verified", ended.group, f"(register into it with `submit --to {provider.name} --group`)")
        else:
            printer.row(data, "failed", ended.reason or "no reason is given")
    ctx.exit(0 if ended.status == "success" else 1)


def _able(to: str, *verbs: str) -> type[Provider]:
    kind = find_provider(to)
    if not kind.can.intersection(verbs):
        raise UsageError(f"{kind.title} verifies no real persons")
    return kind
