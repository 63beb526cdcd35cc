"""Find the changes that bring a media file inside its limits and lose least: the format, and how it is reached."""

from __future__ import annotations

from typing import Final

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE
from preflight.plans import budgets, colors, encoding, geometry, tracks
from preflight.plans.changes import AUDIO_FACTS, NO_SHORTCUTS, SHAPED, Changes, Shortcut, needs_shape
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.encoding import LOSSLESS, MUXERS, Subject, can_remux
from preflight.plans.geometry import LimitsByFact, Shape
from preflight.plans.picture_formats import EVEN_SIDES, MAX_SIDES, OPAQUE, target_formats
from preflight.plans.timing import PlannedTimes, may_play_any, plan_times
from preflight.plans.tracks import AudioTarget
from preflight.plans.violations import facts_outside, facts_within
from preflight.report import Obstacle
from preflight.ruleset import Section

_UNCERTAIN: Final = frozenset(("flv", "mpegts"))
"""Formats of which not every fact of an encoded video can be read again, such as its frame rate."""
_BITS_OF_STANDARD_RANGE: Final = 8


def changes_for(
    wrong: frozenset[str],
    media: Subject,
    section: Section,
    choices: Choices = DEFAULT_CHOICES,
    avoided: frozenset[Shortcut] = NO_SHORTCUTS,
) -> Changes:
    """Return the changes that bring the `wrong` facts inside the limits, as far as possible, and lose least.

    avoided  shortcuts that are not taken
    """
    names = _written_formats(wrong, media, section)
    wanted = Changes(media, wrong, {}, "", (), choices=choices, avoided=avoided)
    found: list[Changes] = []
    if "format" not in wrong:
        found.append(_completed(_in_format(media.format or "", wanted, section)))
        if _is_settled(found[0], section):
            return found[0]
    drafts = [_in_format(name, wanted, section) for name in names]
    if media.kind != IMAGE and (copied := next(filter(None, map(_copied, drafts)), None)) is not None:
        found.append(copied)
        drafts = []
    for draft in drafts:  # only as far as needed: the search for a size takes long
        found.append(_completed(draft))
        if _is_settled(found[-1], section):
            break
    found = [*filter(_is_possible, found)] or found
    return min(found, key=_loss) if found else _completed(_in_format("", wanted, section))


def _is_settled(changes: Changes, section: Section) -> bool:
    """Return whether changes are possible, and no format that is less preferred loses less."""
    differs = bool(section.by_format) or _is_uncertain(changes) or _loses_audio(changes)
    return _is_possible(changes) and not (differs and any(_loss(changes)))


def _is_uncertain(changes: Changes) -> bool:
    return changes.video is not None and changes.written in _UNCERTAIN


def _loses_audio(changes: Changes) -> bool:
    """Return whether an audio file is compressed by a lossy codec that a lossless one may compress enough."""
    is_lossy = changes.audio is not None and changes.audio.audio_codec not in LOSSLESS
    return is_lossy and _may_be_lossless(changes)


def _loss(changes: Changes) -> tuple[float, ...]:
    """Return what changes lose, the worst first: 0 is nothing. It is compared with that in another format."""
    media, shape, kept = changes.media, changes.shape, changes.timing.kept
    return (
        bool(changes.obstacles or changes.unmet) or (shape is None and needs_shape(changes)),
        media.kind == IMAGE and media.moving and changes.written != media.format,
        bool(media.has_alpha) and changes.written in OPAQUE,
        *(geometry.loss_of_shape(shape, media) if shape is not None else (0, 0)),
        round(max((media.duration or 0) - kept, 0), 1) if kept is not None else 0,
        _is_uncertain(changes),
        _loses_audio(changes),
        media.kind != IMAGE and not changes.remuxes,
    )


def _is_possible(changes: Changes) -> bool:
    """Return whether the format can be written, and every track that is not copied can be encoded."""
    if changes.media.kind == IMAGE or changes.remuxes:
        return changes.remuxes or changes.written in MAX_SIDES
    codings = {"video_codec": changes.video, "audio_codec": changes.audio}
    if changes.written not in MUXERS or any(codings[fact] is None for fact in changes.codecs):
        return False
    return changes.media.kind != AUDIO or changes.audio is None or not _grows_too_large(changes, changes.audio)


