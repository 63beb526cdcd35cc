"""The changes that bring a media file inside its limits, as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE
from preflight.plans import budgets, geometry
from preflight.plans.budgets import SIZE_FACTS, SizeBudget
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.colors import Colors
from preflight.plans.encoding import GEOMETRY, LOSSLESS, Subject, can_copy
from preflight.plans.geometry import LimitsByFact, Shape, Size
from preflight.plans.timing import CUTTABLE, PlannedTimes, is_too_short
from preflight.plans.tracks import AudioTarget, VideoTarget
from preflight.plans.violations import too_low
from preflight.report import Obstacle

Shortcut = Literal["animation_as_video", "copied_cut", "lossless_audio"]
"""A way that loses less than others, of which only the result shows whether it does.

A video of an animation whose times are not known, a cut whose length depends on the order of the packets, and a
lossless codec for fewer bytes.
"""
NO_SHORTCUTS: Final[frozenset[Shortcut]] = frozenset()
_NO_CODECS: Final[Mapping[str, str | None]] = MappingProxyType({})
AUDIO_FACTS: Final = frozenset(("audio_codec", "sample_rate", "channels", "audio_tracks"))
"""Facts that a silent video may lack."""
SHAPED: Final = GEOMETRY | {"pixel_aspect_ratio"}
"""The facts that change with the geometry."""
_ONE_TRACK: Final = frozenset(("flac", "mp3", "wav"))
_ANIMATIONS: Final = frozenset(("avif", "gif", "png", "webp"))
"""Formats of images that ffmpeg reads as videos."""


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
    main_tracks_only  whether subtitles and further tracks are left out, since ffmpeg cannot read or write one of them
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
    main_tracks_only: bool = False
    avoided: frozenset[Shortcut] = NO_SHORTCUTS

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
        """Return whether a video is made of an animated image."""
        return self.media.kind == VIDEO and self.media.format in _ANIMATIONS

    @property
    def unmet(self) -> frozenset[str]:
        """Return the wrong facts that are known to need what must not be invented."""
        unmet = too_low(self.media, self.wrong, self.limits)
        if "duration" in self.wrong and self.timing.extended is None and is_too_short(self.media, self.limits):
            unmet |= {"duration"}
        if self.media.audio_codec == NONE and self.audio is None:
            unmet |= self.wrong & AUDIO_FACTS
        if (
            self.budget is not None
            and self.compresses
            and budgets.is_too_tight(self.budget, self.media, self.size, self.fps)
        ):
            unmet |= self.wrong & SIZE_FACTS
        return unmet

    @property
    def compresses(self) -> bool:
        """Return whether the result must end close below a limit on its bytes."""
        return self.budget is not None and self.budget.is_failing

    @property
    def adds_silence(self) -> bool:
        """Return whether a silent video gets an audio track."""
        return self.media.audio_codec == NONE and self.audio is not None

    @property
    def one_of_each(self) -> bool:
        """Return whether only the first track of each kind is kept."""
        return self.main_tracks_only or not self.wrong.isdisjoint(("video_tracks", "audio_tracks"))

    @property
    def one_audio_track(self) -> bool:
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
    def is_lossless_audio(self) -> bool:
        """Return whether an audio file is encoded without a loss."""
        return self.media.kind == AUDIO and self.audio is not None and self.audio.audio_codec in LOSSLESS

    def copies(self, fact: str) -> bool:
        """Return whether the track of `video_codec` or `audio_codec` can be copied."""
        return can_copy(fact, self.media, self.blocking, self.limits, self.written)


def needs_shape(changes: Changes) -> bool:
    """Return whether the geometry is wrong, or has odd sides, which encoders of subsampled chroma do not accept."""
    media = changes.media
    if not changes.wrong.isdisjoint(SHAPED):
        return True
    if media.kind != VIDEO or changes.copies("video_codec"):
        return False
    across, down = geometry.chroma_grid(changes.limits)
    return (media.width or 0) % across > 0 or (media.height or 0) % down > 0
