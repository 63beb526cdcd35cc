"""A folder of files, and one JPEG, beside exiftool, mediainfo and ffprobe: whole processes, start-up included."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.tools import ROOT, core_files, in_turn, installed, linked, preflight, row, seconds

RUNS = 7
RUNS_OF_PEERS = 2
RUNS_OF_ONE = 25
FIVE_TAGS = ["-FileType", "-ImageWidth", "-ImageHeight", "-Duration", "-VideoFrameRate"]
FFPROBE = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json"]


def main() -> None:
    files = core_files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "files")
        _folder(folder, linked(files, folder, len(files)))
    _one_jpeg(ROOT / "fixtures" / "accepted" / "picture.jpg")


def _folder(folder: Path, files: Sequence[Path]) -> None:
    where = str(folder)
    ours = in_turn(
        {
            "check": preflight("check", where, "--for", "atlas", "--format", "jsonl"),
            "probe": preflight("probe", where, "--format", "jsonl"),
        },
        RUNS,
    )
    print(f"\n{len(files)} files, one process each unless said otherwise")
    check, probe = ours["check"], ours["probe"]
    row("preflight check", check, check)
    row("preflight probe", probe, check)
    print(f"  {'check against probe':34}{'':14}{check / probe:5.2f} ×  (allowed: 1.30 ×)")
    peers: dict[str, Sequence[str]] = {
        "exiftool -json -r": ["exiftool", "-json", "-r", where],
        "exiftool -fast2, five tags": ["exiftool", "-json", "-fast2", "-r", *FIVE_TAGS, where],
        "mediainfo --Output=JSON": ["mediainfo", "--Output=JSON", where],
    }
    times = in_turn({name: words for name, words in peers.items() if installed(words[0])}, RUNS_OF_PEERS)
    for name in peers:
        row(name, times.get(name), check)
    once_each = sum(seconds([*FFPROBE, str(file)]) for file in files) if installed("ffprobe") else None
    row("ffprobe, a process a file", once_each, check)


def _one_jpeg(file: Path) -> None:
    words = ["check", str(file), "--for", "atlas", "--format", "jsonl"]
    print(f"\none JPEG, whole process ({' '.join(['preflight', 'check', 'x.jpg', *words[2:]])})")
    commands: dict[str, Sequence[str]] = {
        "preflight check": preflight(*words),
        "ffprobe": [*FFPROBE, str(file)],
        "exiftool -json": ["exiftool", "-json", str(file)],
        "mediainfo --Output=JSON": ["mediainfo", "--Output=JSON", str(file)],
        "an interpreter that does nothing": [sys.executable, "-c", "pass"],
    }
    times = in_turn({name: command for name, command in commands.items() if installed(command[0])}, RUNS_OF_ONE)
    for name in commands:
        row(name, times.get(name), times["preflight check"])


if __name__ == "__main__":
    main()
