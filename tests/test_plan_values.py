"""The values that plans aim at: sizes, durations, frame rates, formats and codecs at the edges of limits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from preflight.limit import Limit, compile_limit
from preflight.media import NONE, Media
from preflight.plans import _can_be_opened, commands, encoding, ffmpeg_args, geometry, least_change, steps, timing
from preflight.plans.choices import Choices
from preflight.plans.encoding import Subject
from preflight.ruleset import Section
from tests.rows import each_row


def limits(**lines: dict[str, Any]) -> dict[str, Limit]:
    return {fact: compile_limit(fact, line) for fact, line in lines.items()}


def shaped(width: int | None, height: int | None, kind: str = "image", /, **lines: dict[str, Any]) -> Any:
    media = Subject.of(Media(kind=kind, width=width, height=height))
    return geometry.plan_shape(media, limits(**lines), Choices(max_upscale=1e9))


class TestShapes:
    @each_row(
        ("size", "lines", "crop", "result"),
        [
            ((640, 480), {}, (640, 480), (640, 480)),
            ((640, 480), {"width": {"max": 320}}, (640, 480), (320, 240)),
            ((640, 480), {"width": {"below": 320}}, (640, 480), (319, 239)),
            ((640, 480), {"height": {"min": 960}}, (640, 480), (1280, 960)),
            ((640, 480), {"height": {"above": 960}}, (640, 480), (1281, 961)),
            ((640, 480), {"width": {"min": 640}, "height": {"max": 480}}, (640, 480), (640, 480)),
            ((640, 480), {"pixels": {"max": 76_800}}, (640, 480), (320, 240)),
            ((640, 480), {"pixels": {"max": 76_799}}, (640, 480), (319, 239)),
            ((640, 480), {"pixels": {"min": 1_228_800}}, (640, 480), (1280, 960)),
            ((640, 480), {"pixels": {"min": 1_228_801}}, (640, 480), (1281, 961)),
            ((640, 480), {"aspect_ratio": {"max": 1}}, (480, 480), (480, 480)),
            ((640, 480), {"aspect_ratio": {"below": 1}}, (479, 480), (479, 480)),
            ((640, 480), {"aspect_ratio": {"min": 2}}, (640, 320), (640, 320)),
            ((640, 480), {"aspect_ratio": {"above": 2}}, (640, 319), (640, 319)),
            ((480, 640), {"aspect_ratio": {"min": 1}}, (480, 480), (480, 480)),
            ((1000, 300), {"aspect_ratio": {"max": 2.5}, "height": {"min": 600}}, (750, 300), (1500, 600)),
            ((640, 480), {"width": {"max": 100}, "height": {"min": 100}}, (480, 480), (100, 100)),
            ((3, 2000), {"aspect_ratio": {"min": 50}}, None, None),
            ((640, 480), {"width": {"min": 1 << 20}}, (640, 480), (1 << 20, 786_432)),
            ((640, 480), {"width": {"min": (1 << 20) + 1}}, None, None),
        ],
    )
    def test_the_least_change_that_lies_inside_the_bounds(
        self, size: tuple[int, int], lines: dict[str, Any], crop: tuple[int, int] | None, result: tuple[int, int] | None
    ) -> None:
        found = shaped(*size, **lines)
        assert (found and found.crop, found and found.size) == (crop, result)

    @each_row(("width", "size"), [(641, (640, 480)), (639, (638, 478)), (640, (640, 480))])
    def test_videos_have_even_sides(self, width: int, size: tuple[int, int]) -> None:
        found = shaped(width, 481 if width == 641 else 480 if width == 640 else 479, "video", width={"max": 9000})
        assert found.size == size

    @each_row(("width", "height"), [(None, 5), (5, None), (0, 5), (5, 0)])
    def test_without_a_size_there_is_no_shape(self, width: int | None, height: int | None) -> None:
        assert shaped(width, height) is None

    @each_row(
        ("size", "lines", "crop", "result"),
        [
            ((640, 480), {"width": {"any_of": [320, 800]}}, (640, 480), (800, 600)),
            ((640, 480), {"width": {"any_of": [200, 1000]}}, (640, 480), (1000, 750)),
            ((640, 480), {"height": {"any_of": [480, 2000]}}, (640, 480), (640, 480)),
            ((640, 480), {"width": {"any_of": [500]}, "height": {"any_of": [500, 375]}}, (640, 480), (500, 375)),
            ((640, 480), {"width": {"any_of": [500]}, "height": {"any_of": [500]}}, (480, 480), (500, 500)),
            ((480, 640), {"width": {"any_of": [500]}, "height": {"any_of": [500]}}, (480, 480), (500, 500)),
            ((640, 480), {"width": {"any_of": [1000]}, "height": {"any_of": [500]}}, (640, 320), (1000, 500)),
            ((640, 480), {"pixels": {"any_of": [307_200]}}, (640, 480), (640, 480)),
            ((640, 480), {"pixels": {"any_of": [76_800]}}, (640, 480), (320, 240)),
            ((640, 480), {"pixels": {"any_of": [307_200, 76_800]}}, (640, 480), (640, 480)),
            ((640, 480), {"width": {"any_of": [200, 322]}}, (640, 480), (322, 242)),
            ((640, 480), {"width": {"any_of": [1]}}, (640, 480), (1, 1)),
            ((640, 480), {"pixels": {"any_of": [0]}}, None, None),
            ((640, 480), {"width": {"any_of": [0, -5, 320.5]}}, None, None),
            ((640, 480), {"width": {"any_of": [320]}, "height": {"max": 239}}, (640, 478), (320, 239)),
            ((640, 480), {"width": {"any_of": [320]}, "height": {"max": 200}}, (640, 400), (320, 200)),
        ],
    )
    def test_listed_values_are_taken_by_ratio_and_then_by_size(
        self, size: tuple[int, int], lines: dict[str, Any], crop: tuple[int, int] | None, result: tuple[int, int] | None
    ) -> None:
        found = shaped(*size, **lines)
        assert (found and found.crop, found and found.size) == (crop, result)

    @each_row(
        ("lines", "crop", "result"),
        [
            ({"width": {"any_of": [326]}}, (640, 480), (326, 244)),
            ({"width": {"any_of": [326]}, "aspect_ratio": {"max": 1.33}}, (636, 480), (326, 246)),
            ({"width": {"any_of": [326]}, "aspect_ratio": {"min": 1.34}}, (640, 475), (326, 242)),
            ({"height": {"any_of": [402]}}, (640, 480), (536, 402)),
            ({"height": {"any_of": [322]}}, (640, 480), (430, 322)),
            ({"height": {"any_of": [300]}, "aspect_ratio": {"max": 1.33}}, (637, 480), (398, 300)),
        ],
    )
    def test_the_side_that_is_not_listed_may_be_a_pixel_longer_or_shorter(
        self, lines: dict[str, Any], crop: tuple[int, int], result: tuple[int, int]
    ) -> None:
        found = shaped(640, 480, "video", **lines)
        assert (found.crop, found.size) == (crop, result)

    def test_listed_sizes_of_videos_are_even(self) -> None:
        assert shaped(640, 480, "video", width={"any_of": [321, 322]}).size == (322, 242)
        assert shaped(640, 480, "video", width={"any_of": [321]}) is None

    @each_row(
        ("size", "ratios", "crop"),
        [
            ((640, 480), [1.0], (480, 480)),
            ((640, 480), [1.0, 1.4], (640, 457)),
            ((640, 480), [0, -1, 1.5], (640, 427)),
            ((480, 640), [0.5, 1.5], (320, 640)),
            ((640, 480), [1.3334], (640, 480)),
            ((100, 100), [10], (100, 10)),
        ],
    )
    def test_a_listed_ratio_keeps_the_largest_part(
        self, size: tuple[int, int], ratios: list[float], crop: tuple[int, int]
    ) -> None:
        assert shaped(*size, aspect_ratio={"any_of": ratios}).crop == crop


class TestEncoding:
    @each_row(
        ("line", "kept"),
        [
            ({"max": 15}, 14.8),
            ({"min": 2, "max": 15}, 14.8),
            ({"min": 14.9, "max": 15}, 14.95),
            ({"max": 0.3}, 0.15),
            ({"max": 0.1}, 0.05),
            ({"max": 0}, None),
            ({"min": 2}, None),
        ],
    )
    def test_a_cut_leaves_room_for_what_encoders_add(self, line: dict[str, Any], kept: float | None) -> None:
        assert timing.trimmed_duration(compile_limit("duration", line)) == kept

    @each_row(
        ("fps", "line", "rate"),
        [
            (12.0, {"min": 24, "max": 60}, 24),
            (90.0, {"min": 24, "max": 60}, 60),
            (12.0, {"above": 24, "max": 60}, 25),
            (24.0, {"above": 24, "max": 60}, 25),
            (12.0, {"min": 23.5, "max": 60}, 24),
            (90.0, {"min": 24, "below": 60}, 59),
            (90.0, {"min": 24, "max": 59.5}, 59.5),
            (90.0, {"min": 24, "below": 59.5}, 59),
            (12.0, {"min": 23.97, "max": 23.98}, 23.975),
            (None, {"min": 24}, 24),
            (12.0, {"min": 1000}, 1000),
            (12.0, {"min": 1001}, None),
            (90.0, {"max": 0}, None),
            (12.0, {"any_of": [24, 30]}, 24),
            (90.0, {"any_of": [24, 30]}, 30),
            (None, {"any_of": [24, 30]}, 24),
            (12.0, {"any_of": [0, 2000]}, None),
            (990.0, {"any_of": [1000, 5]}, 1000),
        ],
    )
    def test_the_nearest_frame_rate(self, fps: float | None, line: dict[str, Any], rate: float | None) -> None:
        media: Any = fps
        assert timing.target_fps(media, compile_limit("fps", line)) == rate

    @each_row(
        ("kind", "accepted", "written"),
        [
            ("image", ["webp", "jpeg", "png"], ["png", "jpeg"]),
            ("video", ["webm", "mov", "avi"], ["mov", "webm"]),
            ("audio", ["mp4", "ogg", "wav"], ["wav", "ogg", "mp4"]),
            ("audio", [], []),
            (None, ["png"], []),
        ],
    )
    def test_formats_that_can_be_written(self, kind: str | None, accepted: list[str], written: list[str]) -> None:
        assert encoding.written_formats(kind, compile_limit("format", {"any_of": accepted})) == written

    def test_without_a_limit_every_format_can_be_written(self) -> None:
        assert encoding.written_formats("image", None) == ["png", "jpeg"]
        assert encoding.written_formats(None, None) == []

    @each_row(
        ("fact", "accepted", "container", "codec"),
        [
            ("video_codec", None, "mp4", "h264"),
            ("audio_codec", None, "mp4", "aac"),
            ("audio_codec", ["mp3", "aac"], "mp4", "aac"),
            ("audio_codec", ["wma", "mp3"], "mp4", "mp3"),
            ("audio_codec", ["wma", NONE], "mp4", NONE),
            ("audio_codec", ["wma"], "mp4", None),
            ("video_codec", None, "webm", "vp9"),
            ("audio_codec", None, "webm", "opus"),
            ("video_codec", None, "wav", NONE),
            ("audio_codec", None, "wav", "pcm"),
            ("audio_codec", None, "avi", None),
        ],
    )
    def test_codecs_by_container(
        self, fact: str, accepted: list[str] | None, container: str, codec: str | None
    ) -> None:
        limit = compile_limit(fact, {"any_of": accepted}) if accepted is not None else None
        assert encoding.codec(fact, limit, container) == codec

    VIDEO_FILE = SimpleNamespace(kind="video", format="mkv", video_codec="h264", audio_codec="opus")

    @each_row(
        ("fact", "wrong", "lines", "container", "copied"),
        [
            ("video_codec", (), {}, "mp4", True),
            ("audio_codec", (), {}, "mp4", False),
            ("audio_codec", (), {}, "mkv", True),
            ("video_codec", ("width",), {}, "mp4", False),
            ("video_codec", ("fps",), {}, "mkv", False),
            ("video_codec", ("audio_codec",), {}, "mp4", True),
            ("audio_codec", ("audio_codec",), {}, "mkv", False),
            ("audio_codec", ("width",), {}, "mkv", True),
            ("video_codec", ("duration",), {}, "mp4", False),
            ("video_codec", (), {"video_codec": {"any_of": ["hevc"]}}, "mp4", False),
            ("video_codec", (), {"video_codec": {"any_of": ["h264"]}}, "mp4", True),
            ("video_codec", (), {"video_codec": {"any_of": ["hevc"]}}, "mkv", True),
            ("video_codec", (), {}, "avi", False),
        ],
    )
    def test_tracks_that_can_be_copied(
        self, fact: str, wrong: tuple[str, ...], lines: dict[str, Any], container: str, copied: bool
    ) -> None:
        assert encoding.can_copy(fact, self.VIDEO_FILE, frozenset(wrong), limits(**lines), container) is copied

    def test_only_known_containers_are_copied_from(self) -> None:
        for name in ("3gp", "m4a", "m4v", "mov", "mp4", "flv", "mkv", "mpegts", "webm", "avi", "ogg"):
            clip = SimpleNamespace(kind="video", format=name, video_codec="h264", audio_codec="aac")
            assert encoding.can_copy("video_codec", clip, frozenset(), {}, "mp4") is (name not in ("avi", "ogg"))

    def test_a_file_is_remuxed_where_every_track_can_be_copied(self) -> None:
        tracks = ("video_codec", "audio_codec")
        assert not encoding.can_remux(self.VIDEO_FILE, tracks, frozenset(), {}, "mp4")
        silent = SimpleNamespace(kind="video", format="mkv", video_codec="h264", audio_codec=NONE)
        assert encoding.can_remux(silent, tracks, frozenset(), {}, "mp4")
        assert not encoding.can_remux(silent, ("audio_codec",), frozenset(), {}, "mp4")

    @each_row(
        ("source", "codec", "container", "options"),
        [
            ("mkv", "h264", "mkv", ["-c", "copy"]),
            ("mov", "hevc", "mp4", ["-c", "copy"]),
            ("mkv", "hevc", "mp4", ["-c", "copy", "-sn", "-tag:v", "hvc1"]),
            ("mkv", "h264", "mp4", ["-c", "copy", "-sn"]),
            ("mp4", "hevc", "mkv", ["-c", "copy", "-sn"]),
        ],
    )
    def test_options_for_copying(self, source: str, codec: str, container: str, options: list[str]) -> None:
        media = SimpleNamespace(format=source, video_codec=codec, audio_codec="aac")
        assert encoding.copy_options(media, container) == options


def media_of(kind: str, name: str, width: int, height: int, **facts: Any) -> Media:
    return Media(kind, name, 1000, width=width, height=height, **facts)


class TestCommands:
    @each_row(
        ("size", "even"),
        [((640, 480), None), ((641, 480), (640, 480)), ((640, 481), (640, 480)), ((641, 481), (640, 480))],
    )
    def test_odd_sides_are_scaled_where_the_picture_is_encoded(
        self, size: tuple[int, int], even: tuple[int, int] | None
    ) -> None:
        clip = encoding.Subject.of(media_of("video", "mp4", *size, video_codec="hevc", audio_codec=NONE))
        section = Section(tuple(limits(video_codec={"any_of": ["h264"]}).values()), {})
        found = least_change.changes_for(frozenset(("video_codec",)), clip, section)
        assert (found.shape and found.shape.size) == even

    def test_the_video_is_named_before_the_audio(self) -> None:
        clip = encoding.Subject.of(media_of("video", "mp4", 640, 480, video_codec="hevc", audio_codec="ac3"))
        lines = limits(audio_codec={"any_of": ["aac"]}, video_codec={"any_of": ["h264"]})
        found = least_change.changes_for(frozenset(lines), clip, Section(tuple(lines.values()), {}))
        found_steps = steps.steps_for(found)
        assert steps.sentence_of(found_steps, found) == "transcode it to h264 and transcode it to aac"

    @each_row(
        ("accepted", "written", "options"),
        [
            ([True], "mp4", ["+faststart"]),
            ([True], "webm", []),
            ([False], "mp4", []),
            ([False], "webm", []),
            (None, "mp4", ["+faststart"]),
            (None, "mkv", []),
        ],
    )
    def test_the_index_is_put_first_unless_a_limit_excludes_it(
        self, accepted: list[bool] | None, written: str, options: list[str]
    ) -> None:
        lines = limits(streamable={"any_of": accepted}) if accepted else {}
        found: Any = SimpleNamespace(limits=lines, written=written)
        assert ffmpeg_args._index(found) == options

    @each_row(
        ("frames", "notes", "moving"), [(None, (), False), (1, (), False), (2, (), True), (1, ("animated",), True)]
    )
    def test_several_frames_are_an_animation(self, frames: int | None, notes: tuple[str, ...], moving: bool) -> None:
        picture = media_of("image", "gif", 640, 480, frames=frames, notes=notes)
        assert encoding.Subject.of(picture).moving is moving

    @each_row(("pixels", "opens"), [(178_956_970, True), (178_956_980, False)])
    def test_pillow_opens_pictures_up_to_its_bound(self, pixels: int, opens: bool) -> None:
        assert _can_be_opened(media_of("image", "jpeg", pixels // 10, 10)) is opens

    @each_row(
        ("source", "result"),
        [
            ("a.b.mp4", "a.b-fixed.mp4"),
            ("a.b.mov", "a.b-mov-fixed.mp4"),
            ("a.b/c", "a.b/c-fixed.mp4"),
            ("a", "a-fixed.mp4"),
        ],
    )
    def test_the_result_lies_beside_its_source(self, source: str, result: str) -> None:
        assert commands._beside(source, "mp4") == result
