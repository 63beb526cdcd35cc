"""What the documentation shows, taken out of it and run: blocks of Markdown, and commands as a shell runs them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import certifi

from preflight.sandbox import Sandbox
from tests import rehearsal
from tests.conftest import ROOT, Run

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_CODE = re.compile(r"exit code (\d+)")
_SITE = "https://cdn.example.com"
_OF_BASH = re.compile(r"[<>|*?;&$]|^(?!(?:\w+=\S* )*(?:preflight|export)\b)", re.MULTILINE)
"""What only a shell understands, and lines that begin with another command."""


class Block(NamedTuple):
    """One fenced block. `file`: the name in its first line, where it is a comment with one."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found else None

    @property
    def exit_code(self) -> int:
        """What the block says that it ends with; 0 where it says nothing."""
        found = _CODE.search(self.text)
        return int(found[1]) if found else 0


def sections(text: str, level: str) -> dict[str, str]:
    """The text below each heading of a level, by heading."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(text: str) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(text)]


class Desk:
    """A folder with the files that the documentation speaks of, in which its commands run.

    run  forks what needs neither a shell nor an interpreter of its own, so that it starts at once
    """

    def __init__(self, folder: Path, run: Run | None = None) -> None:
        self.folder = folder
        self._run_forked = run
        accepted, refused = ROOT / "fixtures/accepted", ROOT / "fixtures/refused"
        (folder / "media").mkdir()
        (folder / "fixtures").symlink_to(ROOT / "fixtures")
        for name, source in {
            "photo.jpg": accepted / "picture.jpg",
            "clip.mp4": accepted / "clip.mp4",
            "sound.wav": accepted / "sound.wav",
            "a.png": accepted / "picture.png",
            "b.mp4": accepted / "clip.mp4",
            "media/photo.jpg": accepted / "picture.jpg",
            "media/clip.mp4": accepted / "clip.mp4",
            "media/narrow.png": refused / "png-too-narrow.png",
        }.items():
            shutil.copy(source, folder / name)
        (folder / "urls.txt").write_text("photo.jpg\nclip.mp4\n")  # the tests have no network
        (folder / "mine.toml").write_text(
            'extends = "atlas"\ntitle = "Mine: pictures"\nstage = "register"\nsource = "https://example.com"\n'
            'as_of = 2026-11-20\nbasis = "published"\n'
        )
        programs = folder / ".programs"
        programs.mkdir()
        for name, words in {"preflight": "-m preflight", "pytest": "-m pytest", "python3": ""}.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            program.chmod(0o755)
        # Plugins of the tests that a reader need not have, and that take longer to import than pytest.
        plugins = "-p no:hypothesispytest -p no:anyio -p no:xdist"
        path = f"{programs}:{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "PYTHONPATH": "", "PYTEST_ADDOPTS": plugins}

    def shell(self, text: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run lines as bash does, until one fails."""
        plain = re.sub(r"""'[^']*'|"[^"$]*"|(?:^|\s+)#.*|\\\n""", " ", text, flags=re.MULTILINE).strip()
        if self._run_forked is None or options or any(map(_OF_BASH.search, plain.splitlines())):
            return self._run(["bash", "-euo", "pipefail", "-c", text], options)
        done = subprocess.CompletedProcess[str]([], 0, "", "")
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            count = next((at for at, word in enumerate(words) if not re.match(r"\w+=", word)), len(words))
            settings = dict(word.split("=", 1) for word in words[:count])
            if words[:1] == ["export"]:
                self._environment |= dict(word.split("=", 1) for word in words[1:])
            elif words and done.returncode == 0:
                done = self._fork(words[count:], settings)
        return done

    def python(self, text: str) -> subprocess.CompletedProcess[str]:
        if self._run_forked is None or "concurrent.futures" in text:
            return self._run([sys.executable, "-W", "error", "-c", text], {})
        return self._fork(["python", text], {})

    def _fork(self, words: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        assert self._run_forked is not None
        env = {**self._environment, **settings}
        return self._run_forked(*words, cwd=self.folder, env=env, main=rehearsal.__name__)

    def write(self, block: Block) -> None:
        """Put a block that names a file there."""
        assert block.file
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def _run(self, words: list[str], options: dict[str, object]) -> subprocess.CompletedProcess[str]:
        settings = {"cwd": self.folder, "env": self._environment, "capture_output": True, "text": True, "timeout": 120}
        return subprocess.run(words, **{**settings, **options})  # type: ignore[call-overload, no-any-return]


class Rehearsal(Desk):
    """A desk whose commands and programs meet a sandbox in place of every provider, and serve the desk's files.

    The folder is served as https://cdn.example.com.
    """

    def __init__(self, folder: Path, box: Sandbox, run: Run, site: str) -> None:
        super().__init__(folder, run)
        self.box = box
        self._site = site
        shutil.copy(certifi.where(), folder / "company.pem")
        self._environment |= {"XDG_DATA_HOME": str(folder / ".data"), rehearsal.ORIGIN: box.origin}
        for provider in box.providers:
            self._environment |= box.environment(provider)

    def module(self, *words: str) -> subprocess.Popen[str]:
        """Start `python -m WORD…` as a process of its own."""
        command = [sys.executable, "-m", rehearsal.__name__, "module", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environment = {**self._environment, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **pipes)  # type: ignore[call-overload, no-any-return]

    def _fork(self, words: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        done = super()._fork([word.replace(_SITE, self._site) for word in words], settings)
        done.stdout, done.stderr = (text.replace(self._site, _SITE) for text in (done.stdout, done.stderr))
        return done


@contextmanager
def rehearsing(folder: Path, run: Run) -> Iterator[Rehearsal]:
    """A desk in an empty folder, with a sandbox and a web server."""

    class Handler(SimpleHTTPRequestHandler):
        disable_nagle_algorithm = True

        def end_headers(self) -> None:
            path = self.translate_path(self.path)
            if os.path.isfile(path):
                self.send_header("ETag", f'"{os.stat(path).st_mtime_ns}"')
            super().end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    site = f"http://127.0.0.1:{server.server_port}"
    try:
        with Sandbox(trusted=[site]) as box:
            yield Rehearsal(folder, box, run, site)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def follow(block: Block, desk: Desk) -> None:
    """Run a block of the documentation and compare what it shows, or write its file."""
    if block.file:
        desk.write(block)
    elif block.language == "console":
        for command, shown in transcript(block.text):
            done = desk.shell(command)
            assert matches(shown, done.stdout + done.stderr), f"$ {command}\n{done.stdout}{done.stderr}"
    elif block.language in ("sh", "python"):
        done = (desk.shell if block.language == "sh" else desk.python)(block.text)
        assert done.returncode == block.exit_code, f"{block.text}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
    else:
        assert block.language == "text", f"no runner for a block of {block.language!r}"


def transcript(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    parts = re.split(r"^\$ (.+)\n", text, flags=re.MULTILINE)
    assert not parts[0], f"a console block begins with a command: {parts[0]}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def matches(shown: str, printed: str) -> bool:
    """Whether what is shown is what is printed: … stands for anything in a line, alone in a line for any lines."""
    pattern = re.escape(shown)
    pattern = re.sub(r"^…(\\\n|\Z)", r"(?:.*\\n)*?", pattern, flags=re.MULTILINE)
    return re.fullmatch(pattern.replace("…", ".*"), printed) is not None
