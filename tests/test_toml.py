"""TOML from untrusted files is parsed or refused within bounds of size, nesting and time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from preflight import catalog, toml
from preflight.errors import RuleFileError
from preflight.rulecheck import validate_file
from tests.rows import each_row

MIB = 1 << 20
HEAD = 'title = "Mine"\nstage = "register"\nsource = "x"\nas_of = 2026-11-20\nbasis = "published"\n'


def repeated(unit: Callable[[int], str], size: int) -> str:
    parts: list[str] = []
    while size > 0:
        parts.append(unit(len(parts)))
        size -= len(parts[-1])
    return "".join(parts)


SHAPES: dict[str, Callable[[int], str]] = {
    "dotted key": lambda n: "a." * (n // 2 - 2) + "a=1",
    "dotted key with spaces": lambda n: "a . " * (n // 4 - 2) + "a=1",
    "dotted quoted key": lambda n: '"a".' * (n // 4 - 2) + "a=1",
    "dotted header": lambda n: "[" + "a." * (n // 2 - 2) + "a]",
    "dotted keys": lambda n: repeated(lambda i: f"k{i}.b.c.d.e.f.g.h=1\n", n),
    "dotted keys below a long header": lambda n: (
        "[a.b.c.d.e.f.g.h]\n" + repeated(lambda i: f"a.b.c.d.k{i}=1\n", n - 50)
    ),
    "headers that grow": lambda n: repeated(lambda i: "[" + ".".join("a" * (i + 1)) + "]\n", n),
    "headers": lambda n: repeated(lambda i: f"[t{i}.b.c.d.e.f.g.h]\n", n),
    "short headers": lambda n: repeated(lambda i: f"[t{i}]\n", n),
    "keys": lambda n: repeated(lambda i: f"k{i}=1\n", n),
    "inline tables in inline tables": lambda n: "a=" + "{a=" * (n // 4 - 2) + "1" + "}" * (n // 4 - 2),
    "inline tables": lambda n: repeated(lambda i: f"k{i}={{a={{b=1}}}}\n", n),
    "arrays in arrays": lambda n: "a=" + "[" * (n // 2 - 2) + "]" * (n // 2 - 2),
    "brackets without end": lambda n: "a=" + "[" * (n - 2),
    "brackets at the start": lambda n: "[" * n,
    "flat array": lambda n: "a=[" + "1," * (n // 2 - 3) + "]",
    "arrays of tables": lambda n: "[[a]]\n" * (n // 6),
    "nested arrays of tables": lambda n: repeated(lambda i: "[[a]]\n[a.b.c]\n", n),
    "string": lambda n: 'a="' + "x" * (n - 5) + '"',
    "escapes": lambda n: 'a="' + "\\u00e9" * (n // 6 - 2) + '"',
    "string of lines": lambda n: 'a="""' + "\\\n" * (n // 2 - 5) + '"""',
    "quotes in a string of lines": lambda n: 'a="""' + '""x' * (n // 3 - 4) + '"""',
    "string without end": lambda n: 'a="""' + "\n" * (n - 9),
    "comments": lambda n: "#x\n" * (n // 3),
    "integer": lambda n: "a=" + "1" * (n - 2),
    "hexadecimal integer": lambda n: "a=0x" + "f" * (n - 4),
    "integers of 4000 digits": lambda n: repeated(lambda i: f"k{i}={'9' * 4000}\n", n - 5000),
    "fraction of a second": lambda n: "a=2026-01-01T00:00:00." + "1" * (n - 30) + "Z",
    "dates": lambda n: "a=[" + "2026-01-01T00:00:00.123456789Z," * (n // 31 - 1) + "]",
    "bare key": lambda n: "a" * (n - 2) + "=1",
    "quoted key": lambda n: '"' + "a" * (n - 4) + '"=1',
    "zeros": lambda n: "\0" * n,
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [MIB // 4, MIB])
def test_hostile_text_is_parsed_or_refused_in_two_seconds(size: int) -> None:
    seconds = {}
    for shape, text in SHAPES.items():
        hostile = text(size)
        start = time.process_time()
        with suppress(toml.TomlError):
            toml.parse(hostile)
        seconds[shape] = time.process_time() - start
    assert {shape: took for shape, took in seconds.items() if took >= 2} == {}


@pytest.mark.parametrize(("size", "seconds"), [(MIB // 8, 0.5), pytest.param(MIB, 2, marks=pytest.mark.slow)])
def test_hostile_rule_file_is_refused_quickly(tmp_path: Path, size: int, seconds: float) -> None:
    """Some shapes are parsed when they are short, and refused for their number of keys when they are not."""
    path = tmp_path / "x.toml"
    for shape, text in SHAPES.items():
        path.write_text(text(size), encoding="utf-8")
        start = time.process_time()
        problems = validate_file(str(path))
        assert time.process_time() - start < seconds, shape
        assert problems, shape
        assert all(len(problem) < 1000 for problem in problems), shape


@pytest.mark.parametrize(
    "rules",
    [
        "[image]\n" + "".join(f"widht{i} = 1\n" for i in range(9000)),
        "[video]\nvideo_codec = { any_of = [" + ",".join(f'"h26{i}"' for i in range(19_000)) + "] }\n",
        "[image]\nwidth = { any_of = [%s], lenient = { any_of = [%s] } }\n" % ((",".join(map(str, range(9000))),) * 2),
        "[image]\nsize = { max = '" + "9" * 900_000 + " MB' }\n",
        "[image]\nwidth = { min = 0x" + "f" * 990 + " }\n",
        'extends = "' + "a/" * 400_000 + 'x.toml"\n',
        pytest.param('extends = "' + "a" * 900_000 + '"\n', marks=pytest.mark.slow),
    ],
    ids=["unknown keys", "unknown words", "lenient choices", "amount", "integer", "extended path", "extended name"],
)
def test_rule_file_of_many_problems_is_validated_in_two_seconds(tmp_path: Path, rules: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(rules if rules.startswith("extends") else HEAD + rules, encoding="utf-8")
    start = time.process_time()
    problems = validate_file(str(path))
    assert time.process_time() - start < 2
    assert len(problems) <= 21
    assert all(len(problem) < 1000 for problem in problems)


@each_row(
    ("text", "problem"),
    [
        ("a." * 16 + "a = 1", "A key has more than 16 parts. Use fewer."),
        ('["a"' + ".'b'" * 16 + "]", "A key has more than 16 parts. Use fewer."),
        ("a = " + "[" * 17 + "]" * 17, "Arrays and tables are nested more than 16 deep. Flatten them."),
        ("a = " + "{a=" * 17 + "1" + "}" * 17, "Arrays and tables are nested more than 16 deep. Flatten them."),
        ("a = " + "9" * 1001, "A bare key or number has more than 1,000 characters. Shorten it."),
        ("a = 1\n" * 50_001, "The file has more than 100,000 keys and values. Split it."),
    ],
)
def test_exceeded_bound_is_named(text: str, problem: str) -> None:
    with pytest.raises(toml.TomlError) as caught:
        toml.parse(f"# a comment\n{text}")
    assert str(caught.value) == problem
    assert caught.value.line is not None


@each_row(
    "text",
    [
        "a." * 15 + "a = 1",
        "a = " + "[" * 16 + "]" * 16,
        'a = "' + "[{" * 500 + '"',
        "a = '" + "[{." * 500 + "'",
        'a = """' + "\n[{ ''' '' # " * 500 + '\\""""""',
        "a = '''" + '\n[{ """ "" # \\' * 500 + "'''''",
        "# " + "[" * 500 + '\na = 1  # \'""" [[[[[',
        "a = \"\"\nb = ''\nc = \"\"\"\"\"\"\nd = ''''''\ne = [[\"]\"], ['[']]",
        'a = "\\"["\nb = "\\\\"\nc = [ "#", # ]\n]',
        '"a.b"."c\\"." = { "" = 1.5, d.e = [1_000.25e-7, 1979-05-27T07:32:00.999-07:00] }',
    ],
)
def test_bounds_do_not_apply_inside_strings_and_comments(text: str) -> None:
    assert toml.parse(text) == tomllib.loads(text)


def test_built_in_rule_files_are_within_the_bounds() -> None:
    for name in catalog.names():
        path = os.path.join(catalog.folder(), f"{name}.toml")
        assert toml.parse(toml.decode(toml.read(path)))["as_of"]


class TestPaths:
    """A path is opened without waiting and read only if it is a regular file."""

    def problem(self, path: object) -> str:
        with pytest.raises(toml.TomlError) as caught:
            toml.read(str(path))
        return str(caught.value)

    def test_fifo_is_refused_at_once(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.toml")
        assert self.problem(tmp_path / "a.toml") == "Cannot be read: Not a regular file."

    def test_socket_and_device_and_folder_are_refused(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "s.toml"))
            assert self.problem(tmp_path / "s.toml").startswith("Cannot be read: ")
        assert self.problem("/dev/zero") == "Cannot be read: Not a regular file."
        assert self.problem(tmp_path) == "Cannot be read: Is a directory."
        assert self.problem("a\0b").startswith("Cannot be read: ")
        assert self.problem("a" * 5000).startswith("Cannot be read: ")

    def test_file_of_one_mebibyte_is_the_largest(self, tmp_path: Path) -> None:
        path = tmp_path / "a.toml"
        path.write_bytes(b"#" * MIB)
        assert len(toml.read(str(path))) == MIB
        path.write_bytes(b"#" * (MIB + 1))
        assert self.problem(path) == "The file is larger than 1 MiB. Give a smaller one."

    def test_file_that_grows_while_it_is_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.toml"
        path.write_bytes(b"#")
        script = f"f = open({str(path)!r}, 'ab', buffering=0)\nwhile f.tell() < 64 << 20: f.write(b'#' * (1 << 20))"
        with subprocess.Popen([sys.executable, "-c", script]) as writer:
            while writer.poll() is None and path.stat().st_size <= MIB:
                time.sleep(0.001)
            assert self.problem(path) == "The file is larger than 1 MiB. Give a smaller one."
            writer.kill()

    def test_extends_refuses_fifos_and_devices(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.toml")
        (tmp_path / "zero.toml").symlink_to("/dev/zero")
        for name in ("pipe.toml", "zero.toml"):
            mine = tmp_path / "mine.toml"
            mine.write_text(f'extends = "{name}"\n')
            with pytest.raises(RuleFileError, match=rf"{name}: Cannot be read: Not a regular file\."):
                catalog.load(str(mine))


class TestChains:
    def chain(self, folder: Path, length: int, last: str) -> str:
        for number in range(length):
            name = f"{number + 1}.toml" if number < length - 1 else last
            (folder / f"{number}.toml").write_text(f'extends = "{name}"\n')
        return str(folder / "0.toml")

    def test_chain_of_sixteen_files_is_followed(self, tmp_path: Path) -> None:
        assert catalog.load(self.chain(tmp_path, 16, "atlas")).service == "Atlas Cloud"

    def test_longer_chain_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RuleFileError, match=r"15\.toml:1: A chain of extends has more than 16 files"):
            catalog.load(self.chain(tmp_path, 400, "atlas"))

    def test_circular_extends_through_a_link_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "link.toml").symlink_to("0.toml")
        with pytest.raises(RuleFileError, match="Circular extends"):
            catalog.load(self.chain(tmp_path, 3, "link.toml"))
