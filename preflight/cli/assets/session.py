"""`preflight assets session create|result`: the verification of a real person."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from preflight.cli.options import pass_options
from preflight.cli.output import PrintOptions, print_options
from preflight.cli.provider_options import ProviderOptions, provider_options, to_option
from preflight.cli.terminal import ASSETS_CODES, Subcommands
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers import Callback, ParsesCallbacks, ProviderSpec, ReportsSessions, VerifiesPersons, find_provider
from preflight.sources.open import is_url
from preflight.summary import FAILED, PASSED


@dataclass(frozen=True)
class SessionCommand:
    """The options of `create` and `result`; `given` is a token, a URL or -."""

    to: str
    printing: PrintOptions
    provider: ProviderOptions
    callback: str = ""
    name: str | None = None
    description: str | None = None
    given: str = ""

    def require(self, *verbs: str) -> ProviderSpec:
        """Return the provider. Raise `UsageError` if it lacks these calls."""
        kind = find_provider(self.to)
        if not kind.can.intersection(verbs):
            raise UsageError(f"{kind.title} does not verify real persons. Choose a provider that does.")
        return kind


@click.group("session", cls=Subcommands, short_help="Verify a real person.", epilog=ASSETS_CODES)
def command() -> None:
    """Verify a real person who appears in assets; the result is a group to register them into.

    Examples:
      preflight assets session create https://app.example.com/verified --to volcengine
      preflight assets session result - --to volcengine < token.txt
    """


@command.command("create", short_help="Start a verification.", epilog=ASSETS_CODES)
@click.argument("callback", metavar="CALLBACK_URL")
@to_option("Where the person is verified.", required=True)
@click.option("--name", metavar="NAME", help="The name of the person's group, if the provider takes one.")
@click.option("--description", metavar="TEXT", help="Its description, if the provider takes one.")
@print_options("text", "json")
@provider_options
@pass_options(SessionCommand)
def _create(options: SessionCommand) -> None:
    """Start a verification. The person opens the link, and is redirected to CALLBACK_URL at the end.

    The link and the token are printed unredacted: whoever has them can use this verification.

    Examples:
      preflight assets session create https://app.example.com/verified --to agt --name "Zhang San"
    """
    spec = options.require("create_session")
    if not is_url(options.callback):
        raise UsageError(
            f"{printable(repr(options.callback[:80]))} is not an http(s) URL. Give the URL for the redirect."
        )
    with (
        options.provider.open_provider(spec) as provider,
        options.printing.printer(is_single=True) as printer,
    ):
        assert isinstance(provider.api, VerifiesPersons)  # required above
        session = provider.api.create_session(options.callback, name=options.name, description=options.description)
        printer.secrets({"provider": session.provider, "link": session.link, "token": session.token})
        needed = "the token" if "session_result" in provider.spec.can else "the URL to which the person was redirected"
        then = f"preflight assets session result - --to {provider.name}"
        options.printing.remark(f"then, with {needed} on standard input: {then}")


@command.command("result", short_help="Show how a verification ended.", epilog=ASSETS_CODES)
@click.argument("given", metavar="TOKEN|URL|-")
@to_option("Where the person was verified.", required=True)
@print_options("text", "json")
@provider_options
@pass_options(SessionCommand)
def _result(options: SessionCommand) -> int:
    """Show how a verification ended: by the token of `session create`, or by the URL of the redirect.

    Which of the two depends on the provider; `-` reads it from standard input, which other programs cannot see.

    Examples:
      preflight assets session result - --to volcengine < token.txt
      preflight assets session result 'https://app.example.com/verified?status=success&group_id=…' --to agt
    """
    kind = options.require("session_result", "parse_callback")
    word = sys.stdin.readline().strip() if options.given == "-" else options.given
    if not word:
        raise UsageError("Standard input is empty. Give a token or a URL.")
    if is_url(word) and "parse_callback" not in kind.can:
        raise UsageError(f"{kind.title} takes no URL. Give the token that `assets session create` printed.")
    if not is_url(word) and "session_result" not in kind.can:
        raise UsageError(f"{kind.title} takes no token. Give the URL to which the person was redirected.")
    with (
        options.provider.open_provider(kind) as provider,
        options.printing.printer(is_single=True) as printer,
    ):
        if is_url(word):
            assert isinstance(provider.api, ParsesCallbacks)  # required above
            ended = provider.api.parse_callback(word)
        else:
            assert isinstance(provider.api, ReportsSessions)  # required above
            ended = Callback("success", provider.api.session_result(word).id)
        data = {"status": ended.status, "group": ended.group, "reason": ended.reason}
        is_verified = ended.status == "success"
        if is_verified:
            printer.row(data, "verified", ended.group, f"(register into it with `submit --to {provider.name} --group`)")
        else:
            printer.row(data, "failed", ended.reason or "no reason is given")
    return PASSED if is_verified else FAILED
