"""Output files: each is written beside its destination and renamed onto it when complete."""

from __future__ import annotations

import errno
import io
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import IO, TYPE_CHECKING, Final

from preflight.errors import OutputError, UsageError
from preflight.formats import MEDIA_EXTENSIONS, extension_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK_SIZE: Final = 1 << 16
MAX_LINKS: Final = 40
"""Maximum number of symbolic links that are followed, as in the Linux kernel."""
MAX_NAME_BYTES: Final = 255
"""Maximum bytes of a file name."""


class Outputs:
    """All output files of one call, as a context manager.

    `publish` or `publish_new` makes the output visible; anything else is removed on exit, and existing files remain
    unchanged. A process that is killed leaves `.NAME.preflight-XXXXXXXX.partial` beside the destination. A symbolic
    link is followed: the file that it leads to is replaced. A device, a pipe and an open descriptor (`/dev/stdout`,
    `/dev/fd/3`) are written to directly.
    """

    def __init__(self) -> None:
        self._files: list[_File] = []

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        with _uninterrupted():
            for file in self._files:
                file.discard()

    def open(self, path: str, parameter: str = "output") -> IO[str]:
        """Return a text stream for a path. Writing raises `OutputError` if the file cannot be written completely.

        Raise `UsageError`, which names the parameter, if the file cannot be written or has a media extension.
        """
        require_overwritable(path, parameter)
        file = _File(path, os.path.realpath(path))
        if any(other.destination == file.destination for other in self._files):
            raise UsageError(f"Two reports would be written to {path}. Give each a path of its own.")
        self._files.append(file)  # before the temporary file is made: Ctrl-C may come at any time
        try:
            return file.open()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise _not_writable(parameter, path, str(why)) from None

    def publish(self) -> None:
        """Replace every destination with its output. If that raises `OutputError`, the destination is unchanged."""
        for file in self._files:
            file.finish()
        with _uninterrupted():
            for file in self._files:
                file.replace()

    def publish_new(self, stream: IO[str] | None = None) -> None:
        """Publish partial output, of one stream or all, unless it would replace a file."""
        for file in self._files:
            if not file.existed and (stream is None or stream is file.stream):
                with suppress(OutputError):
                    file.finish()
                with suppress(OutputError), _uninterrupted():
                    file.replace()

    def paths(self) -> list[str]:
        """Return the paths that were opened, as they were given."""
        return [file.path for file in self._files]

    def existed(self, path: str) -> bool:
        """Return whether there was a regular file at a path that was opened."""
        return any(file.existed for file in self._files if file.path == path)


