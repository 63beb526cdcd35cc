"""Small files with the facts of files that services refused, as their users reported them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from PIL import Image

Size = tuple[int, int]


def picture(path: Path, size: Size, mode: str = "RGB", noise: Size = (0, 0), **options: object) -> Path:
    """Write a picture of soft colors, with an area of noise, which compresses badly, in its corner."""
    colors = [Image.linear_gradient("L").rotate(90 * turn).resize(size) for turn in range(3)]
    drawn = Image.merge("RGB", colors)
    if noise[0]:
        drawn.paste(Image.frombytes("RGB", noise, os.urandom(noise[0] * noise[1] * 3)))
    if mode == "RGBA":
        drawn.putalpha(colors[0])
    elif mode != "RGB":
        drawn = drawn.convert(mode)
    drawn.save(path, **options)
    return path


def deep_picture(path: Path, size: Size) -> Path:
    """Write a PNG of 16 bits a component."""
    return encode(path, "-f", "lavfi", "-i", f"testsrc2=s={size[0]}x{size[1]}", "-frames:v", "1", "-pix_fmt", "rgb48be")


def heic(path: Path, size: Size, orientation: int = 1) -> Path:
    """Write a HEIC picture like that of a phone, which is turned by a box of its own."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture(path, size, exif=exif, quality=60)


def animation(path: Path, size: Size, frames: int, *, noisy: bool = False, duration: int = 100) -> Path:
    """Write a GIF of several frames."""
    width, height = size
    shown = [
        Image.frombytes("P", size, os.urandom(width * height))
        if noisy
        else Image.linear_gradient("L").resize(size).rotate(10 * number)
        for number in range(frames)
    ]
    if noisy:
        palette = os.urandom(768)
        for each in shown:
            each.putpalette(palette)
    shown[0].save(path, save_all=True, append_images=shown[1:], duration=duration, loop=0)
    return path


def encode(path: Path, *words: str) -> Path:
    """Let ffmpeg write a file."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *words, f"file:{path}"], check=True, timeout=120)
    return path


def clip(
    path: Path,
    size: Size,
    seconds: float,
    *words: str,
    fps: float = 30,
    audio: str | None = "-c:a aac",
    codec: str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
) -> Path:
    """Write a video of a test picture with a tone; without `audio`, a silent one."""
    pictures = ("-f", "lavfi", "-i", f"testsrc2=s={size[0]}x{size[1]}:r={fps}:d={seconds}")
    tone = () if audio is None else ("-f", "lavfi", "-i", f"sine=440:r=48000:d={seconds}", *audio.split(), "-shortest")
    return encode(path, *pictures, *tone[:4], *codec.split(), *tone[4:], *words)


def turned(path: Path, source: Path, degrees: int) -> Path:
    """Write a video again as one that is displayed turned, as phones do."""
    return encode(path, "-i", f"file:{source}", "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}")


def tone(path: Path, seconds: float, *words: str, rate: int = 44_100) -> Path:
    """Write a tone."""
    return encode(path, "-f", "lavfi", "-i", f"sine=440:r={rate}:d={seconds}", *words)
