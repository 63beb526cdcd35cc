"""Find the files of a run and the paths of their outputs, before anything is written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from preflight.errors import UsageError
from preflight.fixer.apply import FixSettings
from preflight.fixer.fix_run import FileId, FixJob, file_id
from preflight.fixer.naming import LocatedTarget, OutputName, locate, name_outputs, written_format
from preflight.formats import MEDIA_EXTENSIONS, extension_of
from preflight.ruleset import RuleSet
from preflight.sources.open import is_url
from preflight.targets import Item, is_media

_NOT_IN_LABELS: Final = re.compile(r"[^\w.@+-]+")
STANDARD_INPUT: Final = "-"


def find_sources(
    words: Sequence[str], expand: Callable[[str], Iterable[Item]], skipped: Callable[[], object]
) -> list[LocatedTarget]:
    """Return the files that the arguments name; call `skipped` for each non-media file in a folder."""
    found = []
    for each in locate(words, expand):
        item = each.item
        if item.explicit or item.problem is not None or is_media(str(item.target)):
            found.append(each)
        else:
            skipped()
    return found


def file_ids(located: Iterable[LocatedTarget]) -> frozenset[FileId]:
    """Return the ids of all local files of a run."""
    targets = (each.item.target for each in located if each.item.problem is None)
    found = (file_id(target) for target in targets if isinstance(target, str) and not is_url(target))
    return frozenset(identity for identity in found if identity is not None)


def is_single(words: Sequence[str]) -> bool:
    """Return whether the arguments can only name one file."""
    if len(words) != 1 or os.path.isdir(words[0]):
        return False
    word = words[0]
    if is_url(word) or os.path.lexists(word):
        return True
    return not word.startswith("@") and not any(mark in word for mark in "*?[")


def output_path(words: Sequence[str], output: str | None, *, several: bool = False) -> str | None:
    """Return the path of the one output, if it is given; None if it is a folder, or beside its source.

    several  each file has several outputs

    Raise `UsageError` if the outputs have no place: several files need a folder.
    """
    one = is_single(words) and not several
    if output is None:
        if words == [STANDARD_INPUT] or tuple(words) == (STANDARD_INPUT,):
            raise UsageError("output= is missing, and standard input has no name. Give a path.", parameters=("output",))
        if not is_single(words):
            raise UsageError("Several files need a folder for their outputs. Give output=DIR.", parameters=("output",))
        return None
    if is_folder(output):
        require_writable(output)
        return None
    if not one:
        if os.path.lexists(output) or extension_of(output) in MEDIA_EXTENSIONS:
            message = f"output={output} names one file, and there are several outputs. Give a folder{_slash(output)}."
            raise UsageError(message, parameters=("output",))
        require_writable(output)
        return None
    written_format(output)
    require_writable(os.path.dirname(output) or os.curdir)
    return output


def _slash(output: str) -> str:
    return "" if os.path.lexists(output) else f", such as {output}{os.sep}"


def is_folder(output: str) -> bool:
    """Return whether an output is a folder: an existing one, or one that ends with a slash."""
    return output.endswith(os.sep) or os.path.isdir(output)


def require_writable(folder: str) -> None:
    """Raise `UsageError` if a folder cannot be created or written to."""
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        reason = "is not a folder"
    elif not os.access(above, os.W_OK | os.X_OK):
        reason = "is not writable"
    else:
        return
    raise UsageError(f"output={folder} cannot be written: {above} {reason}. Give another path.", parameters=("output",))


def require_accepted(output: str, rules: Iterable[RuleSet]) -> None:
    """Raise `UsageError` if a rule set accepts no files of the format that the extension of an output names."""
    written = written_format(output)
    for each in rules:
        formats = {kind: section.by_fact(written).get("format") for kind, section in each.sections.items()}
        known = [limit.any_of for kind, limit in formats.items() if limit is not None and limit.any_of is not None]
        if len(known) == len(formats) and not any(written in accepted for accepted in known):
            names = ", ".join(sorted({str(name) for accepted in known for name in accepted}))
            message = f"output={output} would be {written}, and {each.name} accepts {names}. Give another extension."
            raise UsageError(message, parameters=("output",))


def require_apart(words: Iterable[str], located: Iterable[LocatedTarget], folder: str) -> None:
    """Raise `UsageError` if outputs would be found as sources: in a folder that is searched, and not hidden there."""
    real = os.path.realpath(folder)
    for word in words:
        if not is_url(word) and os.path.isdir(word):
            below = os.path.relpath(real, os.path.realpath(word)).split(os.sep)
            is_within = below[0] != os.pardir
            if is_within and (below == [os.curdir] or not any(part.startswith(".") for part in below)):
                raise UsageError(
                    f"output={folder} is within the folder {word}, where the next run would find the results as "
                    "sources. Give a folder outside, or one whose name begins with a dot.",
                    parameters=("output",),
                )
    for each in located:
        target = each.item.target
        if not each.item.explicit and isinstance(target, str) and os.path.realpath(target).startswith(real + os.sep):
            message = f"{target} is found within output={folder}. Give another folder, or exclude this one."
            raise UsageError(message, parameters=("output",))


def jobs_for(
    located: Sequence[LocatedTarget],
    settings: Sequence[tuple[str | None, FixSettings]],
    output: str | None,
    path: str | None,
) -> list[FixJob]:
    """Return the jobs of a run: each file for all rule sets at once, or for each of them by itself.

    settings  those of all rule sets together with None, or those of each rule set with its name
    output    the folder of the outputs; None: beside the sources. path: that of the only output, if it is given
    """
    pairs = [(each, rules, chosen) for each in located for rules, chosen in settings]
    labels = [_NOT_IN_LABELS.sub("-", _short(rules)) if rules is not None else "" for _, rules, _ in pairs]
    if path is not None:
        names = [OutputName(*os.path.split(path), path=path)] * len(pairs)
    else:
        places = [each for each, _, _ in pairs]
        names = name_outputs(places, output, marks=labels, folders=labels if output is not None else ())
    return [
        FixJob(number, each.item, name, chosen, rules)
        for number, ((each, rules, chosen), name) in enumerate(zip(pairs, names, strict=True))
    ]


def _short(rules: str) -> str:
    """Return the name of a rule set, without the folders and the extension of a rule file."""
    return os.path.basename(rules).replace(".toml", "")
