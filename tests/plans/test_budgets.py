"""The bytes that a result may have, and the bit rates for them."""

from __future__ import annotations

from typing import Any

from preflight.limit import compile_limit
from preflight.media import Media
from preflight.plans import budgets
from preflight.plans.choices import Choices
from preflight.plans.ffmpeg_args import passes
from preflight.plans.steps import is_resolved, steps_for
from tests.plans.planned import AUDIO_FILE, CLIP, SILENT, changes_of, only, output_of
from tests.rows import each_row

LARGE = CLIP._replace(size=50_000_000, video_bit_rate=19_800_000, bit_rate=20_000_000)


@each_row(
    ("lines", "most"),
    [
        ({"size": {"max": "5 MB"}}, 5_000_000),
        ({"size": {"below": "5 MB"}}, 4_999_999),
        ({"base64_size": {"max": 1003}}, 750),
        ({"size": {"max": 800}, "base64_size": {"max": 1003}}, 750),
        ({"size": {"max": "5 MB", "lenient": {"max": "6 MB"}}}, 5_000_000),
        ({"size": {"min": 5}}, None),
        ({}, None),
    ],
)
def test_the_largest_size_is_that_of_the_strictest_limit(lines: dict[str, Any], most: int | None) -> None:
    assert budgets.max_result_size({fact: compile_limit(fact, line) for fact, line in lines.items()}) == most


def test_bit_rates_leave_room_for_every_audio_track() -> None:
    one = changes_of(LARGE, size={"max": "3 MB"}).budget
    five = changes_of(LARGE._replace(audio_tracks=5), size={"max": "3 MB"}).budget
    assert one is not None
    assert five is not None
    assert one.audio_bit_rate is None
    assert five.audio_bit_rate is not None
    assert (five.video_bit_rate or 0) + 5 * five.audio_bit_rate <= 3_000_000 * 8 / 20


def test_bit_rates_fill_the_limit() -> None:
    found = changes_of(LARGE, size={"max": "20 MB"})
    assert found.budget is not None
    assert found.budget.is_failing
    assert found.audio is None  # its audio is a small part, and copied
    total = ((found.budget.video_bit_rate or 0) + 128_000) / 8 * 20
    assert 0.92 * 20e6 < total < 0.97 * 20e6
    assert [(step.action, step.facts) for step in steps_for(found)] == [("compress", ("size",))]
    assert passes(found) == 2


def test_audio_that_would_take_most_of_the_bytes_is_encoded_again() -> None:
    found = changes_of(LARGE, size={"max": "800 kB"})
    assert found.budget is not None
    assert 50_000 < (found.budget.audio_bit_rate or 0) < 62_000
    assert f"-c:a aac -b:a {found.budget.audio_bit_rate}" in output_of(found, 300_000, 2)


@each_row(("media", "kept"), [(LARGE, 8.8), (AUDIO_FILE._replace(format="mp3", audio_codec="mp3"), 8.8)])
def test_a_cut_that_makes_a_file_small_enough_needs_no_compression(media: Media, kept: float) -> None:
    found = changes_of(media, duration={"max": 9}, size={"max": int((media.size or 0) * 0.6)})
    assert (found.timing.kept, found.remuxes, found.compresses) == (kept, True, False)
    (step,) = steps_for(found)
    assert step.facts == ("duration", "size")
    assert is_resolved(found, (step,))


def test_a_cut_that_does_not_suffice_is_compressed_too() -> None:
    found = changes_of(LARGE, duration={"max": 9}, size={"max": "5 MB"})
    assert [step.action for step in steps_for(found)] == ["trim", "compress"]
    assert found.budget is not None
    assert (found.budget.video_bit_rate or 0) * 8.8 / 8 < 5e6


def test_few_bits_make_the_video_smaller() -> None:
    found = changes_of(SILENT._replace(size=50_000_000), size={"max": 500_000})
    assert found.shape is not None
    width, height = found.shape.size
    assert found.budget is not None
    assert (found.budget.video_bit_rate or 0) / (width * height * 30) >= 0.02
    assert width / height == 16 / 9 or abs(width / height - 16 / 9) < 0.02
    assert is_resolved(found, steps_for(found))


def test_few_bits_for_the_smallest_accepted_size_are_not_met() -> None:
    found = changes_of(SILENT._replace(size=50_000_000), size={"max": 100_000}, width={"min": 1000})
    assert found.unmet == {"size"}
    assert not is_resolved(found, steps_for(found))


class TestAudio:
    def test_lossless_audio_becomes_the_next_lossy_codec(self) -> None:
        found = changes_of(AUDIO_FILE, size={"max": "600 kB"}, format=only("wav", "mp3"))
        assert (found.written, found.codecs["audio_codec"]) == ("mp3", "mp3")
        assert found.budget is not None
        rate = found.budget.audio_bit_rate
        assert 0.92 * 600e3 < (rate or 0) / 8 * 20 < 0.98 * 600e3
        assert f"-abr 1 -b:a {rate}" in output_of(found, rate)

    def test_bit_rate_never_exceeds_that_of_the_encoder(self) -> None:
        found = changes_of(AUDIO_FILE, size={"max": "3 MB"}, format=only("wav", "mp3"))
        assert found.budget is not None
        assert "-b:a 320000" in output_of(found, found.budget.audio_bit_rate)

    def test_without_a_lossy_codec_there_is_no_plan(self) -> None:
        found = changes_of(AUDIO_FILE, size={"max": "1 MB"}, format=only("wav", "flac"))
        assert found.audio is None
        assert not is_resolved(found, steps_for(found))

    def test_a_lossy_audio_is_not_unpacked_beyond_the_limit(self) -> None:
        sound = AUDIO_FILE._replace(
            format="ogg", audio_codec="opus", size=300_000, audio_bit_rate=120_000, sample_bits=None
        )
        assert changes_of(sound, size={"max": "5 MB"}, format=only("wav", "mp3")).written == "wav"
        assert changes_of(sound, size={"max": "3 MB"}, format=only("wav", "mp3")).written == "mp3"

    def test_too_few_bits_are_not_met(self) -> None:
        assert changes_of(AUDIO_FILE, size={"max": "50 kB"}, format=only("mp3")).unmet == {"size"}


def test_a_file_with_too_few_bytes_is_not_padded() -> None:
    found = changes_of(CLIP, size={"min": "6 MB"})
    assert found.unmet == {"size"}
    assert found.budget is None


def test_an_encoded_video_near_its_limit_is_bounded() -> None:
    clip = CLIP._replace(width=1920, height=1080, size=9_000_000)
    assert "-crf 17 -maxrate 3" in output_of(changes_of(clip, width={"max": 1280}, size={"max": "10 MB"}))
    assert "-maxrate" not in output_of(changes_of(clip, width={"max": 1280}, size={"max": "1 GB"}))
    assert "-crf 23 -maxrate" in output_of(
        changes_of(clip, Choices(quality=75), width={"max": 1280}, size={"max": "10 MB"})
    )
