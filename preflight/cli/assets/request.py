"""`preflight assets request`: the generation request for registered assets; nothing is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Final

import click

from preflight.cli.options import pass_options
from preflight.cli.output import PrintOptions, print_options
from preflight.cli.provider_options import LedgerOptions, ProviderOptions, ledger_option, provider_options, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import Ledger
from preflight.providers import Asset, find_provider
from preflight.providers.credentials import endpoint_origin
from preflight.providers.generation import ROLES, GenerationRequest, generation_request
from preflight.submission import Submission
from preflight.submission.manage import AssetManager, active_entry, asset_from_entry, provider_of, unchanged_file

_LISTED: Final = ", ".join(ROLES)


@dataclass(frozen=True)
class RequestCommand:
    """The options of `preflight assets request`."""

    words: tuple[str, ...]
    prompt: str
    roles: tuple[str, ...]
    model: str | None
    parameters: tuple[str, ...]
    to: str | None
    printing: PrintOptions
    ledger: LedgerOptions
    provider: ProviderOptions


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
@print_options("curl", "python", "json", default="curl")
@to_option("The provider of the assets, if the ledger does not know it.", required=False)
@ledger_option
@provider_options
@pass_options(RequestCommand)
def command(options: RequestCommand) -> None:
    """Print the exact request that generates a video from every ASSET: method, URL, headers and JSON body.

    The key is not printed: the request names the environment variable to read it from. Each ASSET is a reference of its
    kind, in the given order; --role makes one a first or last frame. An asset that the ledger has as active needs no
    call; for others, and with an option of the provider such as --project, the provider is asked. Assets of two
    providers give one request each. The rule set for the request judges the assets together first, with their files if
    these still exist.

    Examples:
      preflight assets request hero-0a1b2c3d4e5f --prompt "@Image1 waves" --parameter duration=5
      preflight assets request --role first_frame=a.png --role last_frame=b.png --prompt "she turns" --format python
      preflight assets request 2094548 --to atlas --prompt "a dolly shot" --format json
    """
    parameters = dict(_parameter(text) for text in options.parameters)
    with ExitStack() as stack:
        drafts = _Drafts(options, stack).read()
        requests = [draft.build(options.prompt, options.model, parameters) for draft in drafts]
    with options.printing.printer(ledger=options.ledger) as printer:
        for number, request in enumerate(requests):
            text = request.python() if options.printing.format_ == "python" else request.curl()
            printer.document(request.as_json(), f"\n{text}" if number else text)


class _Drafts:
    """Finds the assets of a command, in the ledger or at their providers, which are opened at most once."""

    def __init__(self, options: RequestCommand, stack: ExitStack) -> None:
        self._options = options
        self._stack = stack
        self._managers: dict[str, AssetManager] = {}
        endpoint = options.provider.endpoint
        self._origin = None if endpoint is None else endpoint_origin(endpoint)

    def read(self) -> list[Draft]:
        """Return the assets by provider. Raise `UsageError`, and `ProviderError` if a provider cannot be asked."""
        drafts: dict[str, Draft] = {}
        ledger = self._stack.enter_context(self._options.ledger.open(must_exist=self._options.to is None))
        for role, word in self._words():
            asset, file = self._find(ledger, word)
            draft = drafts.setdefault(asset.provider, Draft())
            if role is None:
                draft.assets.append(asset)
            elif draft.roles.setdefault(role, asset) is not asset:
                raise UsageError(f"--role {role} is given twice. Leave one of them out.")
            if file is not None:
                draft.files[asset.id] = file
        return list(drafts.values())

    def _words(self) -> Iterator[tuple[str | None, str]]:
        """Yield each word for an asset, with its role; None: no role."""
        for word in dict.fromkeys(self._options.words):
            yield None, word
        for text in self._options.roles:
            role, _, word = text.partition("=")
            if role not in ROLES or not word:
                raise UsageError(f"--role {printable(text)} is not a role. Write ROLE=ASSET, with one of {_LISTED}.")
            yield role, word
        if not self._options.words and not self._options.roles:
            raise UsageError("No asset given. Write an ASSET, or --role ROLE=ASSET.")

    def _find(self, ledger: Ledger, word: str) -> tuple[Asset, str | None]:
        """Return an asset, and the file that it was registered from."""
        name, options = self._options.to or provider_of(ledger, word), self._options.provider
        if not (options.settings or options.named_settings):  # these may change the reference, or the project
            spec = find_provider(name)
            entry = active_entry(ledger, word, spec.name, origin=self._origin, account=options.account)
            if entry is not None:
                return asset_from_entry(entry), unchanged_file(entry)
        if name not in self._managers:
            provider, clock = self._stack.enter_context(options.open_provider(name))
            self._managers[name] = AssetManager(provider, ledger, clock=clock)
        managed = self._managers[name].get(word)
        return managed.asset, None if managed.entry is None else unchanged_file(managed.entry)


def _parameter(text: str) -> tuple[str, object]:
    """Return name and value of NAME=VALUE. A value that is JSON is sent as such: 5, true; any other value as text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--parameter {printable(text)} has no value. Write NAME=VALUE.")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


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
        if os.path.isfile(submission.source):
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
