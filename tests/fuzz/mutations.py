"""Damage fixtures as accidents and attackers do. The same number always gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
EXTREMES = (0, 1, 7, 8, 15, 16, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)

Mutation = Callable[[Random, bytearray, Sequence[bytes]], None]


def seeds() -> list[bytes]:
    """Return the fixtures' bytes."""
    folders = [ROOT / "fixtures" / name for name in ("accepted", "refused", "quirks")]
    return [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]


def mutated(number: int, originals: Sequence[bytes]) -> bytes:
    """Return a fixture with one to four mutations."""
    random = Random(number)
    data = bytearray(random.choice(originals))
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        random.choice(_MUTATIONS)(random, data, originals)
    return bytes(data)


def _place(random: Random, data: bytearray) -> int:
    """Return an offset, most of the time one in the header."""
    return random.randrange(max(1, min(len(data), random.choice((32, 256, 2048, 1 << 30)))))


def _flip(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        if data:
            data[_place(random, data)] ^= 1 << random.randrange(8)


def _number(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Replace a length, a count or an offset by an extreme number."""
    width = random.choice((1, 2, 4, 4, 8))
    at = _place(random, data)
    value = random.choice((*EXTREMES, len(data), len(data) - at, random.getrandbits(32)))
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, random.choice(("big", "little")))


def _cut(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_place(random, data) :]


def _remove(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    del data[at : at + random.choice((1, 2, 4, 16, 256))]


def _insert(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    data[at:at] = random.choice((b"\0", b"\xff", random.randbytes(1))) * random.choice((1, 3, 4, 64, 4096))


def _repeat(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Repeat a box, a chunk or a segment once, or a thousand times."""
    at = _place(random, data)
    data[at:at] = data[at : at + random.choice((4, 8, 24, 64, 512))] * random.choice((1, 2, 100, 1000))


def _splice(random: Random, data: bytearray, originals: Sequence[bytes]) -> None:
    """Join the beginning of one file and the rest of another."""
    other = random.choice(originals)
    data[_place(random, data) :] = other[random.randrange(len(other) + 1) :]


def _zero(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    data[at : at + 64] = bytes(min(64, len(data) - at))


_MUTATIONS: tuple[Mutation, ...] = (_flip, _flip, _number, _number, _cut, _remove, _insert, _repeat, _splice, _zero)
