"""Test recognition of raw streams without a signature, and that junk costs little."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from preflight.probes.sniff import sniff
from preflight.probes.sniff.streams import STREAM_BYTES, sniff_stream
from preflight.sources.memory import MemorySource
from tests.rows import each_row

AC3_FRAME = bytes.fromhex("0b770000 14 40").ljust(768, b"\x11")  # 48 kHz, 192 kbit/s
AC3_44_FRAME = bytes.fromhex("0b770000 55 40").ljust(2 * (417 + 1), b"\x11")  # 44.1 kHz, 192 kbit/s, one word more
EAC3_FRAME = bytes.fromhex("0b77017f 3f 80").ljust(768, b"\x11")
DTS_FRAME = bytes.fromhex("7ffe8001 fc3c 1f f0 b5 e0").ljust(512, b"\x11")
H264 = bytes.fromhex("00000001 0910 00000001 6764000a acd9 00000001 68ebe3cb 000001 65888400")
HEVC = bytes.fromhex("00000001 40010c01 00000001 42010101 00000001 4401c172 000001 2601af08")
MPEG_VIDEO = bytes.fromhex("000001b3 1400f013 ffffe018 000001b8")
PES = bytes.fromhex("000001e0 0008 81800500 11223344 000001e0 0007 81800500")
DV = (b"\x1f\x07\x00\x3f".ljust(80, b"\xff") + b"\x3f\x07\x00").ljust(160, b"\xff")
TRANSPORT = (b"\x47\x40\x00\x10".ljust(188, b"\xff")) * 9


def swapped(data: bytes) -> bytes:
    """Swap the two bytes of each 16-bit word."""
    return bytes(data[index ^ 1] for index in range(len(data) // 2 * 2))


@each_row(
    ("data", "name"),
    [
        (AC3_FRAME * 2, "ac3"),
        (AC3_FRAME, "ac3"),
        (AC3_44_FRAME * 2, "ac3"),
        (swapped(AC3_FRAME * 2), "ac3"),
        (b"junk" * 100 + AC3_FRAME * 2, "ac3"),
        (EAC3_FRAME * 2, "eac3"),
        (DTS_FRAME * 2, "dts"),
        (swapped(DTS_FRAME * 2), "dts"),
        (bytes.fromhex("1fffe80007f1") + bytes(500), "dts"),
        (H264, "h264"),
        (H264[1:], "h264"),
        (b"\x11" * 50 + H264, "h264"),
        (HEVC, "hevc"),
        (MPEG_VIDEO, "mpeg"),
        (bytes(5) + MPEG_VIDEO, "mpeg"),
        (PES, "mpeg"),
        (TRANSPORT, "mpegts"),
        (TRANSPORT[77:] + TRANSPORT, "mpegts"),
        (b"\x11" * 100 + TRANSPORT, "mpegts"),
        (DV, "dv"),
        (b"ADIF" + bytes(100), "aac"),
    ],
)
def test_two_consecutive_units_name_the_stream(data: bytes, name: str) -> None:
    assert sniff_stream(MemorySource(data)) == name
    assert sniff(MemorySource(data)) == name


@each_row(
    "data",
    [
        AC3_FRAME + b"\x11" + AC3_FRAME + b"\x11",  # the second frame is one byte late
        AC3_FRAME.replace(b"\x14", b"\x26", 1) * 2,  # no such size of frame
        AC3_FRAME.replace(b"\x14", b"\xd4", 1) * 2,  # no such sample rate
        DTS_FRAME + b"\x11" + DTS_FRAME + b"\x11",
        H264[:16],  # a sequence's parameters without a picture's
        H264.replace(b"\x67\x64", b"\x67\x01"),  # no such profile
        H264.replace(b"\x67", b"\xe7"),  # the bit that must be zero
        PES.replace(b"\x81\x80", b"\x01\x80", 1)[:14],
        TRANSPORT[: 188 * 2],
        b"\x47" * 5000,
        DV[:79],
    ],
)
def test_one_wrong_bit_in_structure_is_not_a_stream(data: bytes) -> None:
    assert sniff_stream(MemorySource(data)) is None


@each_row(
    "junk",
    [
        b"\0\0\1\xba",
        b"\0\0\1\xb3",
        b"\0\0\1\xe0",
        b"\0\0\0\1",
        b"\0\0\1\xbd",
        b"\x0b\x77",
        b"\x77\x0b",
        b"\x7f\xfe\x80\x01",
        b"\xfe\x7f\x01\x80",
        b"\x47",
        b"\0",
        b"\xff",
        b"\0\0\1\x67",
        b"\0\0\1\x40\1",
    ],
)
def test_cost_of_junk_does_not_depend_on_its_length(junk: bytes) -> None:
    source = MemorySource(junk * (4_000_000 // len(junk)))
    start = time.process_time()
    assert sniff_stream(source) is None
    assert time.process_time() - start < 0.1
    assert source.bytes_read < 4 * STREAM_BYTES


@given(st.sampled_from([AC3_FRAME * 2, DTS_FRAME * 2, H264, HEVC, MPEG_VIDEO, PES, TRANSPORT, DV]), st.data())
def test_damaged_stream_raises_nothing(stream: bytes, data: st.DataObject) -> None:
    changed = bytearray(stream[: data.draw(st.integers(0, len(stream)))])
    for index in data.draw(st.lists(st.integers(0, max(0, len(changed) - 1)), max_size=4)):
        if changed:
            changed[index] ^= data.draw(st.integers(1, 255))
    assert sniff_stream(MemorySource(bytes(changed))) in (
        None,
        "ac3",
        "dts",
        "h264",
        "hevc",
        "mpeg",
        "mpegts",
        "dv",
        "eac3",
    )