def _grows_too_large(changes: Changes, audio: AudioTarget) -> bool:
    """Return whether audio that is not compressed any more is expected to have more bytes than the limit."""
    media, budget = changes.media, changes.budget
    duration, rate = changes.timing.duration(media), audio.sample_rate or media.sample_rate
    if budget is None or audio.audio_codec not in LOSSLESS or not duration or not rate:
        return False
    if audio.audio_codec != "pcm" and _may_be_lossless(changes):
        return False
    return duration * rate * (audio.channels or media.channels or 1) * (audio.sample_bits or 16) / 8 > budget.max_bytes


def _in_format(name: str, wanted: Changes, section: Section) -> Changes:
    """Return what is to be changed so that the result has a format, without how."""
    media, wrong = wanted.media, wanted.wrong
    limits = section.by_fact(name or None)
    freed: frozenset[str] = frozenset()
    if name not in ("", media.format):
        freed = facts_within(media, wrong, limits) if "format" not in wrong else freed
        wrong = wrong - freed | facts_outside(media, limits)
    facts = ("audio_codec",) if media.kind == AUDIO else ("video_codec", "audio_codec")
    present = tuple([fact for fact in facts if getattr(media, fact) != NONE])
    if wanted.is_animation:
        wrong |= _unknown_of_animation(media, limits)
    return wanted._replace(wrong=wrong, limits=limits, written=name, tracks=present, freed=freed)


def _copied(changes: Changes) -> Changes | None:
    """Return the changes of a video or audio file of which all tracks are copied; None if one cannot be."""
    if _lacks_audio(changes) or not changes.wrong.isdisjoint(SHAPED):
        return None
    timed = _with_times(changes)
    can_copy_all = can_remux(timed.media, timed.tracks, timed.blocking, timed.limits, timed.written)
    return timed._replace(remuxes=True) if can_copy_all else None


def _completed(changes: Changes) -> Changes:
    """Add how everything is changed."""
    media = changes.media
    if media.kind != IMAGE and (copied := _copied(changes)) is not None:
        return copied
    converted = colors.target_colors(media, changes.wrong, changes.choices)
    if isinstance(converted, Obstacle):
        changes = changes._replace(obstacles=(converted,))
    else:
        changes = changes._replace(colors=converted)
    if not changes.wrong.isdisjoint(SHAPED) or media.kind == IMAGE:
        changes = _with_shape(changes)
    if media.kind == IMAGE:
        return changes._replace(budget=budgets.size_budget(media, changes.wrong, changes.limits, PlannedTimes()))
    return _with_codings(_with_times(changes))


def _unknown_of_animation(media: Subject, limits: LimitsByFact) -> frozenset[str]:
    """Return the facts of an animation that are not known, and that become known by the conversion."""
    unknown = {"fps"} if media.fps is None and "fps" in limits and not may_play_any(limits["fps"]) else set()
    return frozenset(unknown | ({"has_alpha"} if media.has_alpha is not False else set()))


def _lacks_audio(changes: Changes) -> bool:
    """Return whether a silent track is to be added."""
    is_silent = changes.media.audio_codec == NONE and changes.media.kind == VIDEO
    return is_silent and changes.choices.add_silence and not changes.wrong.isdisjoint(AUDIO_FACTS)


def _with_shape(changes: Changes, limits: LimitsByFact | None = None) -> Changes:
    """Add how the geometry is changed, or why it cannot be; `limits`: in place of those of the format."""
    if not needs_shape(changes) and limits is None:
        return changes
    limits = limits or changes.limits
    shape: Shape | Obstacle | None = None
    if changes.media.kind == IMAGE and changes.written in EVEN_SIDES:
        shape = geometry.plan_shape(changes.media, limits, changes.choices, is_even=True)
    if not isinstance(shape, Shape):
        shape = geometry.plan_shape(changes.media, limits, changes.choices)
    if isinstance(shape, Obstacle):
        return changes._replace(obstacles=(*changes.obstacles, shape))
    return changes._replace(shape=shape)


