"""Read WAV: RIFF, RIFX, RF64 and BW64 with the form type WAVE.

"Multimedia Programming Interface and Data Specifications 1.0" (RIFF, WAVE); RFC 2361 (format tags); Microsoft's
WAVEFORMATEX, WAVEFORMATEXTENSIBLE; EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import leading_tags
from preflight.probes.codec_names import FORMAT_TAGS
from preflight.sources import Source

_MAX_CHUNKS: Final = 128
_MAX_LOCAL_CHUNKS: Final = 4096
"""Chunks before the audio where each may be a request, and on a disk. The first also bounds empty ones anywhere."""
_BODY_BYTES: Final = 48
"""Bytes of a chunk that are read with its header: the needed fields of fmt, fact and ds64 are not longer."""
_MIN_UNKNOWN_SIZE: Final = 0x7FFFF000
"""Data sizes from this value on that exceed the file were written before its end was known."""
_WIDE_SIZE: Final = 0xFFFFFFFF
"""The data size that refers to ds64 for the actual one."""
_CHUNK_IDS: Final = frozenset(
    (b"data", b"fmt ", b"fact", b"LIST", b"JUNK", b"bext", b"cue ", b"PEAK", b"smpl", b"inst")
)
"""Chunks that some writers put after a chunk of odd length without its pad byte."""
_MPEG: Final = ("mp2", "mp3")

_Order = Literal["big", "little"]


class _Chunks:
    """The facts in the chunks.

    fmt      body of the format chunk
    fact     samples
    data     offset of the audio
    stated   its size
    begin    its first bytes
    wide     its size as ds64 states it
    limited  there are more chunks than are read
    """

    def __init__(self) -> None:
        self.fmt = b""
        self.fact: int | None = None
        self.data: int | None = None
        self.stated = 0
        self.begin = b""
        self.wide = 0
        self.limited = False

    def add(self, name: bytes, body: bytes, size: int, at: int, order: _Order) -> int:
        """Add the chunk at `at`, whose body begins with `body`; return its size."""
        if name == b"fmt " and not self.fmt:
            self.fmt = body[:size]
        elif name == b"fact" and len(body) >= 4:
            self.fact = int.from_bytes(body[:4], order)
        elif name == b"ds64" and len(body) >= 16:
            self.wide = int.from_bytes(body[8:16], order)
        elif name == b"data" and self.data is None:
            size = self.wide if size == _WIDE_SIZE and self.wide else size
            self.data, self.stated, self.begin = at + 8, size, body
        return size


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a WAV file from its chunk headers; audio that is stated but missing does not count."""
    start = leading_tags(source).end
    form = source.read_at(start, 4)
    order: _Order = "big" if form == b"RIFX" else "little"
    chunks = _read_chunks(source, start + 12, order)
    if len(chunks.fmt) < 14:
        note = "read_limit" if chunks.limited else "truncated" if chunks.data is None else "bad_header"
        return Media(kind="audio", format="wav", size=source.size, video_codec=NONE, notes=(note,))
    coding = coding_of(chunks.fmt, order)
    hidden = mislabelled_codec(chunks.begin) if coding.codec == "pcm" else None
    if hidden:
        coding = coding._replace(codec=hidden[0], bits=0)
    length, notes = _audio_bytes(source, chunks)
    seconds = None
    if chunks.data is not None and length is not None:
        # A truncated file keeps the fact chunk of the complete one.
        seconds = coding.seconds(length, None if notes else chunks.fact)
        doubtful = seconds is None or coding.contradicts(length, chunks.fact)
        if doubtful and coding.codec in _MPEG and length <= need.max_bytes:
            seconds = _count_seconds(source, chunks.data, length) or seconds
    measured = round(length * 8 / seconds) if length and seconds else None
    return Media(
        kind="audio",
        format="wav",
        size=source.size,
        duration=seconds,
        video_codec=NONE,
        audio_codec=coding.codec,
        audio_bit_rate=coding.bit_rate or (coding.codec in _MPEG and _frame_bit_rate(chunks.begin)) or measured,
        sample_rate=coding.rate or None,
        channels=coding.channels or None,
        sample_bits=coding.bits or None,
        bit_rate=coding.frame * 8 * coding.rate or measured,
        video_tracks=0,
        audio_tracks=1,
        location=False,
        notes=notes,
    )


def _read_chunks(source: Source, at: int, order: _Order) -> _Chunks:
    """Read chunk headers, skipping bodies, until fmt and data are known."""
    chunks = _Chunks()
    empty = 0
    for _ in range(_MAX_CHUNKS if source.remote else _MAX_LOCAL_CHUNKS):
        head = source.read_at(at, 8 + _BODY_BYTES)
        if len(head) < 8:
            return chunks
        size = chunks.add(head[:4], head[8:], int.from_bytes(head[4:8], order), at, order)
        if chunks.fmt and chunks.data is not None:
            return chunks
        empty += not size
        if empty > _MAX_CHUNKS:
            break
        at += 8 + size
        if size & 1 and source.read_at(at, 4) not in _CHUNK_IDS:
            at += 1
    chunks.limited = True
    return chunks


def _audio_bytes(source: Source, chunks: _Chunks) -> tuple[int | None, tuple[str, ...]]:
    """Return the bytes of audio that are present, and notes.

    A size of 0, or a very large one, is that of a writer that could not seek back to fill it in.
    """
    if chunks.data is None:
        return None, ("read_limit",) if chunks.limited else ("truncated",)
    if source.size is None:
        return (chunks.stated, ()) if 0 < chunks.stated < _MIN_UNKNOWN_SIZE else (None, ())
    present = max(source.size - chunks.data, 0)
    if chunks.stated == 0:
        return present, ()
    if chunks.stated <= present:
        return chunks.stated, ()
    return present, () if _MIN_UNKNOWN_SIZE <= chunks.stated <= _WIDE_SIZE else ("truncated",)


def _count_seconds(source: Source, at: int, length: int) -> float | None:
    """Return the s of MPEG audio whose fmt states no bytes per second."""
    from preflight.probes.mpeg_audio import count_frames, mp3  # few WAV files hold MPEG audio, and no AVI needs it

    first = mp3.first_frame_at(source, at)
    totals = count_frames(source, at, at + length, first.format) if first else None
    return totals.seconds if totals else None


def _frame_bit_rate(begin: bytes) -> int:
    """Return the bits/s of the MPEG audio that begins with a frame; 0: it does not, or they are not stated."""
    from preflight.probes.mpeg_audio import mp3

    found = mp3.format_at(begin, 0)
    return found.bit_rates[begin[2] >> 4] if found else 0


# --- WAVEFORMATEX, which describes the audio of WAV, AVI and Matroska (RFC 2361, WAVEFORMATEXTENSIBLE)

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
    bits       of a sample of PCM as stated; 0: not stated, or not PCM
    """

    codec: str | None
    channels: int
    rate: int
    byte_rate: int
    frame: int
    block: int
    samples: int
    bits: int = 0

    @property
    def bit_rate(self) -> int:
        """Return the bits/s: computed for samples of fixed size, else as stated; 0: not known."""
        return 8 * (self.frame * self.rate or self.byte_rate)

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
    tag, channels, rate, byte_rate, align, bits, samples = (
        int.from_bytes(fmt[at:end], order)
        for at, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16), (18, 20))
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
    return Coding(FORMAT_TAGS.get(tag), channels, rate, byte_rate, frame, 0, 0, bits if tag in _PCM_TAGS else 0)


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
