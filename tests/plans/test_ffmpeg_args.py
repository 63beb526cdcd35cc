"""The words of ffmpeg for video and audio files: tracks, codecs, passes, lengths and metadata."""

from __future__ import annotations

from typing import Any

import pytest

from preflight.media import NONE, Media
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.encoders import EncodingRate, crf, video_options
from preflight.plans.ffmpeg_args import args_for, needs_of, passes
from preflight.plans.steps import is_resolved, steps_for
from tests.plans.planned import AUDIO_FILE, CLIP, SILENT, changes_of, only, output_of, words_of
from tests.rows import each_row

MP3 = AUDIO_FILE._replace(format="mp3", audio_codec="mp3", audio_bit_rate=128_000, sample_bits=None)
GIF = SILENT._replace(format="gif", video_codec="gif", fps=None, duration=None, frames=None, variable_fps=None)


@each_row(
    ("media", "lines", "words"),
    [
        (CLIP, {"format": only("mov")}, "-map 0:V -map 0:a? -map 0:s? -c copy -movflags +faststart"),
        (CLIP, {"format": only("mkv")}, "-map 0:V -map 0:a? -c copy"),
        (CLIP, {"audio_tracks": {"max": 0}}, "-map 0:V:0 -map 0:a:0? -map 0:s? -c copy"),
        (CLIP, {"duration": {"max": 15}}, "-map 0:V -map 0:a? -map 0:s? -c copy -t 14.8"),
        (CLIP, {"audio_codec": only("mp3")}, "-map 0:V:0 -map 0:a? -map 0:s? -c:v copy -c:a libmp3lame -b:a 192000"),
        (CLIP, {"audio_codec": only(NONE)}, "-map 0:V:0 -map 0:s? -c:v copy -an -c:s copy"),
        (CLIP, {"fps": {"max": 25}}, "-vf fps=25 -c:v libx264 -pix_fmt yuv420p -preset medium -crf 17 -c:a copy"),
        (CLIP._replace(variable_fps=True), {"video_codec": only("hevc")}, "-fps_mode vfr -enc_time_base 1:90000 "),
        (CLIP._replace(format="mkv", video_codec="hevc"), {"format": only("mp4")}, "-c copy -tag:v hvc1"),
        (CLIP, {"video_codec": only("hevc")}, "-c:v libx265 -pix_fmt yuv420p -preset medium -crf 19 -c:a copy"),
        (CLIP._replace(brand="M4V "), {"brand": only("mp42")}, "-c copy -movflags +faststart -brand mp42"),
        (AUDIO_FILE, {"duration": {"max": 15}}, "-map 0:a:0 -c copy -t 14.8"),
        (MP3, {"duration": {"max": 15}}, "-map 0:a:0 -map 0:v? -c copy -disposition:v attached_pic -t 14.8"),
        (MP3, {"format": only("m4a")}, "-map 0:a -c:a aac -b:a 192000"),
        (AUDIO_FILE._replace(sample_bits=24), {"sample_rate": {"max": 44_100}}, "-map 0:a:0 -c:a pcm_s24le -ar 44100"),
        (CLIP._replace(channels=6), {"audio_codec": only("opus"), "format": only("mkv")}, "-af aformat="),
        (CLIP._replace(channels=6), {"channels": {"max": 2}}, "-c:a aac -b:a 192000 -ac 2"),
    ],
)  # fmt: skip
def test_only_what_is_wrong_is_encoded(media: Media, lines: dict[str, Any], words: str) -> None:
    assert words in output_of(changes_of(media, **lines))


@each_row(
    ("media", "codec"),
    [
        (CLIP._replace(video_codec="vp9", format="webm", audio_codec="opus"), "libvpx-vp9"),
        (CLIP._replace(video_codec="hevc"), "libx265"),
        (CLIP._replace(video_codec="av1"), "libsvtav1"),
        (CLIP._replace(video_codec="vp8", format="webm", audio_codec="vorbis"), "libvpx"),
        (CLIP._replace(video_codec="mpeg4"), "libx264"),
    ],
)
def test_the_codec_stays_where_it_can_be_written(media: Media, codec: str) -> None:
    assert f"-c:v {codec} " in output_of(changes_of(media, width={"max": 640}))


def test_chroma_and_depth_stay_in_the_same_codec_only() -> None:
    clip = CLIP._replace(chroma="4:2:2", bit_depth=10)
    assert "-pix_fmt yuv422p10le" in output_of(changes_of(clip, width={"max": 640}))
    assert "-pix_fmt yuv420p " in output_of(changes_of(clip._replace(video_codec="prores"), width={"max": 640}))


