"""Apply the changes of a film or an audio file with ffmpeg."""

from __future__ import annotations

from itertools import pairwise

from preflight.fixer.ffmpeg import Engine, EngineOutput, find_engine, input_words, output_words, run_engine
from preflight.fixer.hooks import Hooks
from preflight.formats import DEMUXERS
from preflight.plans.changes import Changes
from preflight.plans.commands import command_template

MIN_TIMEOUT = 600.0
"""Seconds that every run may take."""
_SECONDS_PER_SECOND = 120.0
"""Seconds that an encoder may take for a second of film, before it is given up."""


def engine_for(changes: Changes) -> Engine:
    """Return an ffmpeg that has what the changes need. Raise `MissingExtra` or `EngineError`."""
    return find_engine(_encoders(changes))


def _encoders(changes: Changes) -> frozenset[str]:
    """Return the encoders that the changes need."""
    targets = [target for target in (changes.video, changes.audio) if target is not None]
    words = [word for target in targets for word in target.options()]
    return frozenset(word for option, word in pairwise(words) if option in ("-c:v", "-c:a"))


def apply_film(engine: Engine, source: str, changes: Changes, output: EngineOutput, hooks: Hooks) -> None:
    """Write the changed film or audio file. Raise `EngineError`, `OutputError`, `Stopped`."""
    template = command_template(changes)
    assert template is not None
    words = [
        *template.before[1:-1],
        *input_words(source, DEMUXERS[changes.media.format or ""]),
        *template.between,
        *output_words(output.path, changes.written),
    ]
    duration = changes.media.duration
    run_engine(
        engine,
        words,
        duration=duration,
        on_progress=hooks.on_progress,
        timeout=max(MIN_TIMEOUT, _SECONDS_PER_SECOND * (duration or 0)),
        stop=hooks.stop,
        output=output,
    )
