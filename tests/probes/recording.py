"""Facts of edited fixtures, as a recorded line for each fixture: `python tests/probes/recording.py` writes them anew.

An edit changes a byte, a number or a length of a file, as the boundaries in the readers are met by chance and in files
that other tools have damaged. What is recorded of each is a digest of the facts and of how much was read for them, as
from a disk and as over HTTP. `python tests/probes/recording.py quirks/gif-x.gif 7` prints both for the seventh edit.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from preflight.errors import SourceError
from preflight.probes import probe
from preflight.sources.memory import MemorySource

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORD = Path(__file__).with_name("recorded_facts.txt")
EDITS = 30
HEAD = 2048
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


def edited(name: str) -> Iterator[bytes]:
    """Yield the bytes of a fixture, and then those of its edits: always the same ones."""
    original = (FIXTURES / name).read_bytes()
    yield original
    for number in range(1, EDITS):
        yield _edited(Random(f"{name} {number}"), original)


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


def facts(data: bytes, remote: bool) -> str:
    source = CountedReads(data, remote)
    try:
        media = probe(source)
    except SourceError as error:
        return error.code
    known = [f"{name}={_shown(value)}" for name, value in media.facts().items() if value not in (None, [])]
    return f"{' '.join(known)} reads={len(source.reads)} bytes={sum(length for _, length in source.reads)}"


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def digests(name: str) -> Iterator[str]:
    """Yield four characters for the fixture and for each of its edits: `=` where the edit does not change a fact."""
    unedited = ""
    for data in edited(name):
        text = "\n".join(facts(data, remote) for remote in (False, True))
        digest = hashlib.sha256(text.encode()).hexdigest()[:4]
        yield "=" if digest == unedited else digest
        unedited = unedited or digest


def recorded() -> dict[str, list[str]]:
    lines = (line.split() for line in RECORD.read_text(encoding="utf-8").splitlines())
    return {name: rest for name, *rest in lines}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for _remote in (False, True):
            print(facts(list(edited(sys.argv[1]))[int(sys.argv[2])], _remote))
    else:
        RECORD.write_text("".join(f"{_name} {' '.join(digests(_name))}\n" for _name in fixtures()), encoding="utf-8")
