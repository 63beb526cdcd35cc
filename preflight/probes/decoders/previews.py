"""Make previews for reports: of pictures with Pillow, of the first frame of a video and of audio with PyAV.

PyAV comes with the extra `report`. It gets the demuxer of the format that was recognized, and no protocol at all, so
that a playlist or a script that pretends to be a video cannot make it open anything else.
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
Image.MAX_IMAGE_PIXELS = None  # the memory limit of the worker process applies instead

P = ParamSpec("P")
T = TypeVar("T")

BARS: Final = 96
"""Bars of a waveform, each from 0 to 100."""
_RATE: Final = 8000
_BAR_SAMPLES: Final = 40
"""Samples of a peak (5 ms): the resolution of a waveform."""
_MAX_PEAKS: Final = 600 * _RATE // _BAR_SAMPLES
_MAX_PACKETS: Final = 2000
"""Packets in which the first frame must be."""
_ROTATED_BY_READER: Final = frozenset(("HEIF", "TIFF"))
_NO_PROTOCOL: Final = {"protocol_whitelist": "none"}


def _or_none(task: Callable[P, T]) -> Callable[P, T | None]:
    """Make the task return None if its decoder fails: a file without a preview must not cost the process."""

    @wraps(task)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return task(*args, **kwargs)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - decoders raise many types for damaged files
            return None

    return guarded


@_or_none
def picture(file: BinaryIO, readers: list[str], edge: int, quality: int) -> str:
    """Return a picture as displayed, at most `edge` pixels long, as WebP in Base64; None if it cannot be decoded.

    readers  Pillow's names of the formats to try: an unlisted one would run Ghostscript
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # the decodable part of a truncated file shows where it ends
    try:
        with Image.open(file, formats=readers) as image:
            image.draft("RGB", (edge, edge))
            image.thumbnail((2 * edge, 2 * edge), reducing_gap=2.0)
            return _webp(_upright(image), edge, quality, 0)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # the next task of this process may have to detect such files


@_or_none
def frame(file: BinaryIO, demuxer: str, edge: int, quality: int, turn: int = 0) -> str | None:
    """Return the first frame of a video as WebP in Base64, rotated clockwise by `turn` degrees; None if it has none."""
    with _open(file, demuxer) as container:
        videos = (video for video in container.streams.video if not video.disposition & video.disposition.attached_pic)
        stream = next(videos, None)
        if stream is None:
            return None
        stream.codec_context.thread_count = 1
        for number, packet in enumerate(container.demux(stream)):
            for decoded in packet.decode():
                scale = min(1.0, 2 * edge / max(decoded.width, decoded.height, 1))
                width, height = (max(2, round(side * scale)) for side in (decoded.width, decoded.height))
                image = decoded.reformat(width, height, format="rgb24").to_image()
                return _webp(image, edge, quality, turn)
            if number > _MAX_PACKETS:
                break
    return None


@_or_none
def waveform(file: BinaryIO, demuxer: str) -> list[int] | None:
    """Return the loudest sample of each of `BARS` parts of the first ten minutes of audio; None if there is none."""
    import av

    peaks: list[int] = []
    with _open(file, demuxer) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            return None
        stream.codec_context.thread_count = 1
        resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
        for decoded in container.decode(stream):
            for resampled in resampler.resample(decoded):
                samples = array("h", bytes(resampled.planes[0])[: 2 * resampled.samples])
                parts = (samples[at : at + _BAR_SAMPLES] for at in range(0, len(samples), _BAR_SAMPLES))
                peaks += [max(max(part), -min(part)) for part in parts]
            if len(peaks) > _MAX_PEAKS:
                break
    return _bars(peaks) if peaks else None


def _upright(image: Image.Image) -> Image.Image:
    if image.format in _ROTATED_BY_READER:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - Pillow raises many types for damaged EXIF, which then rotates nothing
        return image


def _open(file: BinaryIO, demuxer: str) -> Any:
    import av

    av.logging.set_level(None)
    return av.open(file, "r", format=demuxer, options=dict(_NO_PROTOCOL))


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