def test_high_dynamic_range_is_tone_mapped_for_a_codec_of_eight_bits_only() -> None:
    clip = CLIP._replace(video_codec="hevc", bit_depth=10, hdr="pq", primaries="bt2020", transfer="smpte2084")
    assert "tonemap" in output_of(changes_of(clip, video_codec=only("h264")))
    assert "tonemap" not in output_of(changes_of(clip, width={"max": 640}))
    assert "-pix_fmt yuv420p10le" in output_of(changes_of(clip, width={"max": 640}))
    refused = changes_of(clip, Choices(hdr="refuse"), video_codec=only("h264"))
    assert [obstacle.parameter for obstacle in refused.obstacles] == ["hdr"]


class TestParts:
    def test_the_end_is_reached_by_a_seek_and_encoded(self) -> None:
        found = changes_of(CLIP, Choices(trim="end"), duration={"max": 15})
        assert words_of(found).source == ("-ss", "5.2")
        assert "-c:v libx264" in output_of(found)
        assert "-c:a aac" in output_of(found)
        assert "0:s" not in output_of(found)

    def test_a_loop_repeats_the_source(self) -> None:
        found = changes_of(CLIP, Choices(extend="loop"), duration={"min": 30})
        assert words_of(found).source == ("-stream_loop", "-1")
        assert "-t 30.1" in output_of(found)

    def test_an_audio_file_repeats_its_samples(self) -> None:
        found = changes_of(AUDIO_FILE, Choices(extend="loop"), duration={"min": 30})
        assert words_of(found).source == ()
        assert "-af aloop=loop=-1:size=2147483647 -c:a pcm_s16le -t 30.1" in output_of(found)

    def test_a_file_that_plays_nothing_is_not_repeated(self) -> None:
        empty = AUDIO_FILE._replace(duration=0.0)
        assert changes_of(empty, Choices(extend="loop"), duration={"min": 30}).unmet == {"duration"}

    def test_the_last_frame_is_held_and_silence_added(self) -> None:
        found = changes_of(CLIP, Choices(extend="hold"), duration={"min": 30})
        assert "-vf tpad=stop_mode=clone:stop_duration=30.1 " in output_of(found)
        assert "-af apad=whole_dur=30.1 " in output_of(found)
        assert {"tpad", "apad"} <= needs_of(found).filters

    def test_flac_is_encoded_since_its_header_states_the_length(self) -> None:
        flac = AUDIO_FILE._replace(format="flac", audio_codec="flac")
        assert "-c:a flac -c:v copy -disposition:v attached_pic -t 14.8" in output_of(
            changes_of(flac, duration={"max": 15})
        )


class TestSilence:
    def test_a_silent_track_is_added_by_choice(self) -> None:
        found = changes_of(SILENT, Choices(add_silence=True), audio_codec={**only("aac"), "required": True})
        words = words_of(found)
        assert words.inputs == ("-f", "lavfi", "-t", "20", "-i", "anullsrc=channel_layout=stereo:sample_rate=48000")
        assert "-map 0:V:0 -map 1:a -map 0:s? -c:v copy -c:a aac" in output_of(found)
        assert "anullsrc" in needs_of(found).filters

    def test_silent_track_has_the_required_channels_and_rate(self) -> None:
        lines = {"channels": {"max": 1, "required": True}, "sample_rate": {"max": 44_100, "required": True}}
        words = words_of(changes_of(SILENT, Choices(add_silence=True), **lines))
        assert words.inputs[-1] == "anullsrc=channel_layout=mono:sample_rate=44100"


class TestPasses:
    @pytest.mark.parametrize(
        ("codec", "words"),
        [
            ("h264", "-b:v 500000 -pass 1 -passlogfile preflight-pass"),
            ("hevc", "-b:v 500000 -x265-params pass=1:stats=preflight-pass.log"),
            ("vp9", "-b:v 500000 -pass 1 -passlogfile preflight-pass"),
        ],
    )
    def test_first_pass_writes_no_file_and_reads_no_audio(self, codec: str, words: str) -> None:
        found = changes_of(CLIP, video_codec=only(codec), size={"max": "2 MB"}, format=only("mkv"))
        assert passes(found) == 2
        assert words in output_of(found, 500_000, 1)
        assert "-c:a" not in output_of(found, 500_000, 1)
        assert words_of(found, 500_000, 1).muxer == "null"
        assert words.replace("pass=1", "pass=2").replace("-pass 1", "-pass 2") in output_of(found, 500_000, 2)

    def test_av1_and_audio_have_one_pass(self) -> None:
        assert passes(changes_of(CLIP, video_codec=only("av1"))) == 1
        assert passes(changes_of(MP3, size={"max": "100 kB"})) == 1

    def test_a_limit_on_the_bit_rate_holds_too(self) -> None:
        found = changes_of(CLIP, video_bit_rate={"max": 600_000}, size={"max": "2 MB"})
        assert "-b:v 500000 -maxrate 540000 -bufsize 540000 -pass 2" in output_of(found, 500_000, 2)


