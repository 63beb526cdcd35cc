"""Help, errors and color on terminals of any width, and standard output."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Final

import click

from preflight import errors
from preflight.escape import printable
from preflight.report import Rejected
from preflight.summary import FAILED, UNKNOWN, WRONG_CALL

EXIT_CODES: Final = """
Exit code:
  0    everything passes; warnings and notes fail only with --strict
  1    something fails, even if something else is unknown
  2    the call is wrong: an option, a rule set, the configuration, an output that cannot be written
  3    nothing fails, but something is unknown or unreachable; --unknown makes it 1 or 0
  130  interrupted by Ctrl-C
  141  the reader of the output has closed it (| head)
"""
"""Exit codes of `check`, and of the program."""

READ_CODES: Final = """
Exit code:
  0    every TARGET was read
  2    the call is wrong
  3    a TARGET could not be read
  130  interrupted by Ctrl-C
"""

CALL_CODES: Final = """
Exit code:
  0    done
  2    a rule file or the call is wrong; the message says what to write instead
"""
"""Exit codes of commands that do not judge media."""

FIX_CODES: Final = """
Exit code:
  0    every file passes or was fixed; with --dry-run: or can be fixed
  1    a file could not be fixed, even if something else is unknown
  2    the call is wrong
  3    no file failed, but something is unknown or unreachable
  130  interrupted by Ctrl-C or SIGTERM; run the same command to continue
"""

SUBMIT_CODES: Final = """
Exit code:
  0    every file is registered, and active unless --no-wait
  1    a file was rejected or failed
  2    the call is wrong
  3    nothing failed, but an outcome is unknown or still open
  130  interrupted by Ctrl-C; run the same command to continue
"""

SANDBOX_CODES: Final = """
Exit code:
  0    ended by SIGTERM
  2    the call is wrong, or the port is in use
  130  ended by Ctrl-C
"""

ASSETS_CODES: Final = """
Exit code:
  0    done
  1    an asset failed, a person was not verified, or the provider refused a call
  2    the call is wrong
  3    nothing failed, but something is still open or unknown, or the provider is unreachable
  130  interrupted by Ctrl-C; nothing is lost
