"""Small pictures of media, for reports: a picture by Pillow, the first frame of a video and a waveform by PyAV.

PyAV comes with the extra `report`. It gets the demuxer of the format that was recognised, and no protocol at all: a
playlist or a script that calls itself a video must not make it open anything else.
"""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Callable
from functools import wraps
from io import BytesIO
from itertools import pairwise
from typing import Any, BinaryIO, Final, ParamSpec, TypeVar

import pillow_heif
from PIL import Image, ImageFile, ImageOps

pillow_heif.register_heif_opener()
Image.init()
Image.MAX_IMAGE_PIXELS = None  # in this process the worker's memory limit holds

P = ParamSpec("P")
T = TypeVar("T")

BARS: Final = 96
"""Bars of a waveform, each from 0 to 100."""
_RATE: Final = 8000
_PIECE: Final = 40
"""Samples, 5 ms: the finest that a waveform is made of."""
_LONGEST: Final = 600 * _RATE // _PIECE
_MOST_PACKETS: Final = 2000
"""Packets in which a picture must have come."""
_TURNED_BY_READER: Final = frozenset(("HEIF", "TIFF"))
_NO_PROTOCOL: Final = {"protocol_whitelist": "none"}


def _or_none(task: Callable[P, T]) -> Callable[P, T | None]:
    """The task, giving None where its decoder stumbles: a file without a preview must not cost us the process."""

    @wraps(task)
    def careful(*arguments: P.args, **named: P.kwargs) -> T | None:
        try:
            return task(*arguments, **named)
        except MemoryError:
            raise
        except Exception:  # a decoder that stumbles over the bytes of a file raises whatever it likes
            return None

    return careful


@_or_none
def picture(file: BinaryIO, readers: list[str], edge: int, quality: int) -> str:
    """A picture as displayed, at most `edge` pixels long, as WebP in Base64; None where it cannot be decoded.

    readers  Pillow's names of the formats that it may be: others, of which one runs Ghostscript, are not asked
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # what is there of a cut file shows where it was cut
    try:
        with Image.open(file, formats=readers) as image:
            image.draft("RGB", (edge, edge))
            image.thumbnail((2 * edge, 2 * edge), reducing_gap=2.0)
            return _webp(_upright(image), edge, quality, 0)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # the next task of this process may be to find such files


@_or_none
def frame(file: BinaryIO, demuxer: str, edge: int, quality: int, turn: int = 0) -> str | None:
    """The first frame of a video as WebP in Base64, None where it has none. `turn`: clockwise degrees to display."""
    with _open(file, demuxer) as container:
        stream = next((one for one in container.streams.video if not _is_cover(one)), None)
        if stream is None:
            return None
        stream.codec_context.thread_count = 1
        for number, packet in enumerate(container.demux(stream)):
            for decoded in packet.decode():
                scale = min(1.0, 2 * edge / max(decoded.width, decoded.height, 1))
                width, height = (max(2, round(side * scale)) for side in (decoded.width, decoded.height))
                image = decoded.reformat(width, height, format="rgb24").to_image()
                return _webp(image, edge, quality, turn)
            if number > _MOST_PACKETS:
                break
    return None


@_or_none
def waveform(file: BinaryIO, demuxer: str) -> list[int] | None:
    """The loudest sample of each of `BARS` parts of a sound's first ten minutes, None where it has none."""
    import av

    peaks: list[int] = []
    with _open(file, demuxer) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            return None
        stream.codec_context.thread_count = 1
        resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
        for decoded in container.decode(stream):
            for piece in resampler.resample(decoded):
                samples = array("h", bytes(piece.planes[0])[: 2 * piece.samples])
                parts = (samples[at : at + _PIECE] for at in range(0, len(samples), _PIECE))
                peaks += [max(max(part), -min(part)) for part in parts]
            if len(peaks) > _LONGEST:
                break
    return _bars(peaks) if peaks else None


def _upright(image: Image.Image) -> Image.Image:
    if image.format in _TURNED_BY_READER:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read turns nothing
        return image


def _open(file: BinaryIO, demuxer: str) -> Any:
    import av

    av.logging.set_level(None)
    return av.open(file, "r", format=demuxer, options=dict(_NO_PROTOCOL))


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _bars(peaks: list[int]) -> list[int]:
    bars = min(BARS, len(peaks))
    edges = [len(peaks) * number // bars for number in range(bars + 1)]
    loudest = [max(peaks[low:high]) for low, high in pairwise(edges)]
    return [round(100 * peak / 32768) for peak in loudest]


def _webp(image: Image.Image, edge: int, quality: int, turn: int) -> str:
    if turn % 360:
        image = image.rotate(-turn, expand=True)
    image.thumbnail((edge, edge))
    shown = image.convert("RGBA" if image.has_transparency_data else "RGB")
    coded = BytesIO()
    shown.save(coded, "WEBP", quality=quality, method=3)
    return b64encode(coded.getvalue()).decode("ascii")
