"""The `preflight` command: one file per command, loaded when it is called."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

import click

from preflight.cli import terminal
from preflight.errors import PreflightError
from preflight.escape import printable
from preflight.interrupts import exiting_on_ctrl_c
from preflight.summary import UNKNOWN, WRONG_CALL

COMMANDS: Final[dict[str, str]] = {
    "check": "Check whether services will accept files and URLs.",
    "probe": "Print what files and URLs are: format, size, duration …",
    "fix": "Turn files that do not pass into files that do.",
    "rules": "List, show, compare, validate and explain rule sets.",
    "submit": "Register files that pass at a provider, and wait until they are active.",
    "assets": "List, inspect, change and settle registered assets and their groups.",
    "sandbox": "Run a local server that speaks every provider's protocol.",
}
"""Every command with its line in `preflight --help`; `preflight.cli.NAME` has it as `command`."""

_LIBRARIES: Final = ("pillow", "pillow-heif", "pymediainfo", "mutagen", "requests", "pydantic", "click", "rich")

_INTERRUPTED: Final = 128 + signal.SIGINT
_CLOSED_PIPE: Final = 128 + signal.SIGPIPE
"""The reader of the output has closed it (`| head`): nothing more is printed."""


class _Commands(terminal.Subcommands):
    """A group that imports a command's module only when that command is called."""

    context_class = terminal.CommandContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        with exiting_on_ctrl_c():
            module = import_module(f"preflight.cli.{cmd_name}")
        return terminal.with_narrow_help(module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def suggestion(self, name: str, names: list[str]) -> str:
        if os.path.lexists(name):
            return f"To check a file, write `preflight check {printable(name)}`."
        return super().suggestion(name, names)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - by click
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"preflight {version('preflight-media')}, Python {sys.version.split()[0]}")
    for library in _LIBRARIES:
        try:
            click.echo(f"  {library} {version(library)}")
        except PackageNotFoundError:
            click.echo(f"  {library} is missing. Reinstall preflight-media.")
    ctx.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=terminal.EXIT_CODES,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the versions of preflight and of the libraries that it uses.",
)
@terminal.color_option
def group() -> None:
    """Check whether services will accept your images, videos and audio files, before you send them.

    For the help of a command, with examples: preflight COMMAND --help

    Examples:
      preflight check photo.jpg clip.mp4 --for atlas
      preflight check media/ --for atlas,volcengine --format jsonl
      preflight probe clip.mp4
      preflight rules show atlas

    To complete words with Tab, add to the start-up file of your shell:
      eval "$(_PREFLIGHT_COMPLETE=bash_source preflight)"       bash 4.4 or newer
      eval "$(_PREFLIGHT_COMPLETE=zsh_source preflight)"        zsh
      _PREFLIGHT_COMPLETE=fish_source preflight | source        fish
    """


def main() -> None:
    """Run the command line and end the process with its exit code.

    `os._exit` skips the interpreter's shutdown, which takes as long as ten files and waits for threads that wait for
    servers.
    """
    _prepare_streams()
    code = run_command()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def _prepare_streams() -> None:
    """Discard output to a closed stream, and escape characters that a stream cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def run_command() -> int:
    """Run the command line and return its exit code. Every error ends in a message, never in a traceback."""
    try:
        try:
            code: int = group.main(prog_name="preflight", standalone_mode=False) or 0
        finally:
            sys.stdout.flush()
    except click.ClickException as error:
        _print_click_error(error)
        code = WRONG_CALL
    except PreflightError as error:
        _print_error("\n".join((str(error), *getattr(error, "__notes__", ()))))
        code = terminal.error_code(error)
    except (KeyboardInterrupt, click.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        code = _CLOSED_PIPE
    except SystemExit as error:
        code = _CLOSED_PIPE if error.code else 0  # click's: 1 is a broken pipe, 0 the end of a completion
    except OSError as error:
        _print_error(str(error) if error.filename else f"Standard output cannot be written ({error.strerror}).")
        code = WRONG_CALL
    except Exception as error:  # noqa: BLE001 - a fault of preflight ends in a message too
        _print_error(f"Internal error. Please report it ({type(error).__name__}: {error}).")
        code = UNKNOWN
    return code


def _print_error(text: str) -> None:
    lines = "\n".join(map(printable, text.split("\n")))
    click.echo(terminal.error_lines(f"preflight: {lines}"), err=True)


def _print_click_error(error: click.ClickException) -> None:
    """Print click's message for a wrong call; for an unknown option that is a file, also how to name the file."""
    text = io.StringIO()
    error.show(text)
    click.echo(terminal.error_lines(text.getvalue().rstrip("\n")), err=True)
    if isinstance(error, click.NoSuchOption):
        file = next((word for word in sys.argv[1:] if word.startswith("-") and os.path.lexists(word)), None)
        if file is not None:
            click.echo(f"To name the file, write ./{printable(file)}", err=True)
