"""What an encoder states about a whole MPEG audio stream in the place of its first frame: Xing, Info and VBRI.

No standard has them. Xing's SDK and LAME's "mp3 info tag rev 1" (gabriel.mp3-tech.org/mp3infotag.html); VBRI:
Fraunhofer's, as K. Windszus describes it ("MPEG Audio Frame Header", codeproject.com, 2.3.2).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.probes.mpeg_audio.layers import Place

_SIDE_INFO: Final = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}
"""Bytes between header and tag, by (MPEG-1, channels): the side information of a silent layer III frame."""
_MPEG1: Final = 0x18
"""Both bits of the version in the second header byte."""
_WORDS: Final = (b"Xing", b"Info")
_MAX_SLACK: Final = 1.5


class StreamHeader(NamedTuple):
    """frames, length: of the sound, as stated (None: not stated); constant: the encoder wrote one bit rate."""

    frames: int | None
    length: int | None
    constant: bool

    def agrees(self, length: int) -> bool:
        """Whether `length` bytes of sound can be what was meant: to a frame and a half, as some do not count theirs."""
        if self.length is None or not self.frames:
            return False
        return abs(length - self.length) <= max(_MAX_SLACK * self.length / self.frames, 4)


def stream_header(place: Place) -> StreamHeader | None:
    """The header in the frame at `place`, which then is no sound itself."""
    if place.kind.layer != 3:
        return None
    data = place.data
    if data.startswith(b"VBRI", 36) and len(data) >= 54:
        return StreamHeader(int.from_bytes(data[50:54], "big"), int.from_bytes(data[46:50], "big"), False)
    at = 4 + _SIDE_INFO[place.kind.second & _MPEG1 == _MPEG1, place.channels]
    if data[at : at + 4] not in _WORDS:
        at += 2  # some encoders count the CRC of a protected frame
    if data[at : at + 4] not in _WORDS or len(data) < at + 16:
        return None
    flags, fields = data[at + 7], at + 8
    frames = length = None
    if flags & 1:
        frames = int.from_bytes(data[fields : fields + 4], "big")
        fields += 4
    if flags & 2:
        length = int.from_bytes(data[fields : fields + 4], "big")
    return StreamHeader(frames, length, data.startswith(b"Info", at))
