"""What a plan loses, and why there is none, in words."""

from __future__ import annotations

from typing import Any

from preflight.media import Media
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.losses import losses
from preflight.plans.obstacles import obstacles
from preflight.report import Obstacle
from tests.plans.planned import CLIP, SILENT, SOUND, changes_of, only
from tests.rows import each_row

DEEP = CLIP._replace(
    video_codec="hevc", bit_depth=10, chroma="4:2:2", hdr="pq", primaries="bt2020", transfer="smpte2084"
)
TRACKS = CLIP._replace(audio_tracks=3, video_tracks=2, channels=6)


@each_row(
    ("media", "choices", "lines", "phrases"),
    [
        (CLIP, DEFAULT_CHOICES, {"format": only("mov")}, ()),
        (CLIP, DEFAULT_CHOICES, {"format": only("mkv")}, ("keeps no subtitles, if there are any",)),
        (CLIP, DEFAULT_CHOICES, {"duration": {"max": 15}}, ("drops 5.2 s at the end",)),
        (
            CLIP,
            Choices(trim="middle"),
            {"duration": {"max": 15}},
            (
                "drops 5.2 s at both ends together",
                "re-encodes the film and the sound",
                "keeps no subtitles, if there are any",
            ),
        ),
        (CLIP, DEFAULT_CHOICES, {"width": {"max": 640}}, (
            "scales it to 0.5 of its size", "re-encodes the film, keeps the sound",
        )),
        (SILENT, DEFAULT_CHOICES, {"fps": {"max": 25}}, (
            "shows 25 instead of 30 frames per second", "re-encodes the film",
        )),
        (SILENT, DEFAULT_CHOICES, {"fps": {"min": 60}}, ("re-encodes the film",)),
        (CLIP, DEFAULT_CHOICES, {"audio_codec": only("mp3")}, ("re-encodes the sound, keeps the film",)),
        (CLIP, DEFAULT_CHOICES, {"audio_codec": only("none")}, ("drops the sound",)),
        (TRACKS, DEFAULT_CHOICES, {"channels": {"max": 2}}, (
            "re-encodes the sound, keeps the film", "mixes 6 channels down to 2", "drops 1 of 2 video tracks",
        )),
        (TRACKS, DEFAULT_CHOICES, {"audio_tracks": {"max": 1}}, (
            "drops 1 of 2 video tracks", "drops 2 of 3 sound tracks",
        )),
        (CLIP._replace(size=50_000_000), DEFAULT_CHOICES, {"size": {"max": "20 MB"}}, (
            "re-encodes the film, keeps the sound", "compresses it to 40 % of its size",
        )),
        (DEEP, DEFAULT_CHOICES, {"hdr": only("none"), "video_codec": only("h264")}, (
            "re-encodes the film, keeps the sound", "drops the high dynamic range", "keeps 8 of 10 bits of each color",
            "reduces the resolution of colors to 4:2:0",
        )),
        (CLIP._replace(scan="interlaced"), DEFAULT_CHOICES, {"scan": only("progressive")}, (
            "re-encodes the film, keeps the sound", "makes whole frames of fields",
        )),
        (CLIP._replace(location=True), DEFAULT_CHOICES, {"location": only(False)}, ("drops the recording location",)),
        (CLIP, Choices(strip_location=True), {}, ()),
        (CLIP, Choices(strip_metadata=True), {}, ("drops the metadata",)),
        (SOUND, DEFAULT_CHOICES, {"format": only("flac")}, ()),
        (SOUND._replace(sample_bits=24), DEFAULT_CHOICES, {"sample_bits": only(16), "sample_rate": {"max": 44_100}}, (
            "resamples the sound from 48,000 to 44,100 Hz", "keeps 16 of 24 bits of each sample",
        )),
        (SOUND, DEFAULT_CHOICES, {"format": only("mp3")}, ("re-encodes the sound",)),
    ],
)  # fmt: skip
def test_losses_are_named(media: Media, choices: Choices, lines: dict[str, Any], phrases: tuple[str, ...]) -> None:
    assert losses(changes_of(media, choices, **lines), media) == phrases


@each_row(
    ("media", "choices", "lines", "message", "parameter"),
    [
        (CLIP, DEFAULT_CHOICES, {"duration": {"min": 20.8}}, (
            "It is 0.8 s shorter than the 20.8 s that are required. It can be repeated, or its last frame held."
        ), "extend"),
        (SOUND, DEFAULT_CHOICES, {"duration": {"min": 25}}, (
            "It is 5 s shorter than the 25 s that are required. It can be repeated."
        ), "extend"),
        (SILENT, DEFAULT_CHOICES, {"audio_codec": {"any_of": ["aac"], "required": True}}, (
            "It has no sound, which is required. A silent track can be added."
        ), "add_silence"),
        (CLIP._replace(encrypted=True), DEFAULT_CHOICES, {"fps": {"max": 20}}, (
            "The file is encrypted. Decrypt it first."
        ), None),
        (CLIP._replace(notes=("no_moov",)), DEFAULT_CHOICES, {"fps": {"max": 20}}, (
            "The file is incomplete. Copy or download it again."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"video_bit_rate": {"min": 5_000_000}}, (
            "Its video bit rate of 1,800,000 bit/s is too low (at least 5,000,000 bit/s is required). "
            "More bytes would add nothing."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"size": {"min": "9 MB"}}, (
            "Its file size of 5 MB is too low (at least 9 MB is required). More bytes would add nothing."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"format": only("rm", "dv")}, (
            "None of the accepted formats (dv or rm) can be written."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"video_codec": only("prores")}, (
            "None of the accepted video codecs (prores) can be encoded."
        ), None),
        (DEEP, Choices(hdr="refuse"), {"hdr": only("none")}, (
            "The picture is in high dynamic range (PQ), which would have to be tone-mapped."
        ), "hdr"),
        (DEEP._replace(transfer=None), DEFAULT_CHOICES, {"hdr": only("none")}, (
            "Its colors are not described well enough to convert them."
        ), None),
        (SOUND, DEFAULT_CHOICES, {"size": {"max": "50 kB"}, "format": only("mp3")}, (
            "50 kB leave only 12,584 bit/s for its sound. Cut it into parts."
        ), None),
        (CLIP._replace(duration=None), DEFAULT_CHOICES, {"size": {"max": "2 MB"}}, (
            "Its duration is not known, so that it cannot be compressed to 2 MB. Remux it first."
        ), None),
        (CLIP, DEFAULT_CHOICES, {"video_tracks": {"min": 2}}, (
            "No change brings its video tracks (1) to what is required (at least 2)."
        ), None),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_named(
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
def test_nothing_stands_in_the_way_of_a_plan(media: Media, choices: Choices, lines: dict[str, Any]) -> None:
    assert obstacles(changes_of(media, choices, **lines), media) == ()
