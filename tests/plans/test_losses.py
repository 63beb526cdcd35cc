"""What a plan loses, and why there is none, in words."""

from __future__ import annotations

from typing import Any

from preflight.media import Media
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.losses import losses
from preflight.plans.obstacles import obstacles
from preflight.report import Obstacle
from tests.plans.planned import AUDIO_FILE, CLIP, SILENT, changes_of, only
from tests.rows import each_row

DEEP = CLIP._replace(
    video_codec="hevc", bit_depth=10, chroma="4:2:2", hdr="pq", primaries="bt2020", transfer="smpte2084"
)
TRACKS = CLIP._replace(audio_tracks=3, video_tracks=2, channels=6)


@each_row(
    ("media", "choices", "lines", "phrases"),
    [
        (CLIP, DEFAULT_CHOICES, {"format": only("mov")}, ()),
        (CLIP, DEFAULT_CHOICES, {"format": only("mkv")}, ("drops subtitles, if there are any",)),
        (CLIP, DEFAULT_CHOICES, {"duration": {"max": 15}}, ("drops 5.2 s at the end",)),
        (
            CLIP,
            Choices(trim="middle"),
            {"duration": {"max": 15}},
            (
                "drops 5.2 s at both ends together",
                "re-encodes the video and the audio",
                "drops subtitles, if there are any",
            ),
        ),
        (CLIP, DEFAULT_CHOICES, {"width": {"max": 640}}, (
            "scales it to 50 % of its size", "re-encodes the video, keeps the audio",
        )),
        (SILENT, DEFAULT_CHOICES, {"fps": {"max": 25}}, (
            "lowers the frame rate from 30 to 25 frames per second", "re-encodes the video",
        )),
        (SILENT, DEFAULT_CHOICES, {"fps": {"min": 60}}, ("re-encodes the video",)),
        (DEEP._replace(audio_codec="none", chroma="4:2:0"), DEFAULT_CHOICES, {"fps": {"min": 60}}, (
            "re-encodes the video", "drops the mastering metadata of HDR10, if there is any",
        )),
        (CLIP, DEFAULT_CHOICES, {"audio_codec": only("mp3")}, ("re-encodes the audio, keeps the video",)),
        (CLIP, DEFAULT_CHOICES, {"audio_codec": only("none")}, ("drops the audio",)),
        (AUDIO_FILE._replace(channels=6, sample_rate=192_000), DEFAULT_CHOICES, {"format": only("mp3")}, (
            "re-encodes the audio", "downmixes 6 channels to 2", "resamples the audio from 192,000 to 48,000 Hz",
        )),
        (TRACKS, DEFAULT_CHOICES, {"channels": {"max": 2}}, (
            "re-encodes the audio, keeps the video", "downmixes 6 channels to 2", "drops 1 of 2 video tracks",
        )),
        (TRACKS, DEFAULT_CHOICES, {"audio_tracks": {"max": 1}}, (
            "drops 1 of 2 video tracks", "drops 2 of 3 audio tracks",
        )),
        (CLIP._replace(size=50_000_000), DEFAULT_CHOICES, {"size": {"max": "20 MB"}}, (
            "re-encodes the video, keeps the audio", "compresses it to 40 % of its size",
        )),
        (DEEP, DEFAULT_CHOICES, {"hdr": only("none"), "video_codec": only("h264")}, (
            "re-encodes the video, keeps the audio", "tone-maps HDR to standard dynamic range",
            "reduces the bit depth from 10 to 8", "reduces the chroma resolution to 4:2:0",
        )),
        (CLIP._replace(scan="interlaced"), DEFAULT_CHOICES, {"scan": only("progressive")}, (
            "re-encodes the video, keeps the audio", "deinterlaces the video",
        )),
        (CLIP._replace(location=True), DEFAULT_CHOICES, {"location": only(False)}, ("drops the recording location",)),
        (CLIP, Choices(strip_location=True), {}, ()),
        (CLIP, Choices(strip_metadata=True), {}, ("drops the metadata",)),
        (AUDIO_FILE, DEFAULT_CHOICES, {"format": only("flac")}, ()),
        (
            AUDIO_FILE._replace(sample_bits=24), DEFAULT_CHOICES,
            {"sample_bits": only(16), "sample_rate": {"max": 44_100}}, (
            "resamples the audio from 48,000 to 44,100 Hz", "reduces the sample depth from 24 to 16 bits",
        )),
        (AUDIO_FILE, DEFAULT_CHOICES, {"format": only("mp3")}, ("re-encodes the audio",)),
    ],
)  # fmt: skip
def test_losses_are_named(media: Media, choices: Choices, lines: dict[str, Any], phrases: tuple[str, ...]) -> None:
    assert losses(changes_of(media, choices, **lines), media) == phrases


