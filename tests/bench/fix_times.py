"""The whole command `preflight fix` beside the bare call of ffmpeg that its plan prints; the proof is apart.

Of calls of 5 s or more, at most 1.15 times their time is allowed; of shorter ones, half a second more.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import preflight
from tests.bench.tools import installed
from tests.bench.tools import preflight as preflight_command

RUNS = 3
LONG = 5.0
MAX_RATIO = 1.15
MAX_EXTRA = 0.5

VIDEOS = (
    ("1080p.mp4", "atlas", "testsrc2=s=1920x1080:r=30:d=30", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ("mpeg4.avi", "tiktok", "testsrc2=s=1280x720:r=30:d=30", "-c:v mpeg4 -q:v 4"),
    ("hevc.mov", "whatsapp", "testsrc2=s=640x360:r=30:d=4", "-c:v libx265 -preset ultrafast -tag:v hvc1"),
    (
        "index.mp4",
        "instagram-reels",
        "testsrc2=s=720x1280:r=30:d=30",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    ),
    (
        "minute.mp4",
        "instagram-story",
        "testsrc2=s=360x640:r=24:d=61",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    ),
)
"""Name, rule set, picture and coding of the videos that are fixed; each has a tone."""


class Times(NamedTuple):
    """Seconds of the bare call of ffmpeg, of the whole command without its proof, and of the proof."""

    bare: float
    command: float
    proof: float

    @property
    def is_allowed(self) -> bool:
        extra = self.command - self.bare
        return self.command <= self.bare * MAX_RATIO if self.bare >= LONG else extra <= MAX_EXTRA


def times_of(source: Path, rules: str, runs: int = 1) -> Times | None:
    """Return the least times of several runs in turn; None if the plan is not one call of ffmpeg."""
    command = preflight.plan(str(source), rules).command
    if not command or command[0] != "ffmpeg":
        return None
    taken = []
    with tempfile.TemporaryDirectory() as name:
        bare = ["ffmpeg", "-nostdin", "-v", "error", "-y", *command[1:-1], str(Path(name, Path(command[-1]).name))]
        fix = preflight_command(
            "fix", str(source), "--for", rules, "--format", "jsonl", "--no-config", "-o", f"{name}/fixed/"
        )
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run(bare, check=True, capture_output=True)
            between = time.perf_counter()
            done = subprocess.run(fix, check=True, capture_output=True)
            end = time.perf_counter()
            proof = json.loads(done.stdout.split(b"\n")[0])["proof_seconds"]
            taken.append(Times(between - start, end - between - proof, proof))
            shutil.rmtree(Path(name, "fixed"))
    return Times(*(min(times) for times in zip(*taken, strict=True)))


def main() -> None:
    if not installed("ffmpeg"):
        print("\nfix: ffmpeg is not installed")
        return
    print(f"\npreflight fix, whole process{'ffmpeg':>20}{'fix':>10}{'proof':>10}{'ratio':>10}")
    with tempfile.TemporaryDirectory() as name:
        for video, rules, picture, coding in VIDEOS:
            source = Path(name, video)
            tone = ["-f", "lavfi", "-i", "sine=440:r=48000", "-shortest"]
            words = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, *tone, *coding.split(), str(source)]
            subprocess.run(words, check=True, capture_output=True)
            times = times_of(source, rules, RUNS)
            assert times is not None
            print(
                f"  {video + ' for ' + rules:34}{times.bare:10.2f} s{times.command:8.2f} s{times.proof:8.2f} s"
                f"{times.command / times.bare:8.2f} ×{'' if times.is_allowed else '  (too slow)'}"
            )


if __name__ == "__main__":
    main()
