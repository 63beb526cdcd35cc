"""`preflight assets request`: the generation request for registered assets; nothing is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Final

import click

from preflight.cli.options import pass_options
from preflight.cli.provider_options import ProviderCommand, one_provider, provider_command_options, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers import Asset, find_provider
from preflight.providers.credentials import endpoint_origin
from preflight.providers.generation import ROLES, GenerationRequest, generation_request
from preflight.submission import Submission
from preflight.submission.manage import AssetManager, active_entry, unchanged_file
from preflight.submission.outcome import asset_from_entry

_LISTED: Final = ", ".join(ROLES)


@dataclass(frozen=True)
class RequestCommand(ProviderCommand):
    """The options of `preflight assets request`."""

    words: tuple[str, ...]
    prompt: str
    roles: tuple[str, ...]
    model: str | None
    parameters: tuple[str, ...]


@dataclass
class Draft:
    """The assets of one request. files: by the assets' ids."""

    assets: list[Asset] = field(default_factory=list)
    roles: dict[str, Asset] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def build(self, prompt: str, model: str | None, parameters: dict[str, object]) -> GenerationRequest:
        """Return the request. Raise `UsageError`, and `Rejected` if the assets do not go together."""
        return generation_request(
            self.assets, prompt=prompt, roles=self.roles, model=model, parameters=parameters, files=self.files
        )


@click.command("request", short_help="Print the generation request for assets.", epilog=ASSETS_CODES)
@click.argument("words", nargs=-1, metavar="[ASSET…]")
@click.option("--prompt", required=True, metavar="TEXT", help="What to generate.")
@click.option("--role", "roles", multiple=True, metavar="ROLE=ASSET", help=f"Use an asset as {_LISTED}; repeatable.")
@click.option("--model", metavar="MODEL", help="The model, in place of the one that the provider's pages name.")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A further field of the body; repeatable."
)
@to_option("The provider of the assets, if the ledger does not know it.", required=False)
@provider_command_options("curl", "python", "json", default="curl")
@pass_options(RequestCommand)
def command(options: RequestCommand) -> None:
    """Print the exact request that generates a video from every ASSET: method, URL, headers and JSON body.

    The key is not printed: the request names the environment variable to read it from. Each ASSET is a reference of its
    kind, in the given order; --role makes one a first or last frame. An asset that the ledger has as active needs no
    call; for others, and with an option of the provider such as --project, the provider is asked. The rule set for the
    request judges the assets together first, with their files if these still exist.

    Examples:
      preflight assets request hero-0a1b2c3d4e5f --prompt "@Image1 waves" --parameter duration=5
      preflight assets request --role first_frame=a.png --role last_frame=b.png --prompt "she turns" --format python
      preflight assets request 2094548 --to atlas --prompt "a dolly shot" --format json
    """
    parameters = _parameters(options.parameters)
    with ExitStack() as stack:
        request = _draft(options, stack).build(options.prompt, options.model, parameters)
    with options.printer(is_single=True) as printer:
        printer.document(
            request.as_json(), request.python() if options.printing.format_ == "python" else request.curl()
        )


def _draft(options: RequestCommand, stack: ExitStack) -> Draft:
    """Find the assets in the ledger, or at their provider. Raise `UsageError` or `ProviderError`."""
    draft, provider, manager = Draft(), options.provider, None
    words = list(_words(options))
    ledger = stack.enter_context(options.open_ledger(must_exist=options.to is None))
    spec = one_provider(ledger, (word for _, word in words), options.to)
    origin = None if provider.endpoint is None else endpoint_origin(provider.endpoint)
    may_differ = bool(provider.settings or provider.named_settings)  # in the reference, or the project
    for role, word in words:
        entry = None if may_differ else active_entry(ledger, word, spec.name, origin=origin, account=provider.account)
        asset = None if entry is None else asset_from_entry(entry, spec)
        if asset is None:
            if manager is None:
                opened = stack.enter_context(provider.open_provider(spec, ledger))
                manager = AssetManager(opened, ledger, clock=opened.clock)
            managed = manager.get(word)
            asset, entry = managed.asset, managed.entry
        if role is None:
            draft.assets.append(asset)
        elif draft.roles.setdefault(role, asset) is not asset:
            raise UsageError(f"--role {role} is given twice. Leave one of them out.")
        if entry is not None and (file := unchanged_file(entry)) is not None:
            draft.files[asset.id] = file
    return draft


def _words(options: RequestCommand) -> Iterator[tuple[str | None, str]]:
    """Yield each word for an asset, with its role; None: no role."""
    if not options.words and not options.roles:
        raise UsageError("No asset given. Write an ASSET, or --role ROLE=ASSET.")
    for word in dict.fromkeys(options.words):
        yield None, word
    for text in options.roles:
        role, _, word = text.partition("=")
        if role not in ROLES or not word:
            raise UsageError(f"--role {printable(text)} is not a role. Write ROLE=ASSET, with one of {_LISTED}.")
        yield role, word


def _parameters(given: Iterable[str]) -> dict[str, object]:
    """Return the values of NAME=VALUE by name. A value that is JSON is sent as such: 5, true; any other as text."""
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"--parameter {printable(text)} has no {'value' if name else 'name'}. Write NAME=VALUE.")
        if name in found:
            raise UsageError(f"--parameter {printable(name)} is given twice. Leave one of them out.")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            found[name] = value
    return found


class RequestAtEnd:
    """The request for the active assets of a `submit`. Without a prompt there is none."""

    def __init__(self, provider: str, prompt: str | None, model: str | None) -> None:
        """Raise `UsageError` if no asset of the provider could be used like this, before anything is registered."""
        self._draft = Draft()
        self._prompt = prompt
        self._model = model
        if prompt is not None:
            spec = find_provider(provider)
            generation = None if spec.generation is None else spec.generation.at(spec.origins)
            any_asset = Asset("any", spec.name, "active", "image", "asset://any", generation=generation)
            Draft([any_asset]).build(prompt, model, {})

    def add(self, submission: Submission) -> None:
        """Add the asset of a submission, if it is active."""
        asset = submission.asset
        if self._prompt is None or asset is None or submission.outcome != "active":
            return
        if asset not in self._draft.assets:
            self._draft.assets.append(asset)
        if submission.fix is None and os.path.isfile(submission.source):  # a fixed file no longer exists
            self._draft.files[asset.id] = submission.source

    def print(self, stream: IO[str], format_: str) -> None:
        """Print the request as a shell command, or as a JSON line."""
        if self._prompt is None:
            return
        if not self._draft.assets:
            click.echo("No asset is active, so there is no generation request.", err=True)
            return
        request = self._draft.build(self._prompt, self._model, {})
        stream.write(f"\n{request.curl()}" if format_ == "text" else json.dumps({"request": request.as_json()}) + "\n")