def _with_times(changes: Changes) -> Changes:
    """Add the part that is kept, the frame rate, and the bytes and bit rates of the result."""
    media, limits = changes.media, changes.limits
    size = changes.size
    times = plan_times(media, changes.wrong, limits, changes.choices, size[0] * size[1] if size is not None else None)
    budget = budgets.size_budget(media, changes.wrong, limits, times)
    if budget is not None and changes.is_animation:
        budget = budget._replace(is_failing=False)  # a video has a fraction of the bytes
    changes = changes._replace(timing=times, budget=budget)
    duration = times.duration(media)
    if changes.budget is None or not duration:
        return changes
    if media.kind == AUDIO:
        rated = budgets.with_audio_rate(changes.budget, media, duration) if changes.compresses else None
        return changes._replace(budget=rated or changes.budget)
    rated = budgets.with_video_rates(changes.budget, media, duration, changes.fps)
    if not rated.is_failing:
        return changes._replace(budget=rated._replace(audio_bit_rate=None))
    changes = changes._replace(budget=rated)
    most = budgets.max_frame_pixels(rated, size, changes.fps)
    if most is None or most < 1 or size is None:
        return changes
    smaller = _with_shape(changes, budgets.limits_for_downscaling(limits, size, most))
    return changes if smaller.shape is None or smaller.obstacles != changes.obstacles else smaller


def _written_formats(wrong: frozenset[str], media: Subject, section: Section) -> list[str]:
    """Return the accepted formats that can be written, apart from the own one."""
    limit = section.by_fact(None).get("format")
    if media.kind == IMAGE:
        listed = MAX_SIDES if limit is None or limit.any_of is None else limit.any_of
        names = target_formats(media, listed, keeps_frames=wrong.isdisjoint(("animated", "frames")))
    else:
        names = encoding.written_formats(media.kind, limit)
    return [name for name in names if name != media.format]


def _with_codings(changes: Changes) -> Changes:
    """Add how each track that cannot be copied is encoded again."""
    media, limits, written = changes.media, changes.limits, changes.written
    encoded = [fact for fact in changes.tracks if not changes.copies(fact)]
    if _lacks_audio(changes):
        encoded.append("audio_codec")
    if changes.shape is None and "video_codec" in encoded:
        changes = _with_shape(changes)
    names = {fact: encoding.codecs(fact, limits.get(fact), written, getattr(media, fact)) for fact in encoded}
    codecs: dict[str, str | None] = {fact: next(iter(found), None) for fact, found in names.items()}
    videos = (
        tracks.video_target(name, media, changes.size, changes.fps, limits) for name in names.get("video_codec", ())
    )
    audios = (
        tracks.audio_target(name, media, limits) for name in names.get("audio_codec", ()) if _may_encode(changes, name)
    )
    video, audio = next(filter(None, videos), None), next(filter(None, audios), None)
    if video is not None:
        codecs["video_codec"] = video.video_codec
    if audio is not None:
        codecs["audio_codec"] = audio.audio_codec
    return _with_standard_range(changes._replace(codecs=codecs, video=video, audio=audio))


def _with_standard_range(changes: Changes) -> Changes:
    """Add the tone mapping of a video in high dynamic range that is encoded with 8 bits, which are too few for it."""
    media, video = changes.media, changes.video
    if video is None or changes.colors is not None or changes.obstacles:
        return changes
    if media.hdr in (None, NONE) or video.pixels.bit_depth > _BITS_OF_STANDARD_RANGE:
        return changes
    converted = colors.target_colors(media, changes.wrong | {"hdr"}, changes.choices)
    return (
        changes._replace(obstacles=(converted,))
        if isinstance(converted, Obstacle)
        else changes._replace(colors=converted)
    )


def _may_encode(changes: Changes, name: str) -> bool:
    """Return whether an audio codec serves: for fewer bytes, a lossless one only may; `none` not for a silent video."""
    if name == NONE:
        return changes.media.audio_codec != NONE
    if name not in LOSSLESS or changes.media.kind != AUDIO:
        return True
    if "lossless_audio" in changes.avoided:
        return False
    return not changes.compresses or (name != "pcm" and _may_be_lossless(changes))


def _may_be_lossless(changes: Changes) -> bool:
    """Return whether a lossless codec may make the audio as small as it must be."""
    if changes.budget is None or not changes.compresses or "lossless_audio" in changes.avoided:
        return False
    return budgets.may_fit_lossless(changes.budget, changes.media, changes.timing)
