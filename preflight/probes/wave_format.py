"""Read WAVEFORMATEX, which describes the audio of WAV, AVI and Matroska (RFC 2361, WAVEFORMATEXTENSIBLE)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from preflight.probes.codec_names import FORMAT_TAGS

_EXTENSIBLE: Final = 0xFFFE
_SUBFORMATS: Final = (
    bytes.fromhex("000000001000800000aa00389b71"),  # KSDATAFORMAT_SUBTYPE
    bytes.fromhex("000021 07d311 8644c8c1ca000000"),  # ambisonic B-format
)
_GUIDS: Final = {
    bytes.fromhex("2c806de046dbcf11b4d100805f6cbbea"): "ac3",
    bytes.fromhex("af87fba7022dfb42a4d405cd93843bdd"): "eac3",
    bytes.fromhex("2b806de046dbcf11b4d100805f6cbbea"): "mp2",
}
"""Sub-formats that are not format tags: KSDATAFORMAT_SUBTYPE and MEDIASUBTYPE of the Windows SDK."""
_EIGHT_BITS: Final = (0x0006, 0x0007, 0x6C75)
_PCM_TAGS: Final = (0x0001, 0x0003, *_EIGHT_BITS)
_BLOCK_TAGS: Final = (0x0002, 0x0011, 0x0031, 0x0032, 0x0061, 0x0062, 0x0069)
"""Codings whose format states the samples of a block in the first field of its extension."""
_MIN_BIT_RATE, _MAX_BIT_RATE = 500, 8_000_000
"""bit/s between which a fact chunk is used: truncated files keep that of the complete file."""
_MAX_RATIO: Final = 2
"""Factor by which the fact chunk may differ from the stated bytes/s, which are a guess with a variable bit rate."""
_CODED_SYNCS: Final = (
    (b"\x7f\xfe\x80\x01", "dts"),
    (b"\xfe\x7f\x01\x80", "dts"),
    (b"\x1f\xff\xe8\x00", "dts"),
    (b"\xff\x1f\x00\xe8", "dts"),
    (b"\x72\xf8\x1f\x4e", None),
)
"""Coded audio in place of 16-bit samples: DTS in its four orders (ETSI TS 102 114 5.3), frames of IEC 61937."""

_Order = Literal["big", "little"]


def mislabelled_codec(begin: bytes) -> tuple[str | None] | None:
    """Return the codec of coded audio that is labeled PCM, by its first bytes; None if it is PCM."""
    begin = begin.lstrip(b"\0")
    return next(((codec,) for sync, codec in _CODED_SYNCS if begin.startswith(sync)), None)


class Coding(NamedTuple):
    """The coding of audio.

    rate       samples/s
    byte_rate  average bytes/s as stated
    frame      bytes of one sample of all channels; 0: the coding has no fixed size
    block      bytes of a block; 0: the coding has no blocks
    samples    of one channel in a block
    """

    codec: str | None
    channels: int
    rate: int
    byte_rate: int
    frame: int
    block: int
    samples: int

    def seconds(self, length: int, fact: int | None) -> float | None:
        """Return the duration of `length` bytes in s; `fact`: their samples as the fact chunk states them."""
        if not self.rate:
            return None
        if length == 0:
            return 0.0
        if self.frame:
            return length // self.frame / self.rate
        if self.block and self.samples:
            blocks = -(-length // self.block)
            samples = length * self.samples // self.block
            if fact and (blocks - 1) * self.samples < fact <= blocks * self.samples:
                samples = fact  # the last block is not full
            return samples / self.rate
        if fact and _MIN_BIT_RATE <= length * 8 * self.rate / fact <= _MAX_BIT_RATE:
            return fact / self.rate
        return length / self.byte_rate if self.byte_rate else None

    def contradicts(self, length: int, fact: int | None) -> bool:
        """Return whether the fact chunk and the stated bytes/s differ more than any variable bit rate explains."""
        if not (fact and length and self.rate and self.byte_rate):
            return False
        return not 1 / _MAX_RATIO <= length / self.byte_rate * self.rate / fact <= _MAX_RATIO


def coding_of(fmt: bytes, order: _Order) -> Coding:
    """Parse the body of a fmt chunk of at least 14 bytes."""
    tag, channels, rate, byte_rate, align, bits, _, samples = (
        int.from_bytes(fmt[at:end], order)
        for at, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16), (16, 18), (18, 20))
    )
    if tag == _EXTENSIBLE and fmt[24:40] in _GUIDS:
        return Coding(_GUIDS[fmt[24:40]], channels, rate, byte_rate, 0, 0, 0)
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(fmt[24:26], order) if fmt[26:40] in _SUBFORMATS else tag
        samples = 0
    if tag in _EIGHT_BITS:
        bits = 8
    frame = _frame_bytes(channels, bits, rate, byte_rate, align) if tag in _PCM_TAGS else 0
    if tag in _BLOCK_TAGS:
        return Coding(FORMAT_TAGS[tag], channels, rate, byte_rate, 0, align, samples)
    return Coding(FORMAT_TAGS.get(tag), channels, rate, byte_rate, frame, 0, 0)


def _frame_bytes(channels: int, bits: int, rate: int, byte_rate: int, align: int) -> int:
    """Return the bytes of one sample of all channels; 0 if only the bytes/s state it.

    Bits that do not fill bytes are those in use; the other fields, if they agree, give the number of stored bits.
    """
    if bits % 8 or not bits:
        if align and byte_rate in (0, align * rate):
            return align
        if not bits and byte_rate:
            return 0
    return channels * ((bits + 7) // 8) or align