"""

MIN_WIDTH: Final = 20
NARROW_WIDTH: Final = 72
"""Columns of text below which each option is on a separate line."""
NARROW_NAME_COLUMNS: Final = 14
"""Columns of the names of options and commands in narrow help."""

_ENTRY: Final = re.compile(r"(\s*\S+\s{2,})\S")
_COMMAND: Final = re.compile(r"\s+preflight ")


def wrapped(text: str, width: int, indent: str = "", hanging: str = "") -> str:
    """Return a paragraph in lines of at most `width`; a longer word is on a separate line."""
    from textwrap import TextWrapper  # only help and errors are wrapped

    wrapper = TextWrapper(
        max(width, MIN_WIDTH),
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.fill(" ".join(text.split(" ")))


class Formatter(click.HelpFormatter):
    """A help formatter like click's that also supports fewer than 50 columns and breaks no words."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        if width is None:
            import shutil  # loads compression modules, which a check does not need

            width = max(MIN_WIDTH, min(shutil.get_terminal_size().columns, max_width or 80) - 2)
        super().__init__(indent_increment, width, max_width)

    def write_text(self, text: str) -> None:
        """Write paragraphs; those with indented lines, which are lists or examples, line by line."""
        indent = " " * self.current_indent
        width = self.width
        paragraphs = []
        for paragraph in re.split(r"\n\s*\n", text):
            lines = paragraph.strip("\n").split("\n")
            if any(line.startswith("  ") for line in lines):
                paragraphs.append("\n".join(_wrapped_line(f"{indent}{line}", width) for line in lines))
            else:
                paragraphs.append(wrapped(" ".join(line.strip() for line in lines), width, indent, indent))
        self.write("\n\n".join(paragraphs) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names and their descriptions."""
        rows = list(rows)
        names = [name for name, _ in rows]
        column = (
            min(max(map(len, names), default=0), NARROW_NAME_COLUMNS if self.width < NARROW_WIDTH else col_max)
            + col_spacing
        )
        start = self.current_indent + column
        for name, description in rows:
            head = "\n".join(_choices(name, self.width - self.current_indent - 4))
            indent = " " * self.current_indent
            self.write(indent + head.replace("\n", f"\n{indent}    "))
            if description:
                text = wrapped(description, self.width, " " * start, " " * start)
                fits = "\n" not in head and len(name) <= column - col_spacing
                self.write(text[self.current_indent + len(name) :] if fits else f"\n{text}")
            self.write("\n")


class CommandContext(click.Context):
    """A context whose help is written by `Formatter`, and whose errors name options instead of parameters."""

    formatter_class = Formatter

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        if isinstance(exc_value, errors.PreflightError):
            exc_value.args = (message_with_options(exc_value, self.command),)
            exc_value.parameters = ()
        return super().__exit__(exc_type, exc_value, tb)


def message_with_options(error: errors.PreflightError, command: click.Command) -> str:
    """Return the message of an error with options of a command in place of the parameters that it names.

    `public_base='/x'` becomes `--public-base '/x'`, `retry_failed=True` becomes `--retry-failed`, and
    `name=` becomes `NAME` if it is an argument. A parameter that the command does not have is left as it is.
    """
    given = {str(param.name).rstrip("_"): param for param in command.params}
    message = str(error)
    for name in error.parameters:
        param = given.get(name)
        if isinstance(param, click.Option):
            message = _with_option(message, name, param)
        elif param is not None:
            message = re.sub(rf"(?<![\w.-]){name}=", param.human_readable_name, message)
    return message


def _with_option(message: str, name: str, option: click.Option) -> str:
    spelling = max(option.opts, key=len)
    token = rf"(?<![\w.-]){name}="
    if option.is_flag:
        message = re.sub(rf"{token}True\b", spelling, message)
        message = re.sub(rf"{token}False\b", max(option.secondary_opts, key=len, default=spelling), message)
    message = re.sub(rf"{token}(?=[).,:;`'\"]*(?:\s|$))", spelling, message)
    return re.sub(token, f"{spelling} ", message)


def error_code(error: errors.PreflightError) -> int:
    """Return the exit code of a command that ends with an error."""
    if isinstance(error, errors.UsageError | errors.OutputError | errors.LedgerError):
        return WRONG_CALL
    refusals = (errors.AccountRefused, errors.AssetNotFound, errors.RequestRefused, Rejected)
    return FAILED if isinstance(error, refusals) else UNKNOWN


class Subcommands(click.Group):
    """A group whose error for an unknown command suggests the closest one, or lists all."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; suggest another one if none has this name."""
        name = args[0]
        names = self.list_commands(ctx)
        if name not in names and not name.startswith("-"):
            ctx.fail(f"Unknown command {printable(repr(name))}. {self.suggestion(name, names)}")
        return super().resolve_command(ctx, args)

    def suggestion(self, name: str, names: list[str]) -> str:
        """Return what to write instead of a command that does not exist."""
        return errors.suggestion(name, names)


def with_narrow_help(command: click.Command) -> click.Command:
    """Return a command whose help, and that of its subcommands, is written by `Formatter`."""
    command.context_class = CommandContext
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            with_narrow_help(subcommand)
    return command


def _wrapped_line(line: str, width: int) -> str:
    """Return one line, wrapped if it is too long: aligned below its text, a command with backslashes."""
    if len(line) <= width:
        return line
    entry = _ENTRY.match(line)
    indent = len(line) - len(line.lstrip())
    hanging = len(entry[1]) if entry is not None and len(entry[1]) <= width // 2 else indent + 4
    text = wrapped(line.strip(), width - 2, " " * indent, " " * hanging)
    if entry is not None:
        text = entry[1] + wrapped(line[len(entry[1]) :], width, " " * len(entry[1]), " " * hanging).lstrip()
    return text.replace("\n", " \\\n") if _COMMAND.match(line) and "#" not in line else text


def _choices(name: str, width: int) -> Iterator[str]:
    """Yield an option in parts that fit, divided between its choices."""
    part = ""
    for piece in re.split(r"(?<=\|)", name):
        if part and len(part) + len(piece) > width:
            yield part
            part = ""
        part += piece
    yield part


def error_lines(text: str) -> str:
    """Return the lines of an error: wrapped if standard error is a terminal, unchanged otherwise."""
    if not sys.stderr.isatty():
        return text
    import shutil

    width = shutil.get_terminal_size().columns
    return "\n".join(line if len(line) <= width else wrapped(line, width) for line in text.split("\n"))


def stacked_rows(rows: Iterable[tuple[str, Iterable[str]]], width: int) -> Iterator[str]:
    """Yield lines that replace a table that is too wide: the head of each row, then its cells."""
    for head, cells in rows:
        yield wrapped(head, width, "", "  ")
        for cell in cells:
            yield wrapped(cell, width, "  ", "    ")


@contextmanager
def standard_output() -> Iterator[IO[str]]:
    """Prepare standard output for results, and flush it."""
    if hasattr(sys.stdout, "reconfigure"):
        # The writer flushes: on a terminal an incomplete line would displace the progress line.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=False)
    yield sys.stdout
    sys.stdout.flush()


_COLOR_KEY: Final = "preflight.color"


def _keep_color(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[_COLOR_KEY] = value


color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    expose_value=False,
    callback=_keep_color,
    help="Color the output; `always` includes files. `auto` checks NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, then "
    "CLICOLOR=0, TERM=dumb and whether the output is a terminal.  [default: auto]",
)


def is_always() -> bool:
    """Return whether `--color always` was given, which colors files too."""
    return _color() == "always"


def use_color(stream: IO[str]) -> bool:
    """Return whether a stream is to be colored (https://no-color.org, https://force-color.org)."""
    color = _color()
    if color != "auto":
        return color == "always"
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    if stream is sys.stdout and (_is_on("FORCE_COLOR") or _is_on("CLICOLOR_FORCE")):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb" and environment.get("CLICOLOR") != "0"


def _color() -> str:
    context = click.get_current_context(silent=True)
    color: str = context.meta.get(_COLOR_KEY, "auto") if context is not None else "auto"
    return color


def _is_on(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")
