"""Decode pictures with PyAV (ffmpeg), the second decoder where Pillow failed. It comes with the extra `report`."""

from __future__ import annotations

from typing import BinaryIO, Final

import av

_NO_PROTOCOL: Final = {"protocol_whitelist": "none"}
_METADATA_WORDS: Final = ("exif", "xmp", "icc")
"""Words in errors that concern metadata, not pixels. Some decoders fail on metadata too."""
_MAX_FRAMES: Final = 10_000


def decode_picture(file: BinaryIO, demuxer: str) -> dict[str, object]:
    """Decode all frames. Return their number, and the first error of the decoder (`failed`)."""
    frames, failed = 0, ""
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # the last file may have had the same fault
    with av.logging.Capture() as messages:
        try:
            with av.open(file, "r", format=demuxer, options=dict(_NO_PROTOCOL)) as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                for packet in container.demux(stream):
                    frames += len(packet.decode())
                    if frames > _MAX_FRAMES:
                        break
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - decoders raise many types for damaged files
            # Its text ends with the last message of the library, which may be about another file.
            failed = " ".join(str(getattr(error, "strerror", None) or error).split())
        logged = [" ".join(text.split()) for level, _, text in messages if level <= av.logging.ERROR]
    errors = [text for text in (*logged, failed) if text]
    of_pixels = [text for text in errors if not any(word in text.lower() for word in _METADATA_WORDS)]
    return {"frames": frames, "failed": of_pixels[0][:300] if of_pixels else ""}
