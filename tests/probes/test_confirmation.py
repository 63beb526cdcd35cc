"""Test that a failure of one library is a fault of the file only if a second check confirms it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from preflight.errors import WorkerCrashed, WorkerTimeout
from preflight.media import Media
from preflight.probes import decode, probe
from preflight.probes.decode import DECODE_LIMITS, decode_check
from preflight.probes.decoders import structure
from preflight.probes.libraries import LibraryResult
from preflight.sources.memory import MemorySource
from tests.rows import each_row


def problems(data: bytes) -> tuple[tuple[str, str], ...]:
    source = MemorySource(data)
    return decode_check(source, probe(source), DECODE_LIMITS).problems


def tiff(*pages: tuple[Sequence[tuple[int, int, int]], bytes]) -> bytes:
    """Return a little-endian TIFF; of each page its fields (tag, type, value) without strips, and its one strip.

    A field of type 0 holds two SHORTs, as that of the subsampling does.
    """
    data, pointer = b"II*\0" + struct.pack("<I", 8), 4
    for fields, strip in pages:
        at = len(data)
        data = data[:pointer] + struct.pack("<I", at) + data[pointer + 4 :]
        entries = sorted([*fields, (273, 4, at + 6 + 12 * (len(fields) + 2)), (279, 4, len(strip))])
        data += struct.pack("<H", len(entries))
        for tag, kind, value in entries:
            data += struct.pack("<HHII", tag, kind or 3, 1 if kind else 2, value)
        pointer = len(data)
        data += bytes(4) + strip
    return data


def page(compression: int, photometric: int, *more: tuple[int, int, int], side: int = 16) -> list[tuple[int, int, int]]:
    """Return the fields of a square page of one byte a sample."""
    samples = 3 if photometric != 1 else 1
    fields = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, compression), (262, 3, photometric)]
    return [*fields, (277, 3, samples), (278, 4, side), *more]


def saved(form: str, side: int = 64, **options: Any) -> bytes:
    pixels = bytes(n * n * 7919 >> 7 & 255 for n in range(3 * side * side))
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), pixels).save(out, form, **options)
    return out.getvalue()


UNCOMPRESSED_YCBCR = tiff((page(1, 6, (530, 0, 2 | 1 << 16)), bytes(16 * 16 * 2)))
"""4:2:2: two bytes a pixel, of which Pillow expects three."""
CODED_AS_WEBP = tiff((page(50001, 2), saved("WEBP", 16)))
ODD_SECOND_PAGE = tiff((page(1, 1), bytes(256)), (page(32896, 1), bytes(256)))


@each_row("data", [UNCOMPRESSED_YCBCR, CODED_AS_WEBP, ODD_SECOND_PAGE], ids=["ycbcr", "webp", "page"])
def test_failure_of_pillow_alone_is_a_warning(data: bytes) -> None:
    ((code, message),) = problems(data)
    assert code == "decode_unconfirmed"
    assert message.startswith("Pillow cannot decode")
    assert message.endswith("; the library may be at fault")


def test_truncated_file_that_pillow_cannot_decode_is_truncated() -> None:
    ((code, message),) = problems(UNCOMPRESSED_YCBCR[:-100])
    assert code == "truncated"
    assert "Pillow" in message


@pytest.mark.parametrize("form", ["GIF", "JPEG", "PNG"])
def test_structure_confirms_damage_without_ffmpeg(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "find_spec", lambda _: None)
    assert [code for code, _ in problems(saved(form)[:-1000])] == ["truncated"]


def test_ffmpeg_confirms_damaged_pixels() -> None:
    pytest.importorskip("av")
    ((code, message),) = problems(saved("WEBP", lossless=True)[:400] + bytes(200) + saved("WEBP", lossless=True)[600:])
    assert code == "corrupt"
    assert "; ffmpeg: " in message


def test_repeated_fault_in_second_file_is_found_too() -> None:
    pytest.importorskip("av")
    gif = bytearray(saved("GIF"))
    gif[900:1100] = bytes(n * 37 & 0xFF for n in range(200))
    length = gif[13 + 768 + 11]
    assert length == 255  # the damage lies within sub-blocks, whose lengths stay
    for at in range(13 + 768 + 11, len(gif) - 255, 256):
        gif[at] = 255
    first, *others = (problems(bytes(gif)) for _ in range(3))
    assert [code for code, _ in first] == ["corrupt"]
    assert others == [first, first]


def test_check_that_times_out_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> str:
        raise WorkerCrashed("x", "crashed (SIGSEGV)")

    monkeypatch.setattr(decode, "run_ffmpeg", crash)
    whole = saved("WEBP", lossless=True)
    assert [code for code, _ in problems(whole[:400] + bytes(200) + whole[600:])] == ["decode_unconfirmed"]


def test_format_without_decoder_is_a_note() -> None:
    source = MemorySource(b"\xff\x0a" + bytes(500))
    ((code, _),) = decode_check(source, Media(kind="image", format="jxl", size=502)).problems
    assert code == "decode_unsupported"


@pytest.mark.parametrize("error", [WorkerTimeout("clip", 30), WorkerCrashed("clip", "crashed (SIGSEGV)")])
def test_library_that_crashes_is_a_warning(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object, **__: object) -> LibraryResult:
        raise error

    monkeypatch.setattr(decode, "run_mediainfo", die)
    source = MemorySource(bytes(9), "clip")
    ((code, message),) = decode_check(source, Media(kind="video", format="mp4")).problems
    assert code == "decode_unconfirmed"
    assert message.startswith("libmediainfo did not finish (the decoder ")


class TestStructure:
    def examined(self, data: bytes, name: str) -> str | None:
        found = structure.find_fault(io.BytesIO(data), name)
        assert found["known"]
        return found.get("code")

    @each_row(
        ("form", "options"),
        [
            ("PNG", {}),
            ("JPEG", {}),
            ("JPEG", {"progressive": True}),
            ("JPEG", {"restart_marker_rows": 1}),
            ("GIF", {}),
            ("TIFF", {}),
            ("TIFF", {"compression": "tiff_lzw"}),
            ("TIFF", {"big_tiff": True}),
        ],
    )
    def test_structure_check_finds_truncation_only(self, form: str, options: dict[str, Any]) -> None:
        data = saved(form, **options)
        assert self.examined(data, form.lower()) is None
        for end in range(20, len(data) - 3, 97):
            assert self.examined(data[:end], form.lower()) == "truncated", end

    def test_trailing_bytes_are_not_a_fault(self) -> None:
        for form in ("PNG", "JPEG", "GIF"):
            assert self.examined(saved(form) + b"more of something else", form.lower()) is None

    def test_interlaced_png_has_rows_of_seven_passes(self) -> None:
        for side in (1, 2, 3, 5, 8, 13):
            header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 1)
            rows = structure._unpacked_size(header)
            data = b"".join(chunk(*each) for each in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows)))))
            assert self.examined(structure._PNG + data + chunk(b"IEND", b""), "png") is None
            data = b"".join(chunk(*each) for each in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows - 1)))))
            assert self.examined(structure._PNG + data + chunk(b"IEND", b""), "png") == "corrupt"

    def test_wrong_checksum_of_critical_chunk_is_corruption(self) -> None:
        header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
        picture = chunk(b"IDAT", zlib.compress(b"\0\1")) + chunk(b"IEND", b"")
        for kind, code in ((b"tEXt", None), (b"PLTE", "corrupt")):
            data = chunk(b"IHDR", header) + chunk(kind, b"abc")[:-1] + b"\0" + picture
            assert self.examined(structure._PNG + data, "png") == code

    def test_unknown_png_filter_is_corruption(self) -> None:
        header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
        data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\1\1\7\1\1")) + chunk(b"IEND", b"")
        assert self.examined(structure._PNG + data, "png") == "corrupt"

    def test_hostile_directories_are_bounded(self) -> None:
        for data in (b"II*\0" + struct.pack("<I", 8) + b"\xff" * 900, b"II*\0\x08\0\0\0" + bytes(20)):
            structure.find_fault(io.BytesIO(data), "tiff")
        loop = tiff((page(1, 1), bytes(256)))
        pointer = 8 + 2 + 12 * 9
        assert self.examined(loop[:pointer] + struct.pack("<I", 8) + loop[pointer + 4 :], "tiff") is None

    def test_offsets_beyond_any_file_read_nothing(self) -> None:
        big = b"II\x2b\0\x08\0\0\0" + struct.pack("<Q", 1 << 63) + bytes(16)
        assert self.examined(big, "tiff") == "truncated"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
