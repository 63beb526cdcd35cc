"""The facts of one source (`Media`), of its delivery (`Delivery`), and which of them are needed (`Need`)."""

from __future__ import annotations

from operator import attrgetter
from typing import Final, NamedTuple, TypedDict

from preflight.facts import MEDIA_FACTS
from preflight.formats import AUDIO, CAMERA_RAW, IMAGE, mime_of

NONE: Final = "none"
"""The word for "read, and there is none": a silent video has `audio_codec == NONE`. `None` is "could not be read"."""


class Media(NamedTuple):
    """The facts of one source, as a probe read them: `preflight.facts.MEDIA_FACTS` describes each.

    `None` = could not be read, `"none"` = read and absent; never a guess.
    """

    kind: str | None = None
    format: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    stored_width: int | None = None
    stored_height: int | None = None
    rotation: int | None = None
    orientation: int | None = None
    pixel_aspect_ratio: float | None = None
    frames: int | None = None
    animated: bool | None = None
    multi_picture: bool | None = None
    duration: float | None = None
    fps: float | None = None
    variable_fps: bool | None = None
    keyframe_interval: float | None = None
    bit_depth: int | None = None
    color_model: str | None = None
    chroma: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    hdr: str | None = None
    coding: str | None = None
    scan: str | None = None
    video_codec: str | None = None
    video_profile: str | None = None
    video_level: float | None = None
    video_bit_rate: int | None = None
    audio_codec: str | None = None
    audio_profile: str | None = None
    audio_bit_rate: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    sample_bits: int | None = None
    bit_rate: int | None = None
    video_tracks: int | None = None
    audio_tracks: int | None = None
    has_alpha: bool | None = None
    encrypted: bool | None = None
    streamable: bool | None = None
    fragmented: bool | None = None
    edit_list: bool | None = None
    brand: str | None = None
    location: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def mime(self) -> str | None:
        """Return the registered MIME type of the format, e.g. `image/jpeg`; audio-only MP4 is `audio/mp4`."""
        return mime_of(self.format, self.kind)

    @property
    def aspect_ratio(self) -> float | None:
        """Return width / height as displayed."""
        return self.width / self.height if self.width and self.height else None

    @property
    def pixels(self) -> int | None:
        """Return width × height as displayed."""
        return self.width * self.height if self.width is not None and self.height is not None else None

    @property
    def long_side(self) -> int | None:
        """Return the larger of displayed width and height, in px."""
        return max(self.width, self.height) if self.width is not None and self.height is not None else None

    @property
    def short_side(self) -> int | None:
        """Return the smaller of displayed width and height, in px."""
        return min(self.width, self.height) if self.width is not None and self.height is not None else None

    @property
    def side_sum(self) -> int | None:
        """Return width + height as displayed, in px."""
        return self.width + self.height if self.width is not None and self.height is not None else None

    @property
    def dimensions(self) -> str | None:
        """Return width and height as displayed, e.g. `1280x720`."""
        return f"{self.width}x{self.height}" if self.width is not None and self.height is not None else None

    @property
    def pixel_frames(self) -> int | None:
        """Return width × height × frames."""
        return self.pixels * self.frames if self.pixels is not None and self.frames is not None else None

    @property
    def base64_size(self) -> int | None:
        """Return the bytes of the file in Base64 (RFC 4648, section 4): four for each three, rounded up."""
        return (self.size + 2) // 3 * 4 if self.size is not None else None

    @property
    def camera_raw(self) -> bool | None:
        """Return whether the format is that of a camera's unprocessed sensor data."""
        return self.format in CAMERA_RAW if self.format is not None else None

    def facts(self) -> dict[str, object]:
        """Return all facts as plain JSON values, in the order of `MEDIA_FACTS`."""
        facts = dict(zip(MEDIA_FACTS, _values(self), strict=True))
        facts["notes"] = list(self.notes)
        return facts


_values: Final = attrgetter(*MEDIA_FACTS)


class SizeFacts(TypedDict):
    """The facts of a picture's size, in px: as displayed, and as stored."""

    width: int | None
    height: int | None
    stored_width: int | None
    stored_height: int | None


def size_facts(width: int | None, height: int | None, *, transposed: bool = False) -> SizeFacts:
    """Return the facts of a picture stored as width × height (0: not known); `transposed`: displayed on its side."""
    width, height = width or None, height or None
    shown = (height, width) if transposed else (width, height)
    return {"width": shown[0], "height": shown[1], "stored_width": width, "stored_height": height}


def lacks_track_of(media: Media, fact: str) -> bool:
    """Return whether the track that a fact describes is absent, so that the fact has no value.

    A picture that is not animated has no duration.
    """
    if fact == "duration" and media.kind == IMAGE:
        return media.animated is False
    known = MEDIA_FACTS.get(fact)
    track = known.track if known is not None else None
    return track is not None and (getattr(media, track) == NONE or (track == "video_codec" and media.kind == AUDIO))


class Delivery(NamedTuple):
    """The facts of a request for a URL: `preflight.facts.DELIVERY_FACTS` describes each.

    `None` = not seen. Where redirects are followed, the response is the last one; if one is refused, it is that one.
    `expires_in` counts from the moment of the check and is negative for an expired URL; `page` is `login`, `challenge`,
    `drive`, `photos`, `dropbox` or `html`; `download_seconds` is None if too little was read to measure a rate.
    """

    scheme: str
    host: str
    url_length: int
    port: int | None = None
    host_is_ip: bool = False
    public: bool | None = None
    status: int | None = None
    redirects: int = 0
    redirected_host: bool = False
    insecure_redirect: bool = False
    content_type: str | None = None
    content_type_matches: bool | None = None
    content_length: int | None = None
    etag: str | None = None
    ranges: bool | None = None
    head_ok: bool | None = None
    download_seconds: float | None = None
    expires_in: float | None = None
    page: str | None = None
    notes: tuple[str, ...] = ()


class Need(NamedTuple):
    """The facts that the chosen rule sets need. A probe knows nothing else about the rule sets.

    facts      names of facts of media and of delivery
    head       whether the response to HEAD is needed, since a service starts with HEAD
    max_bytes  bytes that may be read if a needed fact requires them
    """

    facts: frozenset[str] = frozenset(MEDIA_FACTS)
    head: bool = False
    max_bytes: int = 64 << 20


EVERYTHING: Final = Need()
