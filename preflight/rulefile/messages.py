"""Describe the problems of a rule file: where, what, and the nearest correct word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from preflight.errors import suggestion
from preflight.facts import FACTS
from preflight.formats import FORMATS, KINDS
from preflight.toml import KeyPath

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MAX_SHOWN: Final = 60
"""Characters of a key or value in a message."""

_EXPECTED: Final = {
    "bool_type": "Write true or false.",
    "date_type": "Write a day such as 2026-11-20, without quotes.",
    "dict_type": "Write a table for each name, such as [variants.fast] or [roles.first_frame].",
    "finite_number": "Write a finite number.",
    "float_type": "Write a number.",
    "greater_than_equal": "Write 1 or more.",
    "int_type": "Write a whole number.",
    "list_type": 'Write a list such as ["mp4", "mov"].',
    "model_type": "Write a table such as { min = 300, max = 6000 }.",
    "string_type": "Write text in quotes.",
}
"""The remedy for each of pydantic's error types."""
_SECTIONS: Final = (*KINDS, "url", "data_uri", "request", "asset")
_EMPTY: Final = ("string_too_short", "too_short")

_SYNONYMS: Final[dict[str, str]] = {
    "bitrate": "bit_rate",
    "codec": "video_codec",
    "container": "format",
    "file_size": "size",
    "filesize": "size",
    "formats": "format",
    "frame_rate": "fps",
    "framerate": "fps",
    "gt": "above",
    "length": "duration",
    "lt": "below",
    "maximum": "max",
    "mime_type": "mime",
    "minimum": "min",
    "one_of": "any_of",
    "ratio": "aspect_ratio",
    "resolution": "pixels",
    "samplerate": "sample_rate",
    "seconds": "duration",
    "tolerance": "lenient",
    "values": "any_of",
    "avc": "h264",
    "h265": "hevc",
    "mpeg2": "mpeg2video",
    "x264": "h264",
    "x265": "hevc",
    "a-law": "alaw",
    "lpcm": "pcm",
    "mu-law": "mulaw",
    "pcm_alaw": "alaw",
    "pcm_mulaw": "mulaw",
    "u-law": "mulaw",
    "ulaw": "mulaw",
    "wave": "pcm",
}
"""Common synonyms, and the words of rule files for them."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a sentence that names the known word that is probably meant, or those to choose from.

    >>> nearest("framerate", ["duration", "fps"]), nearest("h266", ["h264", "hevc"])
    ("Did you mean 'fps'?", "Did you mean 'h264'?")
    """
    return suggestion(word, known, _SYNONYMS.get(word[:_MAX_SHOWN].lower().replace("-", "_")))


def format_problem(word: str, kind: str) -> str:
    """Return the problem of a word that is not a format of this kind.

    >>> format_problem("jpg", "image"), format_problem("mp3", "image")
    ("unknown format 'jpg'. Did you mean 'jpeg'?", "'mp3' is not a format of images. Remove it.")
    """
    if word in FORMATS:
        return f"{word!r} is not a format of {kind}{'' if kind == 'audio' else 's'}. Remove it."
    of_kind = [name for name, entry in FORMATS.items() if kind in entry.kinds]
    by_extension = [name for name in of_kind if word.lower().lstrip(".") in FORMATS[name].extensions]
    return f"unknown format {shorten(word)!r}. {nearest(word, by_extension[:1] or of_kind)}"


def shorten(text: str, max_chars: int = _MAX_SHOWN) -> str:
    """Return a text that is cut to a number of characters."""
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"


def key_name(path: KeyPath) -> str:
    """Return a key path as a file writes it, e.g. `title`, `[video] pixels` or `[[video.when]] fps`."""
    names = [part for part in path if isinstance(part, str) and part != "[key]"]  # pydantic's mark of a key
    if names[0] == "variants" and len(names) > 1:
        end = 3 if names[2:3] and names[2] in _SECTIONS else 2
        table, rest = f"[{'.'.join(names[:end])}]", names[end:]
    elif names[0] == "examples":
        table, rest = "[[examples]]", names[1:]
    elif names[0] == "roles" and len(names) > 1:
        table, rest = f"[roles.{names[1]}]", names[2:]
    elif names[:2] == ["request", "when"] and len(names) > 2:
        table, rest = f"[[request.when]] {names[2]}", names[3:]
    elif names[1:2] == ["when"]:
        table, rest = f"[[{names[0]}.when]]", names[2:]
    elif names[0] in ("request", "data_uri") and len(names) > 1 and names[1] not in ("kinds", "same"):
        table, rest = f"[{names[0]}.{names[1]}]", names[2:]
    elif names[0] in _SECTIONS:
        table, rest = f"[{names[0]}]", names[1:]
    else:
        table, rest = names[0], names[1:]
    return " ".join([table, *rest])


def describe_error(error: ErrorDetails, words_at: Callable[[KeyPath], list[str]]) -> str:
    """Return one of pydantic's errors in two sentences; `words_at` gives the keys that a table may have."""
    path, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, words_at)
    where = key_name(path)
    if kind == "missing":
        return f"{where} is missing. Add it."
    if kind == "sentence":
        return f"{where}: {error['ctx']['sentence']}"
    if kind == "unknown_word":
        return f"{where}: {error['ctx']['explain'](error['input'])}"
    if kind in _EMPTY:
        return f"{where} is empty. {'Write text.' if kind == 'string_too_short' else 'List at least one value.'}"
    remedy = _EXPECTED.get(kind, str(error["msg"]))
    if kind == "list_type" and isinstance(error["input"], Mapping):
        remedy = "It is an array of tables. Write its name between two pairs of brackets."
    return f"{where} is {_value(error['input'])}. {remedy}"


def _unknown_key(path: KeyPath, words_at: Callable[[KeyPath], list[str]]) -> str:
    *above, key = path
    word = str(key)
    where = f" in {key_name(tuple(above))}" if above else ""
    is_example = above[-1:] == ["facts"] or (above[:1] == ["examples"] and "files" in above)
    section = above[2:] if above[:1] == ["variants"] else above
    is_fact = is_example or (len(section) == 1 and section[0] in (*KINDS, "url"))
    problem = f"Unknown {'fact' if is_fact else 'key'} {shorten(word)!r}{where}."
    if is_example and word in FACTS and FACTS[word].derived_from:
        return f"{problem} Give {' and '.join(FACTS[word].derived_from)}."
    return f"{problem} {nearest(word, words_at(tuple(above)))}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(shorten(value)) if isinstance(value, str) else str(value)
