"""`preflight sandbox`, a local server that speaks every provider's protocol, and `submit --sandbox`."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from preflight.cli.params import IntRange, Seconds
from preflight.cli.terminal import SANDBOX_CODES
from preflight.errors import UsageError
from preflight.hosts import LocalFile
from preflight.submission.content import sha256_of

if TYPE_CHECKING:
    from preflight.sandbox import FaultPlan, Sandbox


_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|min))?(?::(\w+))?")
_SECONDS = {None: 1.0, "s": 1.0, "min": 60.0}


@click.command("sandbox", epilog=SANDBOX_CODES)
@click.option("--port", type=IntRange(0, 65535), default=0, help="Where to listen on 127.0.0.1.  [default: any]")
@click.option("--delay", type=Seconds(0), default=0.5, show_default=True, help="Seconds of processing.")
@click.option("--latency", type=Seconds(0), default=0.0, help="Seconds before each answer.")
@click.option("--slow", type=Seconds(0), default=0.0, help="Seconds over which each answer trickles.")
@click.option("--throttle", multiple=True, metavar="N[/s|/min][:ACTION]", help="429 beyond this rate; repeatable.")
@click.option("--retry-after", type=Seconds(0), metavar="S", help="What a 429 asks to wait.  [default: nothing]")
@click.option("--fault", multiple=True, metavar="FAULT[-after][:ACTION[:K]]", help="See below; repeatable.")
@click.option("--fail", multiple=True, metavar="[PATTERN=]CODE", help="Let assets fail by name or URL; repeatable.")
@click.option("--refuse-at-once", is_flag=True, help="Refuse a file by the call, not by its status later.")
@click.option("--other-readings", is_flag=True, help="Where the published pages contradict each other: the other way.")
@click.option("--trusted", multiple=True, metavar="ORIGIN", help="Fetch from here too though it is not public.")
def command(port: int, delay: float, latency: float, trusted: tuple[str, ...], **wrong: Any) -> None:
    """Run a server on 127.0.0.1 that speaks every provider's protocol, until Ctrl-C.

    It judges files by the provider's own rule set and fetches from public addresses and from itself only. Its keys
    are random, made anew at each start and printed as lines for the shell; they open nothing else.

    \b
    FAULT is one of lose hang error html empty redirect subscription, or a status from 400 to 599. With -after the
    call takes effect all the same. ACTION is register, get, list …; K is which call, counted from 1.

    \b
    Examples:
      preflight sandbox
      preflight sandbox --delay 2 --throttle 30 --fault lose-after:register:3 --fail 'cat*=PixelCountTooLarge'
    """
    from preflight.sandbox import Sandbox

    box = Sandbox(port=port, delay=delay, latency=latency, trusted=trusted)
    _misbehave(box.faults, wrong)
    signal.signal(signal.SIGTERM, _end)
    try:
        with box:
            _introduce(box)
            threading.Event().wait()
    finally:
        for line in summary(box):
            click.echo(line, err=True)


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


def _misbehave(faults: FaultPlan, wrong: dict[str, Any]) -> None:
    """Carry the options over. Raises `UsageError`."""
    faults.slow = wrong["slow"]
    faults.refuse_at_once = wrong["refuse_at_once"]
    faults.alternate_readings = wrong["other_readings"]
    for text in wrong["throttle"]:
        match = _RATE.fullmatch(text)
        if match is None:
            raise UsageError(f"--throttle {text}: write a rate as 30, 30/s or 3/min, with an action as 30:register")
        faults.throttle(float(match[1]), _SECONDS[match[2]], action=match[3] or "*", retry_after=wrong["retry_after"])
    for text in wrong["fault"]:
        fault, action, call = [*text.split(":"), "", ""][:3]
        if text.count(":") > 2 or (call and not call.isdecimal()):
            raise UsageError(f"--fault {text}: write FAULT, FAULT:ACTION or FAULT:ACTION:K with a number K")
        faults.on(fault, action=action or "*", call=int(call) if call else None)
    for text in wrong["fail"]:
        pattern, _, code = text.rpartition("=")
        faults.fail(code, match=pattern or "*")


def _introduce(box: Sandbox) -> None:
    """Where it is and what opens it, as lines to copy into a shell."""
    click.echo(f"# preflight sandbox at {box.origin}; Ctrl-C ends it")
    for provider in box.providers:
        click.echo(f"\n# --to {provider} --endpoint {box.endpoint(provider)}")
        for name, value in box.environment(provider).items():
            click.echo(f"export {name}={value}")


def summary(box: Sandbox) -> list[str]:
    """What happened, a line a provider that was called."""
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


class _SandboxHost:
    """Local files get a URL of the sandbox."""

    def __init__(self, box: Any) -> None:
        self._box = box

    def put(self, file: LocalFile) -> str:
        """The file's URL at the sandbox, which reads it when it is fetched."""
        from preflight.errors import SourceChanged

        if sha256_of(file.path) != file.sha256:
            raise SourceChanged(file.name)
        url: str = self._box.host(file.path, file.name)
        return url


def _keys(credentials: Any) -> dict[str, str]:
    """The sandbox' own keys under the names by which a provider asks for them."""
    if credentials.key is not None:
        return {"api_key": credentials.key}
    return {"access_key": credentials.access_key, "secret_key": credentials.secret_key}


def in_sandbox(provider: str, options: dict[str, Any], stack: ExitStack) -> dict[str, Any]:
    """Settings of `submit_many` for a sandbox of this run: its endpoint, its keys, a ledger that goes with it.

    Raises `UsageError` for an option that it would not heed.
    """
    from preflight.sandbox import Sandbox

    for option in ("endpoint", "host", "public_base"):
        if options[option] is not None:
            raise UsageError(f"--sandbox has its own place for all of it: leave --{option.replace('_', '-')} out")
    box = stack.enter_context(Sandbox(delay=0.5))
    settings: dict[str, Any] = {
        "endpoint": box.endpoint(provider),
        "keys": _keys(box.credentials(provider)),
        "allow_private": True,
        "host": _SandboxHost(box),
        "public_base": None,
    }
    if options["ledger"] is None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="preflight-"))
        settings["ledger"] = os.path.join(folder, "ledger.sqlite")
    if options["group"] is None:
        from preflight.providers import find_provider

        settings["group"] = "sandbox" if find_provider(provider).needs_group else None
    return settings
