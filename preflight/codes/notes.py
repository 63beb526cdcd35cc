"""The words of `Media.notes` and `Delivery.notes`: observations that a user should know."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, fixed_code

NOTES: Final[dict[str, str]] = {
    "animated": "animation with several frames; services may use only the first frame",
    "apple_cgbi": "PNG in Apple's CgBI variant, written by Xcode; only Apple software opens it",
    "av1_coded": "HEIF file whose picture is coded in AV1; many HEIF decoders cannot open it",
    "bad_header": "a header field contradicts the format's specification; some decoders reject the file",
    "camera_raw": "camera raw file: it contains sensor data, not a finished picture",
    "cmyk": "print colors (CMYK or YCCK); some services refuse them or display them incorrectly",
    "cover_art": "the file has a cover picture, which does not count as video",
    "edit_list": "an edit list cuts or shifts playback; software that ignores it sees another duration",
    "estimated_duration": "no header states the duration; it is estimated from the bit rate",
    "extension_mismatch": "the extension of the file name does not match the format of the content",
    "fragmented": "fragmented MP4, as used for streaming; some services accept only ordinary MP4 files",
    "gain_map": "HDR gain map beside the picture; services may show only the picture without HDR",
    "late_start": "the first frame starts more than a second after zero; some software adds this gap to the duration",
    "leading_garbage": "unknown bytes before the start of the format; some decoders reject the file",
    "multi_picture": "multi-picture JPEG (MPO); services may see only the first picture",
    "multiple_video_tracks": "several video tracks; the limits were checked on the first playable one",
    "no_media_data": "the file describes tracks but has no media data, so nothing can be played",
    "no_moov": "moov box not found: the file is a single segment, or an unfinished recording or upload",
    "nothing_shown": "the edit list starts after the end of the media, so players show nothing",
    "read_limit": "preflight stopped reading at its own limit; the rest of the file was not examined",
    "trailing_data": "unknown bytes after the end of the format",
    "truncated": "the file ends before its own structure does",
    "uncommon_coding": "uncommon coding (arithmetic, lossless, hierarchical or not 8-bit integers); "
    "many decoders cannot open it",
}
"""The meaning of each note, as a sentence."""

_HARMLESS: Final = frozenset(("cover_art",))
"""Notes that are irrelevant to services: only `probe` prints them."""


def codes_of_notes(known: dict[str, Code]) -> dict[str, Code]:
    """Return a code of severity `note` for each note that has no code in `known` and is not harmless."""
    return {
        word: fixed_code("note", word.replace("_", " ").capitalize(), sentence)
        for word, sentence in NOTES.items()
        if word not in known and word not in _HARMLESS
    }