class TestAnimations:
    @each_row(("name", "demuxer"), [("gif", "gif"), ("png", "apng"), ("webp", "webp_anim"), ("avif", "mov")])
    def test_an_animation_becomes_a_video(self, name: str, demuxer: str) -> None:
        found = changes_of(GIF._replace(format=name, video_codec=name), format=only("mp4"))
        assert (found.is_animation, found.written, words_of(found).demuxer) == (True, "mp4", demuxer)
        assert "-c:v libx264 -pix_fmt yuv420p" in output_of(found)
        assert "-fps_mode vfr" in output_of(found)
        assert needs_of(found).decoders == ({"webp_anim"} if name == "webp" else frozenset())

    def test_animation_is_smaller_as_a_video_and_not_compressed(self) -> None:
        found = changes_of(GIF._replace(size=20_000_000), format=only("mp4"), size={"max": "16 MB"})
        (step,) = steps_for(found)
        assert (step.action, step.facts) == ("convert", ("format", "size"))
        assert is_resolved(found, (step,))

    def test_unknown_frame_rate_of_an_animation_becomes_an_accepted_one(self) -> None:
        assert "fps=50" in output_of(changes_of(GIF, format=only("mp4"), fps={"min": 24, "max": 60}))
        assert "fps=30" in output_of(changes_of(GIF, format=only("mp4"), fps={"min": 24, "max": 30}))
        assert "fps=20" in output_of(changes_of(GIF, format=only("mp4"), fps={"max": 24}))


@each_row(
    ("choices", "lines", "words"),
    [
        (Choices(strip_metadata=True), {}, "-c copy -movflags +faststart -map_metadata -1"),
        (Choices(strip_location=True), {}, "-metadata location= -metadata location-eng= "),
        (DEFAULT_CHOICES, {"format": only("mkv")}, "-c copy"),
    ],
)
def test_metadata_is_removed_only_by_choice(choices: Choices, lines: dict[str, Any], words: str) -> None:
    text = output_of(changes_of(CLIP, choices, **lines))
    assert words in text
    assert ("-metadata" in text or "-map_metadata" in text) is (choices != DEFAULT_CHOICES)


def test_needs_of_ffmpeg_are_named() -> None:
    needs = needs_of(changes_of(CLIP, video_codec=only("hevc"), audio_codec=only("mp3"), width={"max": 640}))
    assert needs.encoders == {"libx265", "libmp3lame"}
    assert needs.muxers == {"mp4"}
    assert "scale" in needs.filters
    assert needs_of(changes_of(CLIP, format=only("mov"))).encoders == frozenset()


def test_a_format_that_cannot_be_written_has_no_command() -> None:
    assert args_for(changes_of(CLIP, format=only("rm"))) is None


@each_row(
    ("codec", "quality", "factor"),
    [("h264", None, 17), ("h264", 90, 17), ("h264", 75, 23), ("h264", 1, 51), ("hevc", None, 19), ("vp9", 100, 20)],
)
def test_quality_decides_the_rate_factor(codec: str, quality: int | None, factor: int) -> None:
    assert crf(codec, quality) == factor


@each_row(
    ("codec", "rate", "words"),
    [
        ("vp9", EncodingRate(), "-crf 24 -b:v 0"),
        ("vp9", EncodingRate(highest=900_000), "-crf 24 -b:v 900000"),
        ("vp8", EncodingRate(), "-crf 8 -b:v 40000000"),
        ("av1", EncodingRate(), "-crf 24"),
        ("av1", EncodingRate(highest=900_000), "-b:v 900000"),
        ("hevc", EncodingRate(highest=900_000), "-crf 19 -maxrate 900000 -bufsize 900000 -x265-params level-idc=4.1"),
    ],
)
def test_encoders_are_bounded_in_their_own_way(codec: str, rate: EncodingRate, words: str) -> None:
    assert words in " ".join(video_options(codec, rate, 4.1, None))
