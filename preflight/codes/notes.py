"""What a reader saw and a user should know."""

from __future__ import annotations

from typing import Final

NOTES: Final[dict[str, str]] = {
    "animated": "it has several frames; where their number is not said, only --deep counts them",
    "apple_cgbi": "a PNG in the variant that Xcode writes: only Apple's own software opens it",
    "av1_coded": "the brand says HEIF, the picture is coded in AV1: not every HEIF decoder takes it",
    "bad_header": "a header field contradicts the format's specification; some decoders refuse the file",
    "camera_raw": "a camera raw file: what the sensor gave, no finished picture; services take a JPEG made of it",
    "cmyk": "its colours are those of print (CMYK or YCCK): many services refuse them, or show them wrong",
    "cover_art": "it carries a picture that is not a video",
    "edit_list": "an edit list cuts or shifts what is played; the duration is what is played",
    "estimated_duration": "the duration follows from the bit rate of sampled frames: no header states it",
    "extension_mismatch": "the name promises another format than the content has",
    "fragmented": "the film is stored in fragments",
    "gain_map": "it carries a gain map (HDR) beside the picture",
    "late_start": "its first frame stands more than a second after zero; some readers count that into the duration",
    "leading_garbage": "foreign bytes stand before the first byte of the format",
    "multi_picture": "it carries several pictures (MPO); the first is the picture",
    "multiple_video_tracks": "it has several video tracks; the first that is played is described",
    "no_media_data": "tracks are described, but no media data is in the file",
    "no_moov": "the movie box is missing: a segment alone, or a recording or an upload that was not finished",
    "nothing_shown": "the edit list begins behind the end of the film or sound: nothing of it is played",
    "read_limit": "preflight reached a bound of its own while reading: what stands behind it is not known",
    "trailing_data": "foreign bytes follow after the end of the format",
    "truncated": "the file ends before its own structure does",
    "uncommon_coding": "a coding that many decoders refuse: arithmetic, lossless, hierarchical, no 8-bit integers",
}
"""What a reader saw and a user should know: the words of `Media.notes`."""