@dataclass
class _File:
    """One output: the path as given, the resolved destination, and the partial file beside it."""

    path: str
    destination: str
    existed: bool = False
    partial: str | None = None
    stream: IO[str] | None = None

    def open(self) -> IO[str]:
        descriptor = open_descriptor(self.path)
        if descriptor is not None:
            # The same description, so that neither truncates what the other wrote.
            self.stream = _text(os.dup(descriptor), self.path)
            return self.stream
        try:
            before = os.stat(self.destination)
        except FileNotFoundError:
            before = None
        if before is not None and stat.S_ISDIR(before.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if before is not None and not stat.S_ISREG(before.st_mode):
            self.stream = _text(os.open(self.destination, os.O_WRONLY | os.O_CLOEXEC), self.path)
            return self.stream
        folder, name = os.path.split(self.destination)
        if before is not None:
            _require_replaceable(self.destination, folder, before)
        self.existed = before is not None
        self.partial = os.path.join(folder, _partial_name(name))
        self.stream = _text(_create(self.partial, before), self.path)
        return self.stream

    def finish(self) -> None:
        """Flush and close the stream. Raise `OutputError` if that fails."""
        if self.stream is None or self.stream.closed:
            return
        self.stream.flush()
        if self.partial is not None and self.existed:
            try:
                os.fsync(self.stream.fileno())  # without it a power failure could leave neither of the two files
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not supported by this file system
                    raise OutputError(self.path, error.strerror or str(error)) from None
        self.stream.close()

    def replace(self) -> None:
        """Rename the partial file onto the destination. If that raises `OutputError`, the partial file is kept."""
        if self.partial is None:
            return
        partial, self.partial = self.partial, None
        try:
            os.replace(partial, self.destination)
        except OSError as error:
            failure = OutputError(self.path, error.strerror or str(error))
            if os.path.exists(partial):  # the folder may have been removed
                failure.add_note(f"The complete output is in {partial}.")
            raise failure from None

    def discard(self) -> None:
        if self.partial is not None:
            with suppress(OSError):
                os.unlink(self.partial)
            self.partial = None
        if self.stream is not None:
            with suppress(OSError, OutputError):
                self.stream.close()


def append_to(path: str, parameter: str) -> IO[str]:
    """Return a text stream that appends to a regular file, which is created if there is none.

    Raise `UsageError`, which names the parameter, if it cannot be opened.
    """
    require_overwritable(path, parameter)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _not_writable(parameter, path, error.strerror) from None
    return _text(file, path)


def require_overwritable(path: str, parameter: str) -> None:
    """Raise `UsageError` if a path, or what it links to, is an existing file with a media or TOML extension.

    Rule files and configurations are TOML, and no output is.
    """
    if not os.path.isfile(path):
        return
    for name in (path, os.path.realpath(path)):
        kind = "file with a media extension" if extension_of(name) in MEDIA_EXTENSIONS else None
        if name.lower().endswith(".toml"):
            kind = "TOML file (rules, configuration)"
        if kind:
            message = f"{parameter}={path} would overwrite a {kind}. Give another path."
            raise UsageError(message, parameters=(parameter,))


def _not_writable(parameter: str, path: str, reason: str | None) -> UsageError:
    message = f"{parameter}={path} cannot be written ({reason}). Give another path."
    return UsageError(message, parameters=(parameter,))


def open_descriptor(path: str) -> int | None:
    """Return the descriptor of this process that a path names (`/dev/stdout`: 1), or None."""
    folders = ("/dev/fd", f"/proc/{os.getpid()}/fd")
    for _ in range(MAX_LINKS):
        folder, name = os.path.split(os.path.abspath(path))
        folder = os.path.realpath(folder)
        if folder in folders and name.isdecimal():
            return int(name)
        path = os.path.join(folder, name)
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None


def _partial_name(name: str) -> str:
    """Return a hidden name, which is never a target, that names the output and preflight."""
    end = f".preflight-{os.urandom(4).hex()}.partial"
    start = os.fsdecode(os.fsencode(name)[: MAX_NAME_BYTES - 1 - len(end)])
    return f".{start}{end}"


def _create(partial: str, before: os.stat_result | None) -> int:
    """Create a file with the permissions of the one that it will replace."""
    file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if before is None else 0o600)
    if before is not None:
        with suppress(OSError):
            os.fchown(file, before.st_uid, before.st_gid)
        os.fchmod(file, stat.S_IMODE(before.st_mode))
    return file


def _require_replaceable(path: str, folder: str, before: os.stat_result) -> None:
    """Raise `PermissionError` for a file that may not be written, or not be renamed onto in a sticky folder."""
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    above = os.stat(folder)
    if above.st_mode & stat.S_ISVTX and os.geteuid() not in (0, before.st_uid, above.st_uid):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


class Interrupts:
    """A context manager within which Ctrl-C waits while it is `deferred`. Elsewhere it raises KeyboardInterrupt.

    A handler that the host program has installed for the signal is kept.
    """

    def __init__(self) -> None:
        self._is_deferred = False
        self._is_pending = False
        self._handler: Callable[[int, FrameType | None], object] | int | None = None

    def __enter__(self) -> Interrupts:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._handler = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay Ctrl-C until the end of the block. Raise KeyboardInterrupt there if it was pressed within."""
        self._is_deferred = True
        yield
        self._is_deferred = False
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._is_deferred:
            raise KeyboardInterrupt
        self._is_pending = True


@contextmanager
def ending_like_interrupted() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, do what Ctrl-C does, so that no partial file stays."""
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if is_main and hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # ignored, as in the background of a shell
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until files are renamed or removed."""
    with Interrupts() as interrupts, interrupts.deferred():
        yield


def _text(file: int, path: str) -> IO[str]:
    raw = io.BufferedWriter(_WholeLines(file, path))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="")


class _WholeLines(io.FileIO):
    """A file that never ends with a partial line: after an error it is truncated to whole lines."""

    def __init__(self, file: int, path: str) -> None:
        super().__init__(file, "w")
        self._path = path
        self._failed = False

    def write(self, data: ReadableBuffer) -> int:
        if self._failed:  # the rest of the buffer when the file is closed
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failed = True
            with suppress(OSError):
                self._cut()
            raise OutputError(self._path, error.strerror or str(error)) from None

    def _cut(self) -> None:
        state = os.fstat(self.fileno())
        if not stat.S_ISREG(state.st_mode):
            return
        end = state.st_size
        while end:
            start = max(0, end - CHUNK_SIZE)
            end = start + os.pread(self.fileno(), end - start, start).rfind(b"\n") + 1
            if end > start:
                break
        os.ftruncate(self.fileno(), end)