@each_row(
    ("media", "choices", "lines", "message", "parameter"),
    [
        (CLIP, DEFAULT_CHOICES, {"duration": {"min": 20.8}}, (
            "It is 0.8 s shorter than the required 20.8 s. It can be looped, or its last frame held."
        ), "extend"),
        (AUDIO_FILE, DEFAULT_CHOICES, {"duration": {"min": 25}}, (
            "It is 5 s shorter than the required 25 s. It can be looped, or silence added."
        ), "extend"),
        (SILENT, DEFAULT_CHOICES, {"audio_codec": {"any_of": ["aac"], "required": True}}, (
            "It has no audio, which is required. A silent track can be added."
        ), "add_silence"),
        (CLIP._replace(encrypted=True), DEFAULT_CHOICES, {"fps": {"max": 20}}, (
            "The file is encrypted. Decrypt it first."
        ), None),
        (CLIP._replace(notes=("no_moov",)), DEFAULT_CHOICES, {"fps": {"max": 20}}, (
            "The file is incomplete. Copy or download it again."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"video_bit_rate": {"min": 5_000_000}}, (
            "Its video bit rate of 1,800,000 bit/s is too low (at least 5,000,000 bit/s is required). "
            "Use a source of higher quality."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"size": {"min": "9 MB"}}, (
            "Its file size of 5 MB is too low (at least 9 MB is required). Use a source of higher quality."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"format": only("rm", "dv")}, (
            "None of the accepted formats (dv or rm) can be written. Convert it with another program."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"video_codec": only("prores")}, (
            "None of the accepted video codecs (prores) can be encoded. Encode it with another program."
        ), None),
        (DEEP, Choices(hdr="refuse"), {"hdr": only("none")}, (
            "The picture is HDR (PQ) and would have to be tone-mapped."
        ), "hdr"),
        (DEEP._replace(transfer=None), DEFAULT_CHOICES, {"hdr": only("none")}, (
            "Its colors are not described well enough to convert them. Export it with its color space."
        ), None),
        (AUDIO_FILE, DEFAULT_CHOICES, {"size": {"max": "50 kB"}, "format": only("mp3")}, (
            "A size of 50 kB leaves only 12,584 bit/s for its audio. Split it into parts."
        ), None),
        (CLIP._replace(duration=None), DEFAULT_CHOICES, {"size": {"max": "2 MB"}}, (
            "Its duration is not known, so it cannot be compressed to 2 MB. Remux it first."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"video_tracks": {"min": 2}}, (
            "No change brings its video tracks (1) within the limit (at least 2). Use another program."
        ), None),
    ],
)  # fmt: skip
def test_obstacles_are_named(
    media: Media, choices: Choices, lines: dict[str, Any], message: str, parameter: str | None
) -> None:
    assert obstacles(changes_of(media, choices, **lines), media) == (Obstacle(message, parameter),)


@each_row(
    ("media", "choices", "lines"),
    [
        (CLIP, Choices(extend="hold"), {"duration": {"min": 30}}),
        (SILENT, Choices(add_silence=True), {"audio_codec": {"any_of": ["aac"], "required": True}}),
        (CLIP, DEFAULT_CHOICES, {"size": {"max": "2 MB"}}),
        (CLIP, Choices(strip_metadata=True), {}),
    ],
)
def test_possible_plans_have_no_obstacles(media: Media, choices: Choices, lines: dict[str, Any]) -> None:
    assert obstacles(changes_of(media, choices, **lines), media) == ()
