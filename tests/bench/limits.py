"""Judge facts by a rule file as it is written, without the package: a second opinion on its verdicts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.independent import Facts

RULES = Path(__file__).parents[2] / "rules"
UNITS = {
    "": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
    "ms": 0.001, "s": 1, "min": 60, "h": 3600,
}  # fmt: skip
OF_VIDEO = {
    "width", "height", "long_side", "short_side", "side_sum", "aspect_ratio", "pixels", "dimensions", "fps", "chroma",
    "scan", "bit_depth", "video_bit_rate", "keyframe_interval", "video_codec", "frames", "pixel_frames",
}  # fmt: skip
OF_AUDIO = {"audio_codec", "audio_profile", "audio_bit_rate", "sample_rate", "channels", "sample_bits"}
COMPARED = {">=": "min", ">": "above", "<=": "max", "<": "below"}
Table = Mapping[str, Any]


class Opinion(NamedTuple):
    """A verdict, what is outside the limits or was not read, what a service only tolerates, and facts not known."""

    verdict: str
    wrong: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@cache
def rule_file(name: str) -> Table:
    """Return a rule file over the one that it extends."""
    table = tomllib.loads((RULES / f"{name}.toml").read_text(encoding="utf-8"))
    if (base := table.get("extends")) is None:
        return table
    merged = dict(rule_file(base))
    for key, value in table.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


@cache
def chosen(rules: str) -> Table:
    """Return the limits of a rule set, over which those of its variant are laid: the named one, or the default."""
    name, _, variant = rules.partition(":")
    table = dict(rule_file(name))
    if variant := variant or table.get("default_variant", ""):
        for kind in ("image", "video", "audio"):
            table[kind] = {**table.get(kind, {}), **table["variants"][variant].get(kind, {})}
    return table


def opinion(facts: Facts, rules: str) -> Opinion:
    """Return what follows from the facts of a file and a rule file."""
    kind = facts.get("kind")
    if kind is None:
        return Opinion("unknown", ("kind",))
    section = chosen(rules).get(str(kind))
    if not section:
        return Opinion("fail", ("kind",))
    wrong, unread, tolerated, skipped = [], [], [], []
    for fact, limit in limits_for(section, facts).items():
        if fact not in facts and not _lacks_track(fact, facts):
            skipped.append(fact)
        elif (found := judged(fact, limit, facts)) is not None:
            {"wrong": wrong, "unread": unread, "tolerated": tolerated}[found].append(f"{fact} {facts.get(fact)}")
    verdict = "fail" if wrong else "unknown" if unread else "pass"
    return Opinion(verdict, (*wrong, *unread), tuple(tolerated), tuple(skipped))


def limits_for(section: Table, facts: Facts) -> dict[str, Table]:
    """Return the limits of a section for a file with these facts."""
    held = {fact: limit for fact, limit in section.items() if fact != "when"}
    for when in section.get("when", ()):
        lines = {fact: line for fact, line in when.items() if line is False or isinstance(line, dict)}
        if all(_holds(fact, value, facts) for fact, value in when.items() if fact not in lines):
            held |= lines
    return {fact: limit for fact, limit in held.items() if limit is not False}


def _holds(fact: str, wanted: Any, facts: Facts) -> bool:
    value = facts.get(fact)
    if value is None:
        return False
    if isinstance(wanted, str) and (sign := wanted.split(" ")[0]) in COMPARED:
        return _within({COMPARED[sign]: wanted.removeprefix(sign).strip()}, value)
    return value in (wanted if isinstance(wanted, list) else [wanted])


def _lacks_track(fact: str, facts: Facts) -> bool:
    absent = [OF_VIDEO] * (facts.get("video_codec") == "none") + [OF_AUDIO] * (facts.get("audio_codec") == "none")
    return any(fact in group for group in absent)


def judged(fact: str, limit: Table, facts: Facts) -> str | None:
    """Return None for a value inside a limit; else whether it is `wrong`, `tolerated`, or was `unread`."""
    value = facts.get(fact)
    listed = limit.get("any_of", ())
    if _lacks_track(fact, facts) and "none" not in listed:
        return "wrong" if limit.get("required") else None
    if value is None:
        still = facts.get("kind") == "image" and fact == "duration" and not facts.get("animated")
        return None if still else "unread"
    if _within(limit, value):
        return None
    return "tolerated" if "otherwise" in limit or ("lenient" in limit and _is_tolerated(limit, value)) else "wrong"


def _is_tolerated(limit: Table, value: object) -> bool:
    """Return whether the wider limit accepts a value; a side that it does not state stays as it is."""
    wider = dict(limit["lenient"])
    for words in (("min", "above"), ("max", "below")):
        if not any(word in wider for word in words):
            wider |= {word: limit[word] for word in words if word in limit}
    return _within({**{key: limit[key] for key in ("any_of", "within", "multiple_of") if key in limit}, **wider}, value)


def _within(limit: Table, value: Any) -> bool:
    bounds = {word: amount(limit[word]) for word in ("min", "max", "above", "below") if word in limit}
    if "any_of" in limit and not _is_listed(limit, value):
        return False
    return (
        value >= bounds.get("min", value)
        and value <= bounds.get("max", value)
        and value > bounds.get("above", value - 1)
        and value < bounds.get("below", value + 1)
        and not ("multiple_of" in limit and value % limit["multiple_of"])
        if bounds or "multiple_of" in limit
        else True
    )


def _is_listed(limit: Table, value: Any) -> bool:
    if isinstance(value, float):
        share = limit.get("within", 0.001)
        return any(abs(value - amount(each)) <= share * amount(each) for each in limit["any_of"])
    return value in limit["any_of"]


def amount(written: float | str) -> float:
    """Return the number that a rule file writes, in bytes, seconds, or as a ratio.

    >>> amount("30 MB"), amount("10 min"), amount("1:3")
    (30000000.0, 600.0, 0.3333333333333333)
    """
    if not isinstance(written, str):
        return written
    if ":" in written:
        above, below = written.split(":")
        return float(above) / float(below)
    number, _, unit = written.partition(" ")
    return float(number) * UNITS[unit]
