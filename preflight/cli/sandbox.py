"""`preflight sandbox`, a local server that speaks every provider's protocol, and `submit --sandbox`."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from preflight.cli.options import pass_options
from preflight.cli.params import IntRange, Seconds
from preflight.cli.terminal import SANDBOX_CODES
from preflight.errors import UsageError
from preflight.escape import printable

if TYPE_CHECKING:
    from preflight.cli.provider_options import Destination
    from preflight.hosts import LocalFile
    from preflight.sandbox import Credentials, FaultPlan, Sandbox

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:/(s|min))?(?::(\w+))?")
_CALL = re.compile(r"(?:[1-9][0-9]{0,8})?")
_SECONDS = {None: 1.0, "s": 1.0, "min": 60.0}


@dataclass(frozen=True)
class SandboxCommand:
    """The options of `preflight sandbox`."""

    port: int
    delay: float
    latency: float
    slow: float
    throttle: tuple[str, ...]
    retry_after: float | None
    throttle_window: str
    fault: tuple[str, ...]
    fail: tuple[str, ...]
    refuse_at_once: bool
    other_readings: bool
    trusted: tuple[str, ...]


@click.command("sandbox", epilog=SANDBOX_CODES)
@click.option(
    "--port", type=IntRange(0, 65535), metavar="N", default=0, help="The port on 127.0.0.1.  [default: any free one]"
)
@click.option("--delay", type=Seconds(0), metavar="S", default=0.5, show_default=True, help="Seconds of processing.")
@click.option("--latency", type=Seconds(0), metavar="S", default=0.0, help="Seconds before each response.")
@click.option(
    "--slow", type=Seconds(0), metavar="S", default=0.0, help="Seconds over which the body of each response is sent."
)
@click.option("--throttle", multiple=True, metavar="N[/s|/min][:ACTION]", help="429 above this rate; repeatable.")
@click.option("--retry-after", type=Seconds(0), metavar="S", help="The Retry-After of a 429.  [default: none]")
@click.option(
    "--throttle-window",
    type=click.Choice(["bucket", "sliding", "calendar"]),
    default="bucket",
    show_default=True,
    help="How --throttle counts calls: in a token bucket, in the last s or min, or in each calendar s or min.",
)
@click.option("--fault", multiple=True, metavar="FAULT[-after][:ACTION[:K]]", help="See above; repeatable.")
@click.option("--fail", multiple=True, metavar="[PATTERN=]CODE", help="Make assets fail by name or URL; repeatable.")
@click.option("--refuse-at-once", is_flag=True, help="Refuse a file in the response to the call, not in its status.")
@click.option("--other-readings", is_flag=True, help="Where published pages contradict each other, follow the other.")
@click.option("--trusted", multiple=True, metavar="ORIGIN", help="Fetch from this origin even if it is not public.")
@pass_options(SandboxCommand)
def command(options: SandboxCommand) -> None:
    """Run a server on 127.0.0.1 that speaks every provider's protocol, until Ctrl-C.

    It judges files by the provider's rule set and fetches only from public addresses and from itself. Its keys are
    random, generated at each start and printed as lines for the shell; they are valid nowhere else.

    FAULT is one of lose hang error html empty redirect gateway quota subscription, or a status from 400 to 599. With
    -after the call takes effect despite the fault. ACTION is register, get, list …; K is the number of the call,
    from 1.

    Examples:
      preflight sandbox
      preflight sandbox --delay 2 --throttle 30 --fault lose-after:register:3 --fail 'cat*=PixelCountTooLarge'
    """
    from preflight.sandbox import Sandbox

    box = Sandbox(port=options.port, delay=options.delay, latency=options.latency, trusted=options.trusted)
    _configure_faults(box.faults, options)
    signal.signal(signal.SIGTERM, _end)
    try:
        with box:
            _introduce(box)
            threading.Event().wait()
    finally:
        for line in summary(box):
            click.echo(line, err=True)


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _configure_faults(faults: FaultPlan, options: SandboxCommand) -> None:
    """Make the server misbehave as the options say. Raise `UsageError` for options that cannot be parsed."""
    faults.slow = options.slow
    faults.refuse_at_once = options.refuse_at_once
    faults.alternate_readings = options.other_readings
    for text in options.throttle:
        match = _RATE.fullmatch(text)
        if match is None or not float(match[1]):
            raise UsageError(
                f"--throttle {printable(text)} is not a rate. Write 30, 30/s or 3/min, with an action 30:register."
            )
        faults.throttle(
            float(match[1]),
            _SECONDS[match[2]],
            action=match[3] or "*",
            retry_after=options.retry_after,
            window=options.throttle_window,
        )
    for text in options.fault:
        fault, action, call = [*text.split(":"), "", ""][:3]
        if text.count(":") > 2 or not _CALL.fullmatch(call):
            raise UsageError(
                f"--fault {printable(text)} is not a fault. Write FAULT, FAULT:ACTION or FAULT:ACTION:NUMBER."
            )
        faults.on(fault, action=action or "*", call=int(call) if call else None)
    for text in options.fail:
        pattern, _, code = text.rpartition("=")
        faults.fail(code, match=pattern or "*")


def _introduce(box: Sandbox) -> None:
    """Print the origin and the keys, as lines to copy into a shell."""
    click.echo(f"# preflight sandbox at {box.origin}; Ctrl-C ends it")
    for provider in box.providers:
        click.echo(f"\n# --to {provider} --endpoint {box.endpoint(provider)}")
        for name, value in box.environment(provider).items():
            click.echo(f"export {name}={value}")


def summary(box: Sandbox) -> list[str]:
    """Return a line for each provider that was called, with the counts of its calls."""
    called = sorted({provider for provider, _ in box.stats.calls} | set(box.stats.denied))
    lines = []
    for provider in called:
        calls = sum(count for (name, _), count in box.stats.calls.items() if name == provider)
        throttled = sum(count for (name, _), count in box.stats.throttled.items() if name == provider)
        registered = len(box.stats.registrations(provider))
        denied = box.stats.denied[provider]
        lines.append(
            f"{provider}: {calls} calls, {registered} registrations, {throttled} throttled, {denied} with a wrong key"
        )
    return lines


@contextmanager
def sandbox_destination(provider: str, given: Destination) -> Iterator[Destination]:
    """Run a sandbox for one `submit`: with its own keys, as the host of local files, with a temporary ledger.

    Raise `UsageError` for an option that it would ignore.
    """
    from preflight.providers import find_provider
    from preflight.sandbox import Sandbox

    ignored = {"--endpoint": given.endpoint, "--host": given.host, "--public-base": given.public_base}
    for name, value in ignored.items():
        if value is not None:
            raise UsageError(f"--sandbox cannot be used with {name}. Leave one of them out.")
    with ExitStack() as stack:
        box = stack.enter_context(Sandbox(delay=0.5))
        ledger = given.ledger
        if ledger is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="preflight-"))
            ledger = os.path.join(folder, "ledger.sqlite")
        yield replace(
            given,
            endpoint=box.endpoint(provider),
            host=_SandboxHost(box),
            ledger=ledger,
            group=given.group or ("sandbox" if find_provider(provider).needs_group else None),
            keys=_keys(box.credentials(provider)),
            allow_private=True,
        )


class _SandboxHost:
    """Gives local files a URL of the sandbox."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def put(self, file: LocalFile) -> str:
        """Return a URL of the file, which the sandbox reads for each fetch, unless it is temporary."""
        from preflight.errors import SourceChanged
        from preflight.submission.register import sha256_of

        if sha256_of(file.path) != file.sha256:
            raise SourceChanged(file.name)
        if not file.temporary:
            return self._box.host(file.path, file.name)
        with open(file.path, "rb") as stream:
            return self._box.host(stream.read(), file.name)


def _keys(credentials: Credentials) -> dict[str, str]:
    """Return the sandbox's keys under the names of the provider's credentials."""
    if credentials.key is not None:
        return {"api_key": credentials.key}
    return {"access_key": credentials.access_key or "", "secret_key": credentials.secret_key or ""}
