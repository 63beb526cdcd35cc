"""`preflight submit`: register only what passes, and wait until it is active."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO, Final, get_args

import click

from preflight.cli import params
from preflight.cli.assets.request import RequestAtEnd
from preflight.cli.choices import ChoicesOptions, choices_options
from preflight.cli.options import (
    TargetOptions,
    allow_private_option,
    output_option,
    pass_options,
    selection_options,
    timeout_option,
)
from preflight.cli.output import fix_text, output_stream, progress
from preflight.cli.overwrite import OverwriteGuard, ledger_files, output_files, rule_files, target_files
from preflight.cli.params import Seconds
from preflight.cli.provider_options import (
    Destination,
    ProviderOptions,
    ledger_option,
    print_rate,
    provider_options,
    to_option,
)
from preflight.cli.terminal import SUBMIT_CODES, color_option, message_with_options, use_color
from preflight.errors import PreflightError, UsageError
from preflight.escape import printable
from preflight.hosts import no_host_given
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.providers import find_provider
from preflight.reporters.text import table_text
from preflight.sources.open import is_url
from preflight.submission import Submission, SubmissionOutcome, submit_many
from preflight.submission.outcome import RETRY
from preflight.summary import DEFAULT_POLICY
from preflight.targets import Item, is_media

_STYLES: Final = {"active": "green", "processing": "yellow", "unknown": "yellow"}
_INDENT: Final = 11


@dataclass(frozen=True)
class SubmitCommand:
    """The options of `preflight submit`."""

    inputs: TargetOptions
    provider: ProviderOptions
    to: str
    rules: tuple[str, ...]
    strict: bool
    group: str | None
    name: str | None
    description: str | None
    type_: str | None
    wait: bool
    poll_timeout: float | None
    host: str | None
    public_base: str | None
    ledger: str | None
    retry_failed: bool
    fix: bool
    choices: ChoicesOptions
    request: bool
    prompt: str | None
    model: str | None
    sandbox: bool
    timeout: float | None
    allow_private: bool
    format_: str
    output: str | None

    def guard(self) -> OverwriteGuard:
        """Return the guard of the files that this call reads."""
        inputs = chain(target_files(self.inputs.targets), rule_files(self.rules), ledger_files(self.ledger))
        return OverwriteGuard(output_files(output=self.output, ledger=self.ledger), inputs)


@click.command("submit", epilog=SUBMIT_CODES)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…", shell_complete=params.complete_targets)
@to_option("Where to register: {providers}.", required=True)
@click.option(
    "--for",
    "rules",
    multiple=True,
    metavar="RULES",
    help="Further rule sets; the provider's own always applies.",
    shell_complete=params.complete_rule_sets,
)
@click.option("--strict", is_flag=True, help="Make warnings fail.")
@click.option("--group", metavar="NAME", help="Register into this group, by name or id; a new name creates one.")
@click.option("--name", metavar="STEM", help="The beginning of the assets' names.  [default: the file's name]")
@click.option("--description", metavar="TEXT", help="The assets' description, if the provider takes one.")
@click.option("--type", "type_", metavar="TYPE", help="The provider's asset type, if a kind of file has several.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Poll until active or failed.")
@click.option("--poll-timeout", type=Seconds(0), metavar="S", help="Seconds to poll.  [default: by kind of file]")
@click.option("--host", metavar="HOST", help="Where to host local files: the provider's name, or s3://bucket/prefix.")
@click.option("--public-base", metavar="URL", help="The URL under which local files are already served.")
@ledger_option
@click.option("--retry-failed", is_flag=True, help="Register files that failed before once more.")
@click.option("--fix", is_flag=True, help="Fix files that do not pass, and register the results.")
@choices_options
@click.option("--request", is_flag=True, help="Print the generation request for the active assets at the end.")
@click.option("--prompt", metavar="TEXT", help="With --request: what to generate.")
@click.option("--model", metavar="MODEL", help="With --request: the model.  [default: the one on the provider's pages]")
@provider_options
@click.option("--sandbox", is_flag=True, help="Use a local server with its own key and a temporary ledger.")
@selection_options
@color_option
@timeout_option
@allow_private_option
@click.option("--format", "format_", type=click.Choice(["text", "jsonl"]), default="text", show_default=True)
@output_option
@pass_options(SubmitCommand)
def command(options: SubmitCommand) -> int:
    """Check each TARGET, register those that pass at PROVIDER, and wait until they are active.

    A file that does not pass is never sent. With --fix, it is fixed into a temporary file, as by `preflight fix`, which
    is hosted and registered. A file that is already registered, as the ledger records, is reused. To
    continue an interrupted run, run the same command again.

    Examples:
      preflight submit clip.mp4 --to atlas --host atlas
      preflight submit https://cdn.example.com/clip.mp4 --to volcengine --group heroes
      preflight submit media/ --to sunra --public-base https://cdn.example.com/media/
      preflight submit media/ --to atlas --host atlas --fix --fit pad
      preflight submit clip.mp4 --to atlas --host atlas --request --prompt "a dolly shot"
      preflight submit fixtures/ --to atlas --sandbox      # try it: no key, no network
    """
    counts: Counter[str] = Counter()
    any_failed = any_unknown = False
    guard, request, fix = options.guard(), _request(options), _fix(options)
    with ExitStack() as stack:
        destination = _destination(options, stack)
        stream = stack.enter_context(output_stream(options.output))
        reporter = SubmissionText(stream) if options.format_ == "text" else SubmissionJsonl(stream)
        advance = stack.enter_context(progress(is_shown=not stream.isatty()))
        items = guard.checked(options.inputs.items(lambda: counts.update(["ignored"])))
        try:
            media = _require_host(_media(items, counts), options.inputs.targets, destination)
            run = stack.enter_context(closing(_submissions(media, options, destination, fix)))
            for submission in run:
                advance()
                counts[submission.outcome] += 1
                any_unknown |= (is_open := _is_open(submission))
                any_failed |= submission.outcome in ("failed", "rejected") and not is_open
                reporter.add(_with_options(submission))
                request.add(submission)
        except KeyboardInterrupt:
            click.echo("Interrupted. The ledger has all registrations. Run the same command to continue.", err=True)
            raise
        reporter.close(counts)
        request.print(stream, options.format_)
    return DEFAULT_POLICY.code(any_failed=any_failed, any_unknown=any_unknown)


def _request(options: SubmitCommand) -> RequestAtEnd:
    """Return the request at the end of a run. Raise `UsageError` if there can be none, before a file is read."""
    given = {"--prompt": options.prompt, "--model": options.model}
    for name, value in given.items():
        if value is not None and not options.request:
            raise UsageError(f"{name} is for the generation request. Add --request.")
    if options.request and options.prompt is None:
        raise UsageError("--request needs a prompt. Add --prompt TEXT.")
    return RequestAtEnd(options.to, options.prompt, options.model)


def _fix(options: SubmitCommand) -> Choices | None:
    """Return how files are fixed; None if they are not. Raise `UsageError` for choices without --fix."""
    choices = options.choices.choices()
    if options.fix:
        return choices
    for name, value in choices._asdict().items():
        if value != getattr(DEFAULT_CHOICES, name):
            raise UsageError(f"{name}= applies only to files that are fixed. Add --fix.", parameters=(name,))
    return None


def _submissions(
    items: Iterator[Item], options: SubmitCommand, to: Destination, fix: Choices | None
) -> Generator[Submission, None, None]:
    return submit_many(
        items,
        options.to,
        rules=",".join(options.rules) or None,
        strict=options.strict,
        group=to.group,
        name=options.name,
        description=options.description,
        type=options.type_,
        wait=options.wait,
        fix=fix or False,
        poll_timeout=options.poll_timeout,
        host=to.host,
        public_base=to.public_base,
        ledger=to.ledger,
        keys=to.keys,
        account=options.provider.account,
        endpoint=to.endpoint,
        rate=options.provider.rate,
        proxy=options.provider.proxy,
        ca_bundle=options.provider.ca_bundle,
        retry_failed=options.retry_failed,
        timeout=options.timeout,
        allow_private=to.allow_private or options.allow_private,
        on_rate=print_rate,
        **options.provider.settings_for(find_provider(options.to)),
    )


def _destination(options: SubmitCommand, stack: ExitStack) -> Destination:
    destination = Destination(
        options.provider.endpoint, options.host, options.public_base, options.ledger, options.group
    )
    if not options.sandbox:
        return destination
    from preflight.cli.sandbox import sandbox_destination

    return stack.enter_context(sandbox_destination(options.to, destination))


def _require_host(items: Iterator[Item], words: Iterable[str], to: Destination) -> Iterator[Item]:
    """Yield the items. Raise `UsageError` at the first one if all are local files, and no host is given."""
    may_be_urls = any(is_url(word) or word.startswith(("-", "@")) for word in words)
    needs_host = to.host is None and to.public_base is None and not may_be_urls
    for item in items:
        if needs_host and item.problem is None and os.path.isfile(str(item.target)):
            raise no_host_given(str(item.target))
        yield item


def _with_options(submission: Submission) -> Submission:
    """Return the submission with options of the command in place of the parameters that its message names."""
    message = submission.message or ""
    if submission.error is None:
        allowing = [each.parameter for each in submission.fix.obstacles if each.parameter] if submission.fix else []
        error = PreflightError(message, parameters=(*allowing, *(["retry_failed"] if RETRY in message else [])))
    elif message == str(submission.error):
        error = submission.error
    else:
        return submission
    return replace(submission, message=message_with_options(error, click.get_current_context().command))


def _is_open(submission: Submission) -> bool:
    """Return whether the outcome is unknown or open; with --no-wait `processing` is neither."""
    if submission.outcome == "processing":
        return submission.code is not None
    if submission.outcome == "rejected" and submission.report is not None:
        return submission.report.verdict == "unknown"  # nothing was sent, as the file could not be read
    return submission.outcome not in ("active", "failed", "rejected")


def _media(items: Iterator[Item], counts: Counter[str]) -> Iterator[Item]:
    """Yield the items; skip and count files of folders that are not media by content or name."""
    for item in items:
        if item.explicit or is_media(str(item.target)):
            yield item
        else:
            counts["skipped"] += 1


class SubmissionText:
    """A line for each submission, with its reference or the reason; below it, how it was fixed.

    At the end, how to use the assets, and the counts.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._color = use_color(stream)
        self._usage: dict[str, str] = {}

    def add(self, submission: Submission) -> None:
        """Print one submission."""
        asset = submission.asset
        word = f"{submission.outcome.upper():{_INDENT - 1}}"
        if self._color:
            word = click.style(word, fg=_STYLES.get(submission.outcome, "red"))
        is_registered = asset is not None and submission.outcome in ("active", "processing")
        reference = printable(asset.reference or asset.id) if asset is not None and is_registered else ""
        reused = "(registered before)" if is_registered and submission.reused else ""
        line = "  ".join(filter(None, (f"{word} {printable(submission.source)}", reference, reused)))
        self._stream.write(f"{line}\n")
        if submission.message:
            code = f" [{submission.code}]" if submission.code else ""
            self._stream.write(f"{' ' * _INDENT}{printable(submission.message)}{code}\n")
        if is_registered and submission.fix is not None:
            self._stream.write(
                f"{' ' * _INDENT}{printable(fix_text(submission.fix.sentence, submission.fix.losses))}\n"
            )
        self._stream.flush()
        if asset is not None and is_registered and asset.usage and asset.kind:
            self._usage[asset.kind] = asset.usage

    def close(self, counts: Counter[str]) -> None:
        """Print how to use the assets, and the table of counts."""
        from rich.console import Console
        from rich.table import Table

        self._stream.write("\n")
        for kind, usage in sorted(self._usage.items()):
            self._stream.write(f"{kind}: {usage}\n")
        counts = in_order(counts)
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for outcome in counts:
            table.add_column(outcome, justify="right")
        table.add_row(*map(str, counts.values()))
        width = None if self._stream.isatty() else 100
        console = Console(file=self._stream, width=width, no_color=not self._color, force_terminal=self._color)
        text = table_text(console, table)
        self._stream.write(text or "".join(f"{count} {outcome}\n" for outcome, count in counts.items()))


class SubmissionJsonl:
    """One JSON object for each submission, one per line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def add(self, submission: Submission) -> None:
        """Print one submission."""
        self._stream.write(json.dumps(submission.as_json()) + "\n")
        self._stream.flush()

    def close(self, counts: Counter[str]) -> None:
        """Print the counts on standard error."""
        print(", ".join(f"{count} {outcome}" for outcome, count in in_order(counts).items()), file=sys.stderr)


def in_order(counts: Counter[str]) -> Counter[str]:
    """Return the counts of the outcomes that occurred, successful ones first."""
    return Counter(
        {
            outcome: counts[outcome]
            for outcome in (*get_args(SubmissionOutcome), "skipped", "ignored")
            if counts[outcome]
        }
    )
