"""Complaints of users whose files a service refused, each with a small file of the same facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.fixer.complaint_files import animation, clip, deep_picture, heic, picture, tone, turned


class Complaint(NamedTuple):
    """A refused file, and what makes it pass.

    name     of the file; make: writes it
    rules    the rule set that refuses it
    steps    the actions of the plan
    link     where it was reported, without `https://github.com/`; empty: known from the limits of the service alone
    options  the choices without which nothing is done
    """

    name: str
    make: Callable[[Path], Path]
    rules: str
    steps: str
    link: str = ""
    options: Mapping[str, Any] = MappingProxyType({})


HEVC = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1"
HLG = "-color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc"
INTERLACED = "-c:v mpeg2video -q:v 4 -flags +ildct+ilme -top 1 -pix_fmt yuv420p"

PICTURES = (
    Complaint(
        "small.webp", lambda path: picture(path, (256, 256)), "byteplus", "scale", "openstory-so/openstory/issues/1664"
    ),
    Complaint(
        "screenshot.png",
        lambda path: picture(path, (3024, 1964), noise=(1250, 1240)),
        "claude",
        "compress",
        "anthropics/claude-code/issues/1897",
    ),
    Complaint(
        "generated.png",
        lambda path: picture(path, (1024, 1536), noise=(1024, 1536)),
        "claude",
        "compress",
        "cg-dot/vertexai-cf-workers/issues/16",
    ),
    Complaint(
        "phone.heic",
        lambda path: heic(path, (1008, 756), 6),
        "claude",
        "convert",
        "anthropics/anthropic-sdk-python/issues/1589",
    ),
    Complaint("chat.heic", lambda path: heic(path, (640, 480)), "whatsapp", "convert", "green-api/docs/issues/135"),
    Complaint(
        "panorama.jpg",
        lambda path: picture(path, (10_800, 5400), "L"),
        "amazon-rekognition",
        "scale",
        "awsdocs/aws-doc-sdk-examples/issues/4848",
    ),
    Complaint(
        "drawing.bmp",
        lambda path: picture(path, (640, 480)),
        "amazon-rekognition",
        "convert",
        "aws/aws-sdk-js/issues/2315",
    ),
    Complaint(
        "web.webp",
        lambda path: picture(path, (640, 480)),
        "amazon-rekognition",
        "convert",
        "aws-solutions/dynamic-image-transformation-for-amazon-cloudfront/issues/374",
    ),
    Complaint(
        "sticker.gif", lambda path: animation(path, (320, 240), 8), "gemini", "convert", "Mai-with-u/MaiBot/issues/1435"
    ),
    Complaint(
        "label.jpg",
        lambda path: picture(path, (10_000, 7700), "L"),
        "google-vision:ocr",
        "scale",
        "openfoodfacts/openfoodfacts-server/issues/10764",
    ),
    Complaint(
        "map.jpg", lambda path: picture(path, (9702, 7168), "L"), "telegram", "scale", "nickoala/telepot/issues/135"
    ),
    Complaint(
        "page.png", lambda path: picture(path, (7000, 5400), "L"), "telegram", "scale", "redtidev1918/TelePost/pull/39"
    ),
    Complaint(
        "square.jpg", lambda path: picture(path, (1254, 1254)), "tiktok-photo", "scale", "trypostit/trypost/pull/120"
    ),
    Complaint(
        "portrait.jpg",
        lambda path: picture(path, (1086, 1448)),
        "tiktok-photo",
        "scale",
        "gitroomhq/postiz-app/pull/1875",
    ),
    Complaint(
        "chat.webp", lambda path: picture(path, (1280, 720)), "whatsapp", "convert", "chatwoot/chatwoot/issues/12260"
    ),
    Complaint(
        "plot.gif",
        lambda path: animation(path, (640, 480), 60, noisy=True),
        "x",
        "convert",
        "pybamm-team/BattBot/issues/62",
    ),
    Complaint(
        "post.png",
        lambda path: picture(path, (1080, 1080), "RGBA"),
        "instagram-feed",
        "convert",
        "dilame/instagram-private-api/issues/203",
    ),
    Complaint(
        "wide.jpg",
        lambda path: picture(path, (1200, 500)),
        "instagram-feed",
        "crop",
        "Masterjx9/socialmediascheduler/issues/56",
    ),
    Complaint(
        "strip.jpg",
        lambda path: picture(path, (2100, 16_382), "L"),
        "mastodon",
        "scale",
        "mastodon/mastodon/issues/6566",
    ),
    Complaint(
        "camera.jpg",
        lambda path: picture(path, (2400, 1600), noise=(1400, 1200), quality=97),
        "bluesky",
        "compress",
        "bluesky-social/social-app/issues/7612",
    ),
    Complaint("print.tif", lambda path: picture(path, (640, 480), "CMYK"), "instagram-feed", "convert"),
    Complaint("deep.png", lambda path: deep_picture(path, (640, 480)), "whatsapp", "change_pixel_format"),
    Complaint(
        "edit.png",
        lambda path: picture(path, (1024, 768), "RGBA"),
        "openai-image:dall-e-2",
        "crop",
        "openai/openai-node/issues/84",
    ),
)

VIDEOS = (
    Complaint(
        "reference.mp4", lambda path: clip(path, (1920, 1080), 2.5), "atlas", "scale", "Comfy-Org/ComfyUI/issues/13364"
    ),
    Complaint(
        "phone.mov",
        lambda path: turned(path, clip(path.with_name("flat.mov"), (640, 360), 2, codec=HEVC), 90),
        "whatsapp",
        "transcode convert",
        "chatwoot/chatwoot/issues/5367",
    ),
    Complaint(
        "screen.mp4",
        lambda path: clip(path, (360, 640), 2, fps=144),
        "mastodon",
        "change_fps",
        "mastodon/mastodon/issues/26514",
    ),
    Complaint(
        "render.mp4",
        lambda path: clip(path, (360, 640), 2, fps=61),
        "tiktok",
        "change_fps",
        "noahgsolomon/brainrot.js/issues/2",
    ),
    Complaint(
        "recording.mp4",
        lambda path: clip(path, (641, 361), 2, codec="-c:v libx264 -preset ultrafast -pix_fmt yuv444p"),
        "x",
        "change_pixel_format",
        "dr-Styki/ScreenRec/issues/14",
    ),
    Complaint(
        "music.mp4",
        lambda path: clip(path, (320, 180), 10, "-g", "9999", "-sc_threshold", "0", fps=60),
        "x",
        "transcode",
        "nununoisy/spc-presenter-rs/issues/3",
    ),
    Complaint(
        "split.mp4",
        lambda path: clip(path, (320, 180), 2, audio="-c:a libmp3lame"),
        "x",
        "transcode",
        "lafemmephile/core/issues/42",
    ),
    Complaint(
        "long.mp4",
        lambda path: clip(path, (64, 64), 149.35, fps=24),
        "x@2026-08",
        "trim",
        "plhery/node-twitter-api-v2/issues/243",
    ),
    Complaint("index.mp4", lambda path: clip(path, (320, 568), 3.2), "instagram-reels", "move_index"),
    Complaint(
        "old.avi",
        lambda path: clip(path, (640, 480), 2, audio="-c:a libmp3lame", codec="-c:v mpeg4 -q:v 4"),
        "tiktok",
        "transcode convert",
        "gitroomhq/postiz-app/issues/814",
    ),
    Complaint(
        "stream.mkv",
        lambda path: clip(path, (320, 568), 3.2, audio="-c:a libopus"),
        "instagram-reels",
        "transcode convert",
    ),
    Complaint(
        "studio.mov",
        lambda path: clip(path, (320, 568), 3.2, "-movflags", "+faststart", audio="-c:a pcm_s16le"),
        "instagram-reels",
        "transcode",
    ),
    Complaint(
        "windows.wmv",
        lambda path: clip(path, (320, 240), 2, audio="-c:a wmav2", codec="-c:v wmv2 -q:v 4"),
        "x",
        "transcode convert",
    ),
    Complaint(
        "cinema.mp4",
        lambda path: clip(path, (320, 568), 3.2, "-movflags", "+faststart", audio="-c:a aac -ac 6"),
        "instagram-reels",
        "transcode",
    ),
    Complaint(
        "broadcast.ts",
        lambda path: clip(path, (720, 576), 1, audio="-c:a aac", codec=INTERLACED, fps=25),
        "x",
        "deinterlace convert",
    ),
    Complaint(
        "minute.mp4",
        lambda path: clip(path, (64, 112), 61, "-movflags", "+faststart", fps=24),
        "instagram-story",
        "trim",
    ),
    Complaint(
        "heavy.mp4",
        lambda path: clip(
            path, (1280, 720), 3, *["-vf", "noise=alls=100:allf=t", "-b:v", "60M", "-maxrate", "60M", "-bufsize", "60M"]
        ),
        "whatsapp",
        "compress",
        "shridarpatil/whatomate/pull/540",
    ),
    Complaint(
        "hdr.mov",
        lambda path: clip(path, (640, 360), 2, codec=f"{HEVC} -pix_fmt yuv420p10le {HLG}"),
        "whatsapp",
        "tone_map transcode convert",
    ),
    Complaint(
        "pieces.mp4",
        lambda path: clip(
            path, (320, 568), 3.2, "-movflags", "+frag_keyframe+empty_moov+delay_moov", audio="-c:a libopus"
        ),
        "instagram-reels",
        "transcode",
    ),
    Complaint(
        "moment.mp4",
        lambda path: clip(path, (832, 480), 1.5, audio=None),
        "seedance-2.0",
        "scale extend",
        options={"extend": "hold"},
    ),
)

AUDIO_FILES = (
    Complaint(
        "voice.aac",
        lambda path: tone(path, 2, "-c:a", "aac"),
        "openai-transcription",
        "remux",
        "letta-ai/lettabot/pull/76",
    ),
    Complaint(
        "talk.wav",
        lambda path: tone(path, 480, "-ac", "1", rate=8000),
        "google-speech",
        "trim",
        "googleapis/google-cloud-ruby/issues/1414",
    ),
    Complaint(
        "lecture.wav",
        lambda path: tone(path, 170, "-ac", "2"),
        "openai-transcription",
        "compress convert",
        "SubtitleEdit/subtitleedit/issues/11147",
    ),
    Complaint(
        "word.mp3",
        lambda path: tone(path, 0.4, "-c:a", "libmp3lame"),
        "amazon-transcribe",
        "extend",
        "awsdocs/amazon-transcribe-developer-guide/issues/12",
        {"extend": "loop"},
    ),
    Complaint(
        "message.webm",
        lambda path: tone(path, 2, "-c:a", "libopus"),
        "whatsapp",
        "remux",
        "chatwoot/chatwoot/issues/5848",
    ),
    Complaint("memo.wma", lambda path: tone(path, 2, "-c:a", "wmav2"), "openai-transcription", "convert"),
)

COMPLAINTS = (*PICTURES, *VIDEOS, *AUDIO_FILES)
