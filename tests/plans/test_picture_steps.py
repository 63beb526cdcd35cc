"""The steps of a plan that change the geometry and the colors of a video, and why there are none."""

from __future__ import annotations

from typing import Any

from preflight.limit import compile_limit
from preflight.media import NONE, Media
from preflight.plans import colors
from preflight.plans.changes import Changes, needs_shape
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.colors import Colors
from preflight.plans.encoding import Subject
from preflight.plans.least_change import changes_for
from preflight.plans.steps import sentence_of, steps_for
from preflight.report import Obstacle
from preflight.ruleset import compile_ruleset
from tests.rows import each_row

VIDEO_FILE = Media(
    kind="video", format="mp4", width=640, height=480, rotation=0, pixel_aspect_ratio=1.0, fps=24.0, bit_depth=8,
    chroma="4:2:0", color_model="ycbcr", primaries="bt709", transfer="bt709", hdr=NONE, scan="progressive",
    video_codec="h264", audio_codec=NONE, has_alpha=False,
)  # fmt: skip
VISION = VIDEO_FILE._replace(hdr="dolby_vision")


def only(*values: Any) -> dict[str, Any]:
    return {"any_of": list(values)}


def changes_of(media: Media, choices: Choices = DEFAULT_CHOICES, /, **limits: Any) -> Changes:
    head = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    section = compile_ruleset("mine", {**head, "video": limits}).sections["video"]
    compiled = [compile_limit(fact, line) for fact, line in limits.items()]
    wrong = frozenset(limit.fact for limit in compiled if limit.side(getattr(media, limit.fact), media.height))
    return changes_for(wrong, Subject.of(media), section, choices)


@each_row(
    ("media", "choices", "limits", "sentence"),
    [
        (VIDEO_FILE, Choices(fit="pad"), {"aspect_ratio": {"max": 1}}, "pad it to 640×640"),
        (
            VIDEO_FILE,
            Choices(fit="blur"),
            {"aspect_ratio": {"max": 1}, "width": {"max": 320}},
            "scale it to 320×240 and pad it to 320×320",
        ),
        (VIDEO_FILE._replace(rotation=90), Choices(), {"rotation": only(0)}, "rotate it upright"),
        (
            VIDEO_FILE._replace(rotation=90),
            Choices(),
            {"rotation": only(0), "aspect_ratio": {"max": 1}},
            "rotate it upright and crop it to 480×480",
        ),
        (
            VIDEO_FILE._replace(width=720, height=576, pixel_aspect_ratio=64 / 45),
            Choices(),
            {"pixel_aspect_ratio": only(1)},
            "scale it to 1024×576 with square pixels",
        ),
        (
            VIDEO_FILE._replace(width=720, height=576, pixel_aspect_ratio=64 / 45),
            Choices(),
            {"pixel_aspect_ratio": only(1), "aspect_ratio": {"max": 1}},
            "crop it to 405×576 and scale it to 576×576 with square pixels",
        ),
        (
            VIDEO_FILE._replace(height=481),
            Choices(),
            {"fps": {"max": 20}},
            "crop it to 640×480 and convert it to 20 frames",
        ),
        (VISION, Choices(), {"hdr": only(NONE)}, "convert it to BT.709"),
    ],
)
def test_sentence_says_how_the_picture_changes(
    media: Media, choices: Choices, limits: dict[str, Any], sentence: str
) -> None:
    changes = changes_of(media, choices, **limits)
    assert sentence_of(steps_for(changes), changes).startswith(sentence)


@each_row(
    ("chroma", "size", "needs"),
    [
        ("4:2:0", (641, 480), True),
        ("4:2:0", (640, 481), True),
        ("4:2:2", (640, 481), False),
        ("4:2:2", (641, 480), True),
        ("4:4:4", (641, 481), False),
    ],
)
def test_sides_must_be_even_where_chroma_samples_are_shared(chroma: str, size: tuple[int, int], needs: bool) -> None:
    media = VIDEO_FILE._replace(width=size[0], height=size[1])
    assert needs_shape(changes_of(media, fps={"max": 20}, chroma=only(chroma))) is needs


class TestColors:
    def test_refusal_of_tone_mapping_is_an_obstacle_that_names_the_parameter(self) -> None:
        media = VIDEO_FILE._replace(hdr="pq", primaries="bt2020", transfer="smpte2084", bit_depth=10)
        (obstacle,) = changes_of(media, Choices(hdr="refuse"), hdr=only(NONE)).obstacles
        message = "The picture is HDR (PQ) and would have to be tone-mapped."
        assert obstacle == Obstacle(message, "hdr")

    def test_refusal_does_not_matter_where_the_pictures_are_of_standard_range(self) -> None:
        found = colors.target_colors(Subject.of(VISION), frozenset(("hdr",)), Choices(hdr="refuse"))
        assert found == Colors("bt709", "bt709", is_tone_mapped=False)

    @each_row(
        ("media", "words"),
        [
            (VIDEO_FILE._replace(primaries=None, transfer=None), "pin=bt709:tin=bt709:min=smpte170m:"),
            (VIDEO_FILE._replace(primaries=None, transfer=None, height=720), "pin=bt709:tin=bt709:min=bt709:"),
            (VIDEO_FILE._replace(primaries=None, transfer="smpte2084"), "pin=bt2020:tin=smpte2084:min=bt2020nc:"),
            (VIDEO_FILE._replace(primaries=None, transfer=None, color_model="rgb"), "pin=bt709:tin=bt709:p=bt709"),
            (VIDEO_FILE._replace(primaries="smpte432"), "pin=smpte432:tin=bt709:p=bt709"),
        ],
    )
    def test_unstated_colors_are_those_that_players_assume(self, media: Media, words: str) -> None:
        converted = Colors("bt709", "bt709", is_tone_mapped=media.transfer == "smpte2084")
        assert (colors.color_filters(Subject.of(media), converted) or "").startswith(f"zscale={words}")
