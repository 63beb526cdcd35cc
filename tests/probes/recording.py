"""Facts of edited fixtures, recorded: `python tests/probes/recording.py` writes them anew.

An edit changes a byte, a number or a length of a file, as damage and other tools do. Of many edits those are kept whose
facts no other edit of the fixture has. What is recorded of each is a digest of the facts and of how much was read for
them, as from a disk and as over HTTP: `python tests/probes/recording.py quirks/gif-loop.gif 7` prints both for edit 7.
"""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from pathlib import Path
from random import Random

from preflight.errors import SourceError
from preflight.probes import probe
from preflight.sources.memory import MemorySource

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORD = Path(__file__).with_name("recorded_facts.txt")
EDITS = 300
SWEPT = 512
KEPT = 40
HEAD = 2048
WORDS = """kind format mime size width height stored_width stored_height rotation orientation pixel_aspect_ratio
aspect_ratio pixels frames duration fps variable_fps video_codec audio_codec sample_rate channels bit_rate has_alpha
encrypted streamable notes"""
FACTS = frozenset(WORDS.split())
"""The facts that are recorded."""
NUMBERS = (0, 1, 2, 3, 7, 8, 9, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class CountedReads(MemorySource):
    """Bytes in memory that count what is read behind the head, which is always fetched as a whole."""

    def __init__(self, data: bytes, remote: bool) -> None:
        super().__init__(data)
        self.requests = int(remote)
        self.remote = remote
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        if offset + length > HEAD:
            self.reads.append((offset, length))
        return super().read_at(offset, length)


def fixtures() -> list[str]:
    return sorted(
        path.relative_to(FIXTURES).as_posix()
        for folder in ("accepted", "refused", "quirks")
        for path in (FIXTURES / folder).iterdir()
    )


@cache
def _original(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def edited(name: str, number: int) -> bytes:
    """Return the bytes of a fixture with the edit of this number, which is always the same; 0: without any.

    From `EDITS` on one byte is changed: the first ones of the file in turn, then others.
    """
    original = _original(name)
    if number < EDITS:
        return _edited(Random(f"{name} {number}"), original) if number else original
    at = number - EDITS
    at = at if at < SWEPT // 2 else Random(f"{name} {number}").randrange(len(original) or 1)
    return original[:at] + bytes(byte ^ 0x55 for byte in original[at : at + 1]) + original[at + 1 :]


def _edited(random: Random, original: bytes) -> bytes:
    data = bytearray(original)
    for _ in range(random.choice((1, 1, 1, 2))):
        at = _place(random, len(data))
        width = random.choice((1, 2, 4))
        match random.randrange(10):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + random.choice((1, 2, 4, 8))]
            case 2:
                data[at:at] = bytes(random.choice((1, 2, 4, 8)))
            case 3 | 4:
                number = random.choice((*NUMBERS, len(data) - at, len(data)))
                data[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, random.choice(("big", "little")))
            case 5 | 6:
                data[at : at + 1] = bytes((byte ^ 1 << random.randrange(8)) for byte in data[at : at + 1])
            case _:
                step = random.choice((-2, -1, 1, 2))
                data[at : at + 1] = bytes((byte + step) % 256 for byte in data[at : at + 1])
    return bytes(data)


def _place(random: Random, size: int) -> int:
    """Return an offset: often in the head, where most headers are, and sometimes near the end."""
    reach = min(size, random.choice((16, 64, 256, 1024, size)))
    return random.choice((0, 0, 0, 0, size - reach)) + random.randrange(max(1, reach))


def facts(data: bytes, remote: bool) -> tuple[str, str]:
    """Return the facts of a file in words, and how much was read for them."""
    source = CountedReads(data, remote)
    try:
        media = probe(source)
    except SourceError as error:
        return error.code, ""
    known = [
        f"{name}={_shown(value)}" for name, value in media.facts().items() if name in FACTS and value not in (None, [])
    ]
    return " ".join(known), f"reads={len(source.reads)} bytes={sum(length for _, length in source.reads)}"


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def outcome(data: bytes) -> str:
    """Return the facts of a file as from a disk and, where more than its head was read, as over HTTP."""
    local = " ".join(facts(data, remote=False))
    return local if local.endswith("reads=0 bytes=0") else "\n".join((local, *facts(data, remote=True)))


def digest(name: str, number: int) -> str:
    return hashlib.sha256(outcome(edited(name, number)).encode()).hexdigest()[:4]


@cache
def recorded() -> dict[str, dict[int, str]]:
    """Return by fixture the numbers of its edits and their digests."""
    record = {}
    for line in RECORD.read_text(encoding="utf-8").splitlines():
        name, *entries = line.split()
        pairs = (entry.split(":") for entry in entries)
        record[name] = {int(number): digest for number, digest in pairs}
    return record


def chosen(name: str) -> list[int]:
    """Return the edits whose facts differ from those of the edits before, the size set aside."""
    kept, seen = [], set()
    for numbers in (range(EDITS), range(EDITS, EDITS + SWEPT)):
        new = []
        for number in numbers:
            words = re.sub(r"\bsize=\d+", "", facts(edited(name, number), remote=False)[0])
            if words not in seen:
                seen.add(words)
                new.append(number)
        kept += new[:KEPT]
    return kept


def write() -> None:
    with RECORD.open("w", encoding="utf-8") as file:
        for name in fixtures():
            print(name, *(f"{number}:{digest(name, number)}" for number in chosen(name)), file=file)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(outcome(edited(sys.argv[1], int(sys.argv[2]))))
    else:
        write()
