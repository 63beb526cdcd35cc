"""The facts of one media (`Media`), of its delivery (`Delivery`), and which of them are needed (`Need`)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from preflight.formats import AUDIO, mime_of

NONE: Final = "none"
"""The word for "read, and there is none": a silent video has `audio_codec == NONE`. `None` is "could not be read"."""


@dataclass(frozen=True, slots=True)
class Media:
    """What a probe read of one source. `None` = could not be read, `"none"` = read and absent; never a guess.

    width, height      px as displayed: after EXIF orientation, irot/imir/clap or video rotation; not pixel aspect ratio
    stored_*           px as coded
    rotation           clockwise degrees to display: 0, 90, 180, 270
    orientation        EXIF orientation 1-8
    pixel_aspect_ratio width of a pixel / height of a pixel
    frames             pictures in an image file, or video frames
    duration           s
    fps                average frames / s
    sample_rate        Hz; bit_rate bit/s; size bytes
    streamable         MP4 family: the moov box stands before the first mdat
    notes              words of `preflight.codes.NOTES`
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
    duration: float | None = None
    fps: float | None = None
    variable_fps: bool | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bit_rate: int | None = None
    has_alpha: bool | None = None
    encrypted: bool | None = None
    streamable: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def mime(self) -> str | None:
        """The registered MIME type of the format, e.g. `image/jpeg`; audio-only MP4 is `audio/mp4`."""
        return mime_of(self.format, self.kind)

    @property
    def aspect_ratio(self) -> float | None:
        """width / height as displayed."""
        return self.width / self.height if self.width and self.height else None

    @property
    def pixels(self) -> int | None:
        """width × height as displayed."""
        return self.width * self.height if self.width is not None and self.height is not None else None

    def facts(self) -> dict[str, Any]:
        """All facts as plain JSON values, flat, in the order of the documentation."""
        facts = dict(zip(FACTS, _values(self), strict=True))
        facts["notes"] = list(self.notes)
        return facts


_TRACK_OF: Final = {
    **dict.fromkeys(("sample_rate", "channels"), "audio_codec"),
    **dict.fromkeys(
        (
            *("width", "height", "stored_width", "stored_height", "aspect_ratio", "pixels", "pixel_aspect_ratio"),
            *("rotation", "frames", "fps", "variable_fps", "video_codec", "has_alpha"),
        ),
        "video_codec",
    ),
}
"""Facts that only one track has, and the codec fact that tells whether this track exists."""


def lacks_track_of(media: Media, fact: str) -> bool:
    """Return whether the track that a fact describes is absent, so that the fact has no value."""
    track = _TRACK_OF.get(fact)
    return track is not None and (getattr(media, track) == NONE or (track == "video_codec" and media.kind == AUDIO))


_DERIVED: Final = {"format": ("mime",), "pixel_aspect_ratio": ("aspect_ratio", "pixels")}
FACTS: Final[tuple[str, ...]] = tuple(
    name for field in fields(Media) for name in (field.name, *_DERIVED.get(field.name, ()))
)
"""The names of all facts of a media, derived ones included."""
_values: Final = attrgetter(*FACTS)


class Delivery(NamedTuple):
    """What a URL's server did when it was asked for the file; `None` = not seen.

    scheme, host, port  of the URL as given; host_is_ip: an address and no name; url_length: characters
    public              every address of every host on the way is a public one
    status              HTTP status of the first ranged GET, after redirects (of the redirect, where it was refused)
    redirects           how many were followed; redirected_host: to another host; insecure_redirect: from https to http
    content_type        as sent, lower case, without parameters; content_type_matches: it is one of the content's format
    content_length      bytes of the whole file as the server states it
    etag                as sent, `W/` included
    ranges              the server honoured Range; head_ok: a HEAD answers 200 with a length
    download_seconds    s that a download would take at the rate of what was read; None where that was too little
    expires_in          s until the URL's signature expires, from the moment of the check; negative = expired
    page                the answer is a web page: `login`, `challenge`, `drive`, `photos`, `dropbox` or `html`
    notes               words of `preflight.codes.NOTES`
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
    """What the chosen rule sets need of a source: the only thing that travels against the arrows.

    facts      names out of `FACTS` and of the fields of `Delivery`
    head       a rule set's fetcher begins with HEAD, so whether HEAD works must be seen
    max_bytes  how much of a file may be read where nothing less gives a needed fact
    """

    facts: frozenset[str] = frozenset(FACTS)
    head: bool = False
    max_bytes: int = 64 << 20


EVERYTHING: Final = Need()
