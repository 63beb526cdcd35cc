"""Find an ffmpeg with the required encoders, filters and decoders: on PATH, else that of the extra `fix`."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Collection, Iterator
from concurrent import futures
from glob import escape, glob
from importlib.util import find_spec
from typing import Final, NamedTuple

from preflight.errors import FfmpegError, MissingExtra
from preflight.escape import printable
from preflight.fixer.ffmpeg.child import CHECK_INTERVAL, ChildExit, ChildLimits, ChildTimeout, run_child
from preflight.forks import SharedByThreads

LISTING_TIMEOUT: Final = 10.0
"""Timeout (s) for listing what ffmpeg supports, which takes a tenth of a second."""
_MAX_LISTING_BYTES: Final = 1 << 20
_EXTRA: Final = "pip install 'preflight-media[fix]'"
_VERSION: Final = re.compile(rb"^ffmpeg version (\S{1,100})", re.MULTILINE)
_OPTIONS: Final = ("-codecs", "-filters")
"""Options that list what ffmpeg supports."""
_CODEC: Final = re.compile(r"^ ([D.])([E.])[A-Z.]{4} (\w[\w.]*) (.*)$", re.MULTILINE)
"""One line of the first list: ` DEV.LS h264  H.264 (decoders: h264) (encoders: libx264)`. The brackets are missing if
there is only one, of the codec's name."""
_CODERS: Final = re.compile(r"\((decoders|encoders): ([^)]*)\)")
_FILTER: Final = re.compile(r"^ [A-Z.]{2,3} +(\w+) +\S*->\S* ", re.MULTILINE)
"""One line of the second list. Version 8 dropped a column."""


