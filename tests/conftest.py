"""What every test shares: a clean environment, the project's folders, the command as a process."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis
from hypothesis.configuration import set_hypothesis_home_dir

from tests.forks import Forks
from tests.temporary import pytest_configure as pytest_configure
from tests.temporary import pytest_sessionfinish as pytest_sessionfinish

if TYPE_CHECKING:
    from preflight.sandbox import Sandbox

pytest_plugins = ["tests.collection"]

ROOT = Path(__file__).parent.parent

# Hundreds of processes import the same modules, and each worker the same tests: they are compiled once.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts what runs in its background deaf to Ctrl-C, and so would be every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is slow is asserted in seconds of the processor; the clock on the wall says how busy a machine is. The usual
# profile has the same examples in each run; `--hypothesis-profile=random` draws more and others, as `tox -e slow` does.
set_hypothesis_home_dir(ROOT / ".pytest_cache/hypothesis")
hypothesis.register_profile("fixed", deadline=None, derandomize=True, max_examples=50)
hypothesis.register_profile("random", deadline=None, max_examples=500, print_blob=True)
hypothesis.load_profile("fixed")

Run = Callable[..., subprocess.CompletedProcess[str]]
OnTerminal = Callable[..., tuple[str, str]]


def many_files(folder: Path, count: int) -> Path:
    """A folder of so many files that fail: one that is copied, since a fixture may be elsewhere, and its hard links."""
    first = folder / "00000.png"
    shutil.copy(ROOT / "fixtures/refused/png-too-narrow.png", first)
    for number in range(1, count):
        os.link(first, folder / f"{number:05}.png")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: two workers for each processor, for half of the time a test waits for a server, a clock or a browser.

    Each keeps to its own modules for as long as it has some: a module's server or browser is started once.
    """
    if config.option.dist == "no":
        config.option.dist = "worksteal"
    return 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"hypothesis profile: {hypothesis.get_current_profile_name()}")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no colour wish and no key of the machine reaches a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("NO_COLOR", "FORCE_COLOR") or name.endswith("KEY"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Docstring examples name fixtures from the project's folder."""
    import preflight

    doctest_namespace["preflight"] = preflight
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return ROOT / "fixtures"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the corpus, from PREFLIGHT_CORPUS; tests that need it skip without."""
    folder = os.environ.get("PREFLIGHT_CORPUS")
    if not folder:
        pytest.skip("PREFLIGHT_CORPUS names no corpus")
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def _box() -> Iterator[Sandbox]:
    from preflight.sandbox import Sandbox

    with Sandbox() as box:
        yield box


@pytest.fixture
def box(_box: Sandbox) -> Sandbox:
    """The sandbox: one a module, well-behaved again before each test."""
    _box.faults.clear()
    return _box


@pytest.fixture(scope="session")
def _forks() -> Iterator[Forks]:
    with closing(Forks()) as forks:
        yield forks


@pytest.fixture
def run(_forks: Forks) -> Run:
    """The `preflight` command as a process: `run("check", "x.png", "--for", "atlas", input=…, cwd=…)`.

    Options are those of `subprocess.run`; with others than these five the process is started instead of forked.
    main: the module whose `main` is the command.
    """

    def call(
        *words: str | Path,
        cwd: str | Path = ROOT,
        env: Mapping[str, str] | None = None,
        input: str | bytes = b"",  # noqa: A002
        text: bool = True,
        timeout: float = 60,
        main: str = "preflight.__main__",
        **options: Any,
    ) -> subprocess.CompletedProcess[Any]:
        command = list(map(str, words))
        settings: dict[str, Any] = {"cwd": cwd, "env": os.environ if env is None else env, "timeout": timeout}
        if options:
            settings |= {"capture_output": True, "text": text, **options}
            return subprocess.run([sys.executable, "-m", "preflight", *command], **settings)
        data = input.encode() if isinstance(input, str) else input
        code, *printed = _forks.run(command, data=data, main=main, **settings)
        return subprocess.CompletedProcess(command, code, *(each.decode() if text else each for each in printed))

    return call


@pytest.fixture
def on_terminal(_forks: Forks) -> OnTerminal:
    """What a command shows on a terminal, and its standard output if that is a pipe (`shared=False`).

    columns: of the terminal. Other options are variables of the environment.
    """

    def call(*words: str | Path, columns: int = 80, shared: bool = True, **environment: str) -> tuple[str, str]:
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        env |= {"TERM": "xterm", **environment}
        leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (24, columns))
        with ThreadPoolExecutor(1) as reader, os.fdopen(leader, "rb", buffering=0) as screen:
            shown = reader.submit(_read_screen, screen)
            try:
                terminals = {2: follower, **({1: follower} if shared else {})}
                _, printed, _ = _forks.run([*map(str, words)], cwd=ROOT, env=env, terminals=terminals)
            finally:
                os.close(follower)
            return shown.result().decode().replace("\r\n", "\n"), printed.decode()

    return call


def _read_screen(screen: IO[bytes]) -> bytes:
    """Return what is written to a terminal until nobody has it open."""
    shown = b""
    with suppress(OSError):  # Linux: nobody has it open
        while piece := screen.read(1 << 16):
            shown += piece
    return shown
