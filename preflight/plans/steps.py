"""List the changes of a media file as the steps of a plan, and in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE
from preflight.plans import encoding, pictures
from preflight.plans.budgets import SIZE_FACTS
from preflight.plans.changes import Changes, needs_shape
from preflight.plans.encoding import ENCODERS, GEOMETRY
from preflight.plans.timing import CUTTABLE
from preflight.plans.tracks import FactValue, is_accepted
from preflight.report import Action, Step
from preflight.wording import accepted, either


def steps_for(changes: Changes) -> tuple[Step, ...]:
    """Return the steps in the order in which they are applied; without a step for a fact that cannot be changed."""
    new = {fact: value for fact, value in _new_values(changes).items() if is_accepted(changes.limits, fact, value)}
    return (
        *_scan_steps(changes),
        *_rotation_steps(changes, new),
        *_geometry_steps(changes),
        *_time_steps(changes),
        *_picture_steps(changes, new),
        *_coding_steps(changes, new),
        *_size_steps(changes),
        *_container_steps(changes, new),
        *_metadata_steps(changes, new),
    )


def is_resolved(changes: Changes, steps: tuple[Step, ...]) -> bool:
    """Return whether every wrong fact is inside its limits after the steps, and no other one is outside."""
    if changes.obstacles or changes.unmet or (needs_shape(changes) and changes.shape is None):
        return False
    codings = {"video_codec": changes.video, "audio_codec": changes.audio}
    if any(codec in ENCODERS and codings[fact] is None for fact, codec in changes.codecs.items()):
        return False
    if changes.colors is not None and not changes.colors.are_accepted(changes.limits):
        return False
    resolved = {fact for step in steps for fact in step.facts}
    if changes.shape is not None:
        resolved |= GEOMETRY
    if changes.written and "format" in changes.wrong:  # the other format may have fewer limits
        resolved |= _CHANGEABLE - changes.limits.keys()
    return changes.wrong <= resolved


_OF_RATE: Final = frozenset(("fps", "variable_fps", "frames", "pixel_frames"))
"""Facts that another frame rate changes."""
_CHANGEABLE: Final = GEOMETRY | {field for field in Step._fields if field not in ("action", "facts", "format")}
"""Facts that a plan can change."""
_COLORS: Final = frozenset(("primaries", "transfer", "hdr"))
_PIXELS: Final = frozenset(("bit_depth", "chroma"))
_TRACKS: Final = {"video_tracks": "video_codec", "audio_tracks": "audio_codec"}
_VIDEO: Final = ("video_codec", "video_profile", "video_level", "video_bit_rate", "keyframe_interval")
_AUDIO: Final = ("audio_codec", "audio_profile", "audio_bit_rate", "sample_rate", "channels", "sample_bits")


def _new_values(changes: Changes) -> dict[str, FactValue]:
    """Return the facts after the changes, as far as the writer decides them."""
    values: dict[str, FactValue] = {"fragmented": False, "location": False}
    codecs = {"video_codec": changes.media.video_codec, "audio_codec": changes.media.audio_codec}
    values |= {fact: 1 for fact, codec in _TRACKS.items() if codecs[codec] != NONE}
    if changes.media.kind == IMAGE:
        values = pictures.values(changes.written, changes.limits)
    if changes.media.kind == IMAGE:
        values["orientation"] = 1
    elif changes.video is not None:
        values["rotation"] = 0
    if (video := changes.video) is not None:
        values |= {"scan": "progressive", "color_model": "ycbcr", "has_alpha": False, "edit_list": False}
        values |= {"chroma": video.pixels.chroma, "bit_depth": video.pixels.bit_depth}
    if changes.media.kind == AUDIO and changes.audio is not None:
        values["edit_list"] = False
    if (colors := changes.colors) is not None:
        values |= colors.values()
    for coding in (changes.video, changes.audio):
        values |= coding.values() if coding is not None else {}
    return values


def _scan_steps(changes: Changes) -> Iterator[Step]:
    if changes.deinterlaces:
        yield Step("deinterlace", tuple(changes.wrong & {"scan"}), scan="progressive")


def _rotation_steps(changes: Changes, new: Mapping[str, FactValue]) -> Iterator[Step]:
    if facts := changes.wrong & new.keys() & {"rotation", "orientation"}:
        yield _step("rotate", facts, new)


def _geometry_steps(changes: Changes) -> Iterator[Step]:
    if changes.shape is None:
        return
    facts = tuple(sorted(changes.wrong & GEOMETRY))
    crop, size, canvas = changes.shape
    if crop != (changes.media.width, changes.media.height):
        yield Step("crop", facts, width=crop[0], height=crop[1])
    if "pixel_aspect_ratio" in changes.wrong:
        yield Step("square_pixels", ("pixel_aspect_ratio",), width=size[0], height=size[1], pixel_aspect_ratio=1.0)
    elif size != crop:
        yield Step("scale", facts, width=size[0], height=size[1])
    if canvas is not None:
        yield Step("pad", facts, width=canvas[0], height=canvas[1])


def _time_steps(changes: Changes) -> Iterator[Step]:
    times, wrong = changes.timing, changes.wrong
    if times.fps is not None and (changes.wrong & _OF_RATE or times.fps != changes.media.fps):
        facts = wrong & {"fps", "variable_fps"} or wrong & (CUTTABLE - {"duration"})
        varies = False if "variable_fps" in wrong else None
        yield Step("change_fps", tuple(sorted(facts)), fps=times.fps, variable_fps=varies)
    if times.kept is not None:
        facts = wrong & (CUTTABLE | (SIZE_FACTS if not changes.compresses else frozenset()))
        yield Step("trim", tuple(sorted(facts)), duration=times.kept)
    if times.extended is not None:
        yield Step("extend", ("duration",), duration=times.extended)


def _picture_steps(changes: Changes, new: Mapping[str, FactValue]) -> Iterator[Step]:
    wrong, colors = changes.wrong & new.keys(), changes.colors
    if colors is not None and new.keys() >= _COLORS:
        if colors.is_tone_mapped:
            yield _step("tone_map", wrong & _COLORS, new, _COLORS)
        else:
            facts = wrong & (_COLORS | {"color_model"})
            yield _step("convert_color", facts, new, facts | {"primaries", "transfer"})
    elif "color_model" in wrong:
        yield _step("convert_color", {"color_model"}, new)
    if wrong & _PIXELS:
        written = wrong & _PIXELS if changes.media.kind == IMAGE else _PIXELS
        yield _step("change_pixel_format", wrong & _PIXELS, new, written)
    if "has_alpha" in wrong and not changes.is_animation:
        yield _step("flatten", {"has_alpha"}, new)
    if frames := wrong & {"animated", "frames", "multi_picture"} if changes.media.kind == IMAGE else set():
        yield _step("keep_first_frame", frames, new)


def _coding_steps(changes: Changes, new: Mapping[str, FactValue]) -> Iterator[Step]:
    for codec_fact, facts in (("video_codec", _VIDEO), ("audio_codec", _AUDIO)):
        if changes.is_animation and codec_fact == "video_codec":
            continue  # a part of the conversion
        values = {fact: new[fact] for fact in facts if fact in changes.wrong and fact in new}
        limit = changes.limits.get(codec_fact)
        if codec_fact in changes.wrong and limit is not None:
            codec = changes.codecs.get(codec_fact) or next(iter(limit.any_of or ()), None)
            values |= {codec_fact: str(codec)} if codec is not None else {}
        if codec_fact == "audio_codec" and changes.adds_silence:
            silent = (*values, "audio_tracks") if "audio_tracks" in changes.wrong else values
            yield _step("add_silence", silent, values, values)
        elif values:
            is_removed = values.get("audio_codec") == NONE
            yield _step("remove_audio" if is_removed else "transcode", values.keys(), values)
    if "bit_rate" in changes.wrong and (rate := _rate_step(changes)) is not None:
        yield rate
    if "coding" in changes.wrong and "coding" in new:
        yield _step("transcode", {"coding"}, new)
    if "edit_list" in changes.wrong and "edit_list" in new:
        yield _step("apply_edit_list", {"edit_list"}, new)


def _size_steps(changes: Changes) -> Iterator[Step]:
    if changes.budget is not None and changes.compresses:
        yield Step("compress", tuple(sorted(changes.wrong & SIZE_FACTS)), size=changes.budget.max_bytes)


def _rate_step(changes: Changes) -> Step | None:
    """Return the step that lowers the bit rate of all tracks."""
    if changes.video is not None and changes.video.video_bit_rate is not None:
        return Step("transcode", ("bit_rate",), video_bit_rate=changes.video.video_bit_rate)
    if changes.audio is not None and changes.audio.audio_bit_rate is not None and changes.media.kind == AUDIO:
        return Step("transcode", ("bit_rate",), audio_bit_rate=changes.audio.audio_bit_rate)
    return None


def _container_steps(changes: Changes, new: Mapping[str, FactValue]) -> Iterator[Step]:
    if changes.is_animation:
        yield _animation_step(changes)
    elif changes.written not in ("", changes.media.format):
        action: Action = "remux" if changes.remuxes else "convert"
        facts = changes.wrong & {"format"} | changes.freed
        yield Step(action, tuple(sorted(facts)), format=changes.written)
    for fact in ("fragmented", *_TRACKS):
        is_added = fact == "audio_tracks" and changes.adds_silence
        if fact in changes.wrong and fact in new and not is_added:
            yield _step("remux", {fact}, new)
    if "brand" in changes.wrong and (brand := changes.limits.get("brand")) is not None and brand.any_of:
        yield Step("remux", ("brand",), format=changes.written)
    limit = changes.limits.get("streamable")
    if "streamable" in changes.wrong and limit is not None:
        yield Step("move_index", ("streamable",), streamable=encoding.accepts(limit, value=True))


def _animation_step(changes: Changes) -> Step:
    """Return the step that makes a video of an animated image."""
    facts = changes.wrong & {"format", "video_codec", "has_alpha", *SIZE_FACTS}
    codec = changes.codecs.get("video_codec")
    return Step("convert", tuple(sorted(facts)), kind=VIDEO, video_codec=codec, format=changes.written)


def _metadata_steps(changes: Changes, new: Mapping[str, FactValue]) -> Iterator[Step]:
    facts = changes.wrong & {"location"}
    if facts and "location" not in new:
        return
    if changes.choices.strip_metadata:
        yield Step("remove_metadata", tuple(facts), location=False)
    elif facts or changes.choices.strip_location:
        yield Step("remove_location", tuple(facts), location=False)


def _step(
    action: Action, facts: Collection[str], values: Mapping[str, Any], written: Collection[str] | None = None
) -> Step:
    """Return a step that brings the facts inside their limits and sets `written` facts; None: the same."""
    return Step(action, tuple(sorted(facts)))._replace(**{fact: values[fact] for fact in written or facts})


def sentence_of(steps: tuple[Step, ...], changes: Changes) -> str:
    """Return the steps as one sentence: `crop it to 720×720 and convert it to 25 frames per second`."""
    sentence = either([_phrase(step, changes) for step in steps], "and")
    return f"{sentence} without re-encoding" if changes.remuxes else sentence


def _phrase(step: Step, changes: Changes) -> str:
    if step.action == "trim":
        length = f"{step.duration:g} s"
        where = {"start": f"the first {length}", "middle": f"{length} from the middle", "end": f"the last {length}"}
        return f"keep {where[changes.choices.trim]}"
    if step.action == "extend":
        if changes.choices.extend == "loop":
            return f"loop it to {step.duration:g} s"
        held = "add silence" if changes.media.kind == AUDIO else "hold its last frame"
        return f"{held} to reach {step.duration:g} s"
    if step.action == "compress":
        fact = next(iter(step.facts), "size")
        in_base64 = " in Base64" if fact == "base64_size" else ""
        return f"compress it to {accepted(changes.limits[fact])}{in_base64}"
    return _PHRASES[step.action](step)


def _color(step: Step) -> str:
    names = {"iec61966-2-1": "sRGB", "bt709": "BT.709", "rgb": "RGB", "ycbcr": "YCbCr", "palette": "a palette"}
    return f"convert it to {names[step.transfer or step.color_model or '']}"


def _pixel_format(step: Step) -> str:
    depth = f"{step.bit_depth} bits per component"
    if step.chroma is None:
        return f"convert it to {depth}"
    return f"convert it to {step.chroma}" + (f" with {depth}" if step.bit_depth else "")


def _transcoding(step: Step) -> str:
    templates = (
        ("profile {}", step.video_profile or step.audio_profile),
        ("level {:g}", step.video_level),
        ("at most {:,} bit/s", step.video_bit_rate or step.audio_bit_rate),
        ("a key frame every {:g} s", step.keyframe_interval),
        ("{:,} Hz", step.sample_rate),
        ("{} channels", step.channels if step.channels != 1 else None),
        ("1 channel", step.channels if step.channels == 1 else None),
        ("{} bits per sample", step.sample_bits),
    )
    details = either([template.format(value) for template, value in templates if value is not None], "and")
    if (target := step.video_codec or step.audio_codec or step.coding) is not None:
        return f"transcode it to {target}{f' with {details}' if details else ''}"
    is_video = step.video_profile or step.video_level or step.video_bit_rate or step.keyframe_interval
    return f"re-encode its {'video' if is_video else 'audio'} with {details}"


def _remuxing(step: Step) -> str:
    if step.format is not None:
        return "correct its brand" if step.facts == ("brand",) else f"remux it to {step.format}"
    if step.fragmented is False:
        return "defragment it"
    return f"keep one {'video' if step.video_tracks else 'audio'} track"


_PHRASES: Final[Mapping[Action, Callable[[Step], str]]] = {
    "rotate": lambda _: "rotate it upright",
    "square_pixels": lambda step: f"scale it to {step.width}×{step.height} with square pixels",
    "pad": lambda step: f"pad it to {step.width}×{step.height}",
    "crop": lambda step: f"crop it to {step.width}×{step.height}",
    "scale": lambda step: f"scale it to {step.width}×{step.height}",
    "change_fps": lambda step: f"convert it to {step.fps:g} frames per second",
    "deinterlace": lambda _: "deinterlace it",
    "tone_map": lambda _: "tone-map it to standard dynamic range",
    "convert_color": _color,
    "change_pixel_format": _pixel_format,
    "flatten": lambda _: "flatten the transparency",
    "keep_first_frame": lambda step: f"keep only the first {'picture' if step.multi_picture is False else 'frame'}",
    "transcode": _transcoding,
    "apply_edit_list": lambda _: "re-encode it with its edit list applied",
    "remove_audio": lambda _: "remove the audio track",
    "move_index": lambda step: f"move the index (moov) to the {'front' if step.streamable else 'end'}",
    "remux": _remuxing,
    "add_silence": lambda _: "add a silent audio track",
    "convert": lambda step: f"convert it to {'a video' if step.kind else step.format}",
    "remove_location": lambda _: "remove the recording location",
    "remove_metadata": lambda _: "remove its metadata",
}
