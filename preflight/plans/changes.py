"""Find the changes that bring a media file inside its limits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE
from preflight.plans import budgets, colors, encoding, geometry, tracks
from preflight.plans.budgets import SIZES, SizeBudget
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.colors import Colors
from preflight.plans.encoding import GEOMETRY, LOSSLESS, MUXERS, Subject, can_copy, can_remux
from preflight.plans.geometry import LimitsByFact, Shape, Size
from preflight.plans.outside import facts_inside, facts_outside, too_low
from preflight.plans.picture_formats import MAX_SIDES, OPAQUE, target_formats
from preflight.plans.timing import CUTTABLE, PlannedTimes, is_too_short, timing
from preflight.plans.tracks import AudioTarget, VideoTarget
from preflight.report import Obstacle
from preflight.ruleset import Section

Shortcut = Literal["copied_cut", "lossless_sound"]
"""A way that loses less than others, of which only the result shows whether it does: a cut whose length depends on the
order of the packets, and a lossless codec for fewer bytes."""
_NO_SHORTCUTS: Final[frozenset[Shortcut]] = frozenset()
_NO_CODECS: Final[Mapping[str, str | None]] = MappingProxyType({})
_AUDIO_FACTS: Final = frozenset(("audio_codec", "sample_rate", "channels", "audio_tracks"))
"""Facts that a silent film may lack."""
SHAPED: Final = GEOMETRY | {"pixel_aspect_ratio"}
"""The facts that change with the geometry."""
_BITS_OF_STANDARD_RANGE: Final = 8
_ONE_TRACK: Final = frozenset(("flac", "mp3", "wav"))
_ANIMATIONS: Final = frozenset(("avif", "gif", "png", "webp"))
"""Formats of images that ffmpeg reads as films."""
_UNCERTAIN: Final = frozenset(("flv", "mpegts"))
"""Formats of which not every fact of an encoded film can be read again, such as its frame rate."""


class Changes(NamedTuple):
    """The necessary changes of a media file.

    wrong    the facts outside their limits
    limits   those of the format that is written
    written  the format of the result; empty if no accepted format can be written
    tracks   the codec facts of the tracks that the result has
    remuxes  whether nothing has to be encoded again
    shape    None: the geometry stays the same
    codecs   of each track that is encoded again, the codec; None if no accepted one can be written
    video    how the video track is encoded again; None if it is not, or cannot be; likewise audio
    colors   the colors to convert to; None: they stay the same
    choices  what the user chose where there are several ways
    timing   the part that is kept, the length and the frame rate
    budget   the bytes that the result may have; None: without a limit
    obstacles  why the geometry or the colors cannot be changed
    freed    the facts that were outside limits of the old format alone
    only_main  whether subtitles and further tracks are left out, since ffmpeg cannot read or write one of them
    avoided  the shortcuts that are not taken, since they were tried in vain
    """

    media: Subject
    wrong: frozenset[str]
    limits: LimitsByFact
    written: str
    tracks: tuple[str, ...]
    remuxes: bool = False
    shape: Shape | None = None
    codecs: Mapping[str, str | None] = _NO_CODECS
    video: VideoTarget | None = None
    audio: AudioTarget | None = None
    colors: Colors | None = None
    choices: Choices = DEFAULT_CHOICES
    timing: PlannedTimes = PlannedTimes()
    budget: SizeBudget | None = None
    obstacles: tuple[Obstacle, ...] = ()
    freed: frozenset[str] = frozenset()
    only_main: bool = False
    avoided: frozenset[Shortcut] = _NO_SHORTCUTS

    @property
    def deinterlaces(self) -> bool:
        """Return whether fields become frames: encoders write whole frames."""
        return self.video is not None and self.media.scan == "interlaced"

    @property
    def flattens(self) -> bool:
        """Return whether transparency is lost: what is encoded has none."""
        return self.video is not None and (self.media.has_alpha is True or "has_alpha" in self.wrong)

    @property
    def is_animation(self) -> bool:
        """Return whether a film is made of an animated image."""
        return self.media.kind == VIDEO and self.media.format in _ANIMATIONS

    @property
    def unmet(self) -> frozenset[str]:
        """Return the wrong facts that are known to need what must not be invented."""
        unmet = too_low(self.media, self.wrong, self.limits)
        if "duration" in self.wrong and self.timing.extended is None and is_too_short(self.media, self.limits):
            unmet |= {"duration"}
        if self.media.audio_codec == NONE and self.audio is None:
            unmet |= self.wrong & _AUDIO_FACTS
        if (
            self.budget is not None
            and self.compresses
            and budgets.is_too_tight(self.budget, self.media, self.size, self.fps)
        ):
            unmet |= self.wrong & SIZES
        return unmet

    @property
    def compresses(self) -> bool:
        """Return whether the result must end close below a limit on its bytes."""
        return self.budget is not None and self.budget.is_failing

    @property
    def adds_silence(self) -> bool:
        """Return whether a silent film gets an audio track."""
        return self.media.audio_codec == NONE and self.audio is not None

    @property
    def one_of_each(self) -> bool:
        """Return whether only the first track of each kind is kept."""
        return self.only_main or not self.wrong.isdisjoint(("video_tracks", "audio_tracks"))

    @property
    def one_sound(self) -> bool:
        """Return whether only the first audio track is kept: some formats hold no more."""
        return self.one_of_each or self.written in _ONE_TRACK

    @property
    def size(self) -> Size | None:
        """Return width and height of the result; None if they are not known."""
        if self.shape is not None:
            return self.shape.result
        return (self.media.width, self.media.height) if self.media.width and self.media.height else None

    @property
    def fps(self) -> float | None:
        """Return the frame rate of the result; None if it is not known."""
        return self.timing.fps or self.media.fps

    @property
    def blocking(self) -> frozenset[str]:
        """Return the facts that a copied track would not change. A cut at the end does not need new frames."""
        blocking = self.wrong
        if self.timing.extended is not None or self.timing.start > 0:
            blocking |= {"duration"}
        elif self.timing.fps is None and self.timing.kept is not None and not self._needs_encoded_cut:
            blocking -= CUTTABLE
        if self.compresses:
            blocking |= {"bit_rate"}
        if self.budget is not None and self.budget.audio_bit_rate is not None:
            blocking |= {"audio_bit_rate"}
        return blocking

    @property
    def _needs_encoded_cut(self) -> bool:
        """Return whether a copied track would not get shorter: some have their length in a header of their own."""
        is_in_header = self.media.audio_codec == "flac" and self.written not in ("mkv", "webm")
        return is_in_header or "copied_cut" in self.avoided

    @property
    def cuts_by_copy(self) -> bool:
        """Return whether a track is cut that is copied."""
        return self.timing.kept is not None and any(fact not in self.codecs for fact in self.tracks)

    @property
    def is_lossless_sound(self) -> bool:
        """Return whether a sound is encoded without a loss."""
        return self.media.kind == AUDIO and self.audio is not None and self.audio.audio_codec in LOSSLESS

    def copies(self, fact: str) -> bool:
        """Return whether the track of `video_codec` or `audio_codec` can be copied."""
        return can_copy(fact, self.media, self.blocking, self.limits, self.written)


def changes_for(
    wrong: frozenset[str],
    media: Subject,
    section: Section,
    choices: Choices = DEFAULT_CHOICES,
    avoided: frozenset[Shortcut] = _NO_SHORTCUTS,
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
    differs = bool(section.by_format) or _is_uncertain(changes) or _loses_sound(changes)
    return _is_possible(changes) and not (differs and any(_loss(changes)))


def _is_uncertain(changes: Changes) -> bool:
    return changes.video is not None and changes.written in _UNCERTAIN


def _loses_sound(changes: Changes) -> bool:
    """Return whether a sound is compressed by a lossy codec that a lossless one may compress enough."""
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
        _loses_sound(changes),
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
    """Return whether a sound that is not compressed any more is expected to have more bytes than the limit."""
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
        freed = facts_inside(media, wrong, limits) if "format" not in wrong else freed
        wrong = wrong - freed | facts_outside(media, limits)
    facts = ("audio_codec",) if media.kind == AUDIO else ("video_codec", "audio_codec")
    present = tuple([fact for fact in facts if getattr(media, fact) != NONE])
    if wanted.is_animation:
        wrong |= _unknown_of_animation(media, limits)
    return wanted._replace(wrong=wrong, limits=limits, written=name, tracks=present, freed=freed)


def _copied(changes: Changes) -> Changes | None:
    """Return the changes of a film or sound of which all tracks are copied; None if one cannot be."""
    if _lacks_sound(changes) or not changes.wrong.isdisjoint(SHAPED):
        return None
    timed = _with_times(changes)
    can_copy_all = can_remux(timed.media, timed.tracks, timed.blocking, timed.limits, timed.written)
    return timed._replace(remuxes=True) if can_copy_all else None


def _completed(changes: Changes) -> Changes:
    """Add how everything is changed."""
    media = changes.media
    if media.kind != IMAGE and (copied := _copied(changes)) is not None:
        return copied
    converted = colors.converted(media, changes.wrong, changes.choices)
    if isinstance(converted, Obstacle):
        changes = changes._replace(obstacles=(converted,))
    else:
        changes = changes._replace(colors=converted)
    if not changes.wrong.isdisjoint(SHAPED) or media.kind == IMAGE:
        changes = _with_shape(changes)
    if media.kind == IMAGE:
        return changes._replace(budget=budgets.budget(media, changes.wrong, changes.limits, PlannedTimes()))
    return _with_codings(_with_times(changes))


def _unknown_of_animation(media: Subject, limits: LimitsByFact) -> frozenset[str]:
    """Return the facts of an animation that are not known, and that become known by the conversion."""
    unknown = {"fps"} if media.fps is None and "fps" in limits else set()
    return frozenset(unknown | ({"has_alpha"} if media.has_alpha is not False else set()))


def _lacks_sound(changes: Changes) -> bool:
    """Return whether a silent track is to be added."""
    is_silent = changes.media.audio_codec == NONE and changes.media.kind == VIDEO
    return is_silent and changes.choices.add_silence and not changes.wrong.isdisjoint(_AUDIO_FACTS)


def _with_shape(changes: Changes, limits: LimitsByFact | None = None) -> Changes:
    """Add how the geometry is changed, or why it cannot be; `limits`: in place of those of the format."""
    if not needs_shape(changes) and limits is None:
        return changes
    shape = geometry.shape(changes.media, limits or changes.limits, changes.choices)
    if isinstance(shape, Obstacle):
        return changes._replace(obstacles=(*changes.obstacles, shape))
    return changes._replace(shape=shape)


def _with_times(changes: Changes) -> Changes:
    """Add the part that is kept, the frame rate, and the bytes and bit rates of the result."""
    media, limits = changes.media, changes.limits
    size = changes.size
    times = timing(media, changes.wrong, limits, changes.choices, size[0] * size[1] if size is not None else None)
    changes = changes._replace(timing=times, budget=budgets.budget(media, changes.wrong, limits, times))
    duration = times.duration(media)
    if changes.budget is None or not duration:
        return changes
    if media.kind == AUDIO:
        rated = budgets.of_sound(changes.budget, media, duration) if changes.compresses else None
        return changes._replace(budget=rated or changes.budget)
    rated = budgets.of_film(changes.budget, media, duration, changes.fps)
    if not rated.is_failing:
        return changes._replace(budget=rated._replace(audio_bit_rate=None))
    changes = changes._replace(budget=rated)
    most = budgets.largest_picture(rated, size, changes.fps)
    if most is None or most < 1 or size is None:
        return changes
    smaller = _with_shape(changes, budgets.limits_of_smaller(limits, size, most))
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
    if _lacks_sound(changes):
        encoded.append("audio_codec")
    if changes.shape is None and "video_codec" in encoded:
        changes = _with_shape(changes)
    names = {fact: encoding.codecs(fact, limits.get(fact), written, getattr(media, fact)) for fact in encoded}
    codecs: dict[str, str | None] = {fact: next(iter(found), None) for fact, found in names.items()}
    videos = (tracks.video(name, media, changes.size, changes.fps, limits) for name in names.get("video_codec", ()))
    audios = (tracks.audio(name, media, limits) for name in names.get("audio_codec", ()) if _may_encode(changes, name))
    video, audio = next(filter(None, videos), None), next(filter(None, audios), None)
    if video is not None:
        codecs["video_codec"] = video.video_codec
    if audio is not None:
        codecs["audio_codec"] = audio.audio_codec
    return _with_standard_range(changes._replace(codecs=codecs, video=video, audio=audio))


def _with_standard_range(changes: Changes) -> Changes:
    """Add the tone mapping of a film in high dynamic range that is encoded with 8 bits, which are too few for it."""
    media, video = changes.media, changes.video
    if video is None or changes.colors is not None or changes.obstacles:
        return changes
    if media.hdr in (None, NONE) or video.pixels.bit_depth > _BITS_OF_STANDARD_RANGE:
        return changes
    converted = colors.converted(media, changes.wrong | {"hdr"}, changes.choices)
    return (
        changes._replace(obstacles=(converted,))
        if isinstance(converted, Obstacle)
        else changes._replace(colors=converted)
    )


def _may_encode(changes: Changes, name: str) -> bool:
    """Return whether an audio codec serves: for fewer bytes, a lossless one only may; `none` not for a silent film."""
    if name == NONE:
        return changes.media.audio_codec != NONE
    if name not in LOSSLESS or changes.media.kind != AUDIO:
        return True
    if "lossless_sound" in changes.avoided:
        return False
    return not changes.compresses or (name != "pcm" and _may_be_lossless(changes))


def _may_be_lossless(changes: Changes) -> bool:
    """Return whether a lossless codec may make the sound as small as it must be."""
    if changes.budget is None or not changes.compresses or "lossless_sound" in changes.avoided:
        return False
    return budgets.may_fit_lossless(changes.budget, changes.media, changes.timing)


def needs_shape(changes: Changes) -> bool:
    """Return whether the geometry is wrong, or has odd sides, which encoders of subsampled chroma do not accept."""
    media = changes.media
    if not changes.wrong.isdisjoint(SHAPED):
        return True
    if media.kind != VIDEO or changes.copies("video_codec"):
        return False
    across, down = geometry.chroma_grid(changes.limits)
    return (media.width or 0) % across > 0 or (media.height or 0) % down > 0
