"""What the documentation shows, taken out of it and run: blocks of Markdown, and commands as a shell runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_CODE = re.compile(r"exit code (\d+)")


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
    """A folder with the files that the documentation speaks of, in which its commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        return self._run(["bash", "-euo", "pipefail", "-c", text], options)

    def python(self, text: str) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-W", "error", "-c", text], {})

    def write(self, block: Block) -> None:
        """Put a block that names a file there."""
        assert block.file
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def _run(self, words: list[str], options: dict[str, object]) -> subprocess.CompletedProcess[str]:
        settings = {"cwd": self.folder, "env": self._environment, "capture_output": True, "text": True, "timeout": 120}
        return subprocess.run(words, **{**settings, **options})  # type: ignore[call-overload, no-any-return]


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
