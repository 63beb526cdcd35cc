"""PyAV (ffmpeg): the second decoder for pictures that Pillow could not decode. It comes with the extra `report`."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import av

_NO_PROTOCOL: Final = {"protocol_whitelist": "none"}
_OF_METADATA: Final = ("exif", "xmp", "icc")
"""Words in errors that concern metadata, not pixels. Some decoders stop at these too."""
_MAX_FRAMES: Final = 10_000


def picture(file: BinaryIO, demuxer: str) -> dict[str, Any]:
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
        except Exception as error:  # decoders raise many types for damaged files
            # Its text goes on with the last message of the library, which may be of another file.
            failed = " ".join(str(getattr(error, "strerror", None) or error).split())
        said = [" ".join(text.split()) for level, _, text in messages if level <= av.logging.ERROR]
    complaints = [text for text in (*said, failed) if text]
    pixels = [text for text in complaints if not any(word in text.lower() for word in _OF_METADATA)]
    return {"frames": frames, "failed": pixels[0][:300] if pixels else ""}
