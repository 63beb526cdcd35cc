"""The `preflight` command: one file a command, loaded when it is called."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

import click

from preflight.cli.terminal import EXIT_CODES, CommandContext, color_option, error_lines, with_narrow_help
from preflight.errors import PreflightError
from preflight.escape import printable

COMMANDS: Final[dict[str, str]] = {
    "check": "Say of files and URLs whether services will accept them, and why not.",
    "probe": "Print what files and URLs are: format, size, duration …",
    "rules": "List, show, validate and describe rule sets.",
    "submit": "Register what passes at a provider, and wait until it is active.",
    "assets": "List, look at, change and settle what is registered, and its groups.",
    "sandbox": "Run a local server that speaks every provider's protocol.",
}
"""Every command with its line in `preflight --help`; `preflight.cli.NAME` holds it as `command`."""


_UNREAD: Final = 128 + signal.SIGPIPE
"""Whoever read the output has gone (`| head`): nothing more is said, and it is no verdict of all."""


class _Commands(click.Group):
    """A group that imports a command's module only when that command is called."""

    context_class = CommandContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return with_narrow_help(import_module(f"preflight.cli.{cmd_name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"there is no command {printable(name)!r}: {_instead(name)}")
        return super().resolve_command(ctx, args)


def _instead(name: str) -> str:
    """What to write in place of a command that does not exist."""
    if os.path.lexists(name):
        return f"to check a file, write `preflight check {printable(name)}`"
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), COMMANDS, n=1)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(COMMANDS)}"


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"preflight {version('preflight-media')}, Python {sys.version.split()[0]}")
    for library in ("pillow", "pillow-heif", "pymediainfo", "mutagen", "requests", "pydantic", "click", "rich"):
        try:
            click.echo(f"  {library} {version(library)}")
        except PackageNotFoundError:
            click.echo(f"  {library} is missing: reinstall preflight-media")
    ctx.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the versions of preflight and of the libraries that it uses.",
)
@color_option
def group() -> None:
    """Tells whether images, videos and sounds will be accepted by a service, before you send them.

    A command's own help, with its examples: preflight COMMAND --help

    \b
    Examples:
      preflight check photo.jpg clip.mp4 --for atlas
      preflight check media/ --for atlas,volcengine --format jsonl
      preflight probe clip.mp4
      preflight rules show atlas

    \b
    Completion of words with Tab, in the start-up file of your shell:
      eval "$(_PREFLIGHT_COMPLETE=bash_source preflight)"       bash, from 4.4 on
      eval "$(_PREFLIGHT_COMPLETE=zsh_source preflight)"        zsh
      _PREFLIGHT_COMPLETE=fish_source preflight | source        fish
    """


def main() -> None:
    """The entry point: ends the process with the exit code of `call`.

    At once: taking the interpreter down costs as much as ten files, and would wait for threads that wait for servers.
    """
    _settle_streams()
    code = call()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def _settle_streams() -> None:
    """Output that is closed goes nowhere, and no character is one too many: the exit code tells all the same."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def call() -> int:
    """Run the command line. Whatever goes wrong ends in a sentence and an exit code, never in a traceback."""
    try:
        try:
            code: int = group.main(prog_name="preflight", standalone_mode=False) or 0
        finally:
            sys.stdout.flush()
    except click.NoSuchOption as error:
        _show(error)
        file = next((word for word in sys.argv[1:] if word.startswith("-") and os.path.lexists(word)), None)
        if file is not None:
            click.echo(f"To name the file, write ./{printable(file)}", err=True)
        code = 2
    except click.ClickException as error:
        _show(error)
        code = 2
    except PreflightError as error:
        said = "\n".join((str(error), *getattr(error, "__notes__", ())))
        click.echo(error_lines(f"preflight: {printable_lines(said)}"), err=True)
        code = 2
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except BrokenPipeError:
        code = _UNREAD
    except SystemExit as error:
        code = _UNREAD if error.code else 0  # click's: 1 is a broken pipe, 0 the end of a completion
    except OSError as error:
        said = str(error) if error.filename else f"standard output cannot be written ({error.strerror})"
        click.echo(error_lines(f"preflight: {printable_lines(said)}"), err=True)
        code = 2
    except Exception as error:
        said = printable_lines(f"{type(error).__name__}: {error}")
        click.echo(error_lines(f"preflight: a fault of preflight itself, please report it ({said})"), err=True)
        code = 2
    return code


def _show(error: click.ClickException) -> None:
    """Print what click found wrong with a call."""
    shown = io.StringIO()
    error.show(shown)
    click.echo(error_lines(shown.getvalue().rstrip("\n")), err=True)


def printable_lines(text: str) -> str:
    """Several lines, each made harmless."""
    return "\n".join(map(printable, text.split("\n")))