class Ffmpeg(NamedTuple):
    """An installed ffmpeg that works.

    path     absolute; encoders, filters, decoders: names of those that it has
    threads  for each decoder, filter and encoder; 0: ffmpeg decides
    folder   its working directory, where it may write the file between two passes
    """

    path: str
    version: str
    encoders: frozenset[str]
    filters: frozenset[str]
    decoders: frozenset[str] = frozenset()
    threads: int = 0
    folder: str = os.sep

    def missing(
        self, encoders: Collection[str] = (), filters: Collection[str] = (), decoders: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Return what is missing, as phrases: "the encoder libx264"."""
        lacking = {
            "encoder": {*encoders} - self.encoders,
            "filter": {*filters} - self.filters,
            "decoder": {*decoders} - self.decoders,
        }
        return tuple(f"the {what} {name}" for what, names in lacking.items() for name in sorted(names))

    def require(
        self, encoders: Collection[str] = (), filters: Collection[str] = (), decoders: Collection[str] = ()
    ) -> None:
        """Raise `FfmpegError` if it lacks any of these."""
        missing = self.missing(encoders, filters, decoders)
        if missing:
            raise FfmpegError("ffmpeg_incomplete", f"{self._lacks(missing)}. {ffmpeg_remedy()}")

    def _lacks(self, missing: tuple[str, ...]) -> str:
        return f"ffmpeg {printable(self.version)} ({printable(self.path)}) lacks {', '.join(missing)}"


def find_ffmpeg(
    encoders: Collection[str] = (), filters: Collection[str] = (), decoders: Collection[str] = ()
) -> Ffmpeg:
    """Return the first ffmpeg that works and has all these encoders, filters and decoders.

    Raise `MissingExtra` if there is no ffmpeg at all, and the first `FfmpegError` if none has everything.
    """
    problem: FfmpegError | None = None
    for path in _candidates():
        try:
            ffmpeg = inspect_ffmpeg(path)
            ffmpeg.require(encoders, filters, decoders)
        except FfmpegError as error:
            problem = problem or error
        else:
            return ffmpeg
    if problem is None:
        raise MissingExtra("Fixing video and audio files without ffmpeg on PATH", "fix")
    raise problem


def _candidates() -> Iterator[str]:
    """Yield each ffmpeg on PATH, then that of the extra.

    Relative entries of PATH are skipped: the current folder may hold untrusted files.
    """
    found = set()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, "ffmpeg")
        is_program = os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK)
        if is_program and os.path.realpath(path) not in found:
            found.add(os.path.realpath(path))
            yield path
    of_extra = _of_extra()
    if of_extra is not None and os.path.realpath(of_extra) not in found:
        yield of_extra


def _of_extra() -> str | None:
    """Return the ffmpeg that the extra `fix` installed; None without it.

    The package is only asked if it ships an ffmpeg: otherwise it would run any `ffmpeg` on PATH.
    """
    try:
        found = find_spec("imageio_ffmpeg")
        folders = [] if found is None else found.submodule_search_locations or []
        if not any(glob(os.path.join(escape(folder), "binaries", "ffmpeg-*")) for folder in folders):
            return None
        from imageio_ffmpeg import get_ffmpeg_exe

        path = get_ffmpeg_exe()
    except (ImportError, RuntimeError, ValueError):
        return None
    return path if isinstance(path, str) and os.path.isabs(path) and os.access(path, os.X_OK) else None


_State = tuple[str, int, int]
"""A program's path, size and time of change."""
_inspected: SharedByThreads[_State, Ffmpeg] = SharedByThreads()


def inspect_ffmpeg(path: str) -> Ffmpeg:
    """Return what the ffmpeg at an absolute path supports. It is asked again only if the file changes.

    Raise `FfmpegError` if it is not an ffmpeg that works.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
    state = (path, found.st_size, found.st_mtime_ns)
    with _inspected.lock:
        if state not in _inspected:
            _inspected[state] = _inspect(path)
        return _inspected[state]


def _inspect(path: str) -> Ffmpeg:
    stop = threading.Event()
    with futures.ThreadPoolExecutor(len(_OPTIONS)) as pool:
        try:
            listings = [pool.submit(_list, path, option, stop) for option in _OPTIONS]
            # Ctrl-C that comes while a thread begins to wait is noticed only when that ends.
            while futures.wait(listings, CHECK_INTERVAL).not_done:
                pass
            (banner, codecs), (_, filters) = (listing.result() for listing in listings)
        except BaseException:
            stop.set()
            raise
    version = _VERSION.search(banner)
    coders = {each: frozenset(_coders(codecs, each)) for each in ("encoders", "decoders")}
    names = frozenset(_FILTER.findall(filters))
    if version is None or not coders["encoders"] or not names:
        raise _unusable(path, "does not behave like ffmpeg")
    return Ffmpeg(path, version[1].decode("ascii", "replace"), coders["encoders"], names, coders["decoders"])


def _coders(codecs: str, kind: str) -> Iterator[str]:
    """Yield the names of all `encoders` or `decoders` in the list of codecs."""
    for can_decode, can_encode, codec, rest in _CODEC.findall(codecs):
        named = dict(_CODERS.findall(rest))
        if kind in named:
            yield from named[kind].split()
        elif (can_encode if kind == "encoders" else can_decode) != ".":
            yield codec


def _list(path: str, option: str, stop: threading.Event) -> tuple[bytes, str]:
    """Return what a program prints to standard error, and the list that it prints."""
    listing = bytearray()

    def collect(piece: bytes) -> bool:
        listing.extend(piece[: _MAX_LISTING_BYTES - len(listing)])
        return True

    try:
        ended: ChildExit = run_child([path, option], ChildLimits(LISTING_TIMEOUT), collect, stop)
    except ChildTimeout as error:
        raise _unusable(path, f"did not answer within {error.seconds:g} s") from None
    except OSError as error:
        raise _unusable(path, f"cannot be started ({error.strerror})") from None
    if ended.code:
        how = "crashed" if ended.code < 0 else f"ended with code {ended.code}"
        raise _unusable(path, f"{how} when it was asked for its {option.removeprefix('-')}")
    return ended.errors, listing.decode("utf-8", "replace")


def _unusable(path: str, how: str) -> FfmpegError:
    return FfmpegError("ffmpeg_unusable", f"The ffmpeg at {printable(path)} {how}. {ffmpeg_remedy()}")


def ffmpeg_remedy() -> str:
    """Return the remedy for an incomplete ffmpeg."""
    if _of_extra() is not None:
        return "Install a complete ffmpeg, and put it on PATH."
    return f"Install a complete ffmpeg, or the one of the extra: {_EXTRA}"
