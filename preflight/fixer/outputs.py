"""Outputs of fixes: each is written beside its destination, and renamed only when it is complete and checked."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from typing import Final, Literal, Protocol

from preflight.errors import OutputError, PreflightError
from preflight.output import MAX_NAME_BYTES

OthersAction = Literal["skip", "link", "copy"]
"""What to do with a file that passes: skip it, or link or copy it to the outputs."""

_NO_LINKS: Final = frozenset(
    (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV, errno.EACCES)
)
"""Errors of file systems, and of policies, that allow no (further) hard link."""
_NOT_SUPPORTED: Final = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP))
_ATTEMPTS: Final = 5
"""Times that the folders of an output are created."""
_COPY_BYTES: Final = 1 << 30
"""Bytes that one call copies at most."""
_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1


class OutputRefused(OutputError):
    """An output is not written: something else has its name, it is the source, or its folder cannot be written."""

    def __init__(self, path: str, message: str, *, parameters: tuple[str, ...] = ()) -> None:
        PreflightError.__init__(self, message, parameters=parameters)
        self.path = path


class Discardable(Protocol):
    """Files that must be removed if the process ends before they are complete."""

    def discard(self) -> None:
        """Remove them."""
        ...


unfinished: Final[set[Discardable]] = set()
"""The files that threads are writing now."""


class OutputFile:
    """An output that is written beside its destination, as a context manager.

    Entering creates the missing folders and an empty file, `.NAME.preflight-XXXXXXXX.partial.EXT`; `publish` gives it
    its name. Without that, leaving removes the file and the folders. A process that is killed leaves the hidden file.

    path       of the file to write to; destination: the path that it gets
    overwrite  whether a file of that name may be replaced; otherwise it is not, whoever creates it meanwhile
    source     the file that is fixed, which is never replaced
    """

    def __init__(self, destination: str, *, overwrite: bool = False, source: str | None = None) -> None:
        folder, name = os.path.split(destination)
        self.destination = destination
        self.path = os.path.join(folder, _partial_name(name))
        self._folder = folder or os.curdir
        self._overwrite = overwrite
        self._source = source
        self._created: list[str] = []

    def __enter__(self) -> OutputFile:
        """Create the partial file. Raise `OutputRefused` if the name is taken or cannot be written."""
        unfinished.add(self)
        try:
            self._require_free()
            self._create()
        except OSError as error:
            self.discard()
            raise _not_writable(self.destination, error) from None
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        """Write the whole output. Raise `OutputError` if that fails."""
        try:
            # Without O_CREAT: after `discard_unfinished` there must be no such file again.
            with open(os.open(self.path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC), "wb") as file:
                file.write(data)
        except OSError as error:
            raise OutputError(self.destination, error.strerror or str(error)) from None

    def publish(self) -> None:
        """Rename the partial file to its name. Raise `OutputRefused` if that name is taken meanwhile."""
        try:
            if self._overwrite and os.path.lexists(self.destination):
                self._replace()
            else:
                move_without_replacing(self.path, self.destination)
        except FileExistsError:
            raise _taken(self.destination) from None
        except OSError as error:
            raise OutputError(self.destination, error.strerror or str(error)) from None
        self._created.clear()

    def _replace(self) -> None:
        """Rename onto the file at the destination, with the permissions of that file."""
        before = os.lstat(self.destination)
        if stat.S_ISDIR(before.st_mode):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if stat.S_ISREG(before.st_mode):
            os.chmod(self.path, stat.S_IMODE(before.st_mode))
        # Without it a power failure could leave neither of the two files.
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path, self.destination)

    def _require_free(self) -> None:
        if self._source is not None and is_same_file(self._source, self.destination):
            raise OutputRefused(self.destination, f"{self.destination} is the source itself. Give another path.")
        if os.path.isdir(self.destination) or (os.path.lexists(self.destination) and not self._overwrite):
            raise _taken(self.destination)

    def _create(self) -> None:
        for attempt in range(_ATTEMPTS):
            self._create_folders()
            try:
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            except FileNotFoundError:  # another output, which failed, has removed the folder that it had created
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _create_folders(self) -> None:
        missing = []
        folder = self._folder
        while folder and not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for folder in reversed(missing):
            with suppress(FileExistsError):  # by another output of the same run
                os.mkdir(folder)
                self._created.append(folder)

    def discard(self) -> None:
        """Remove the partial file, and the folders that were created for it."""
        with suppress(OSError):
            os.unlink(self.path)
        for folder in reversed(self._created):
            with suppress(OSError):  # not empty: another output is there
                os.rmdir(folder)
        self._created.clear()
        unfinished.discard(self)


def discard_unfinished() -> None:
    """Remove the files that threads are still writing, because the process ends without waiting for them."""
    for files in tuple(unfinished):
        files.discard()


def move_without_replacing(path: str, destination: str) -> None:
    """Give a file another name in its file system, atomically. Raise FileExistsError if the name is taken."""
    try:
        os.link(path, destination, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        os.unlink(path)
        return
    if _rename_without_replacing(path, destination):
        return
    # Neither links nor such a rename exist on this file system: claim the name first.
    os.close(os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    os.replace(path, destination)


def _rename_without_replacing(path: str, destination: str) -> bool:
    """Call `renameat2(2)` of Linux; return whether it is supported. Raise OSError if it fails."""
    import ctypes  # only for file systems without links

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(destination), _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), destination)


def link_or_copy(source: str, destination: str, others: OthersAction, *, overwrite: bool = False) -> None:
    """Link or copy a file that passes to its destination, unless it is there already.

    A link is a hard link, which stays valid if the source is moved or deleted; on another file system, or where hard
    links are not allowed, it is a symbolic link to the absolute path. A copy shares its blocks with the source where
    the file system can do that. Raise `OutputRefused` if another file is there, or if it cannot be written.
    """
    if others == "skip" or is_same_file(source, destination) or (others == "copy" and _is_copy(source, destination)):
        return
    with OutputFile(destination, overwrite=overwrite) as output:
        try:
            if others == "copy":
                _copy(source, output.path)
            else:
                _link(source, output.path)
        except OSError as error:
            raise OutputError(destination, error.strerror or str(error)) from None
        output.publish()


def is_same_file(first: str, second: str) -> bool:
    """Return whether two paths lead to the same file, also through links."""
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):
        return False


def _is_copy(source: str, destination: str) -> bool:
    """Return whether an earlier run has copied the file: as large, and with the same time of modification."""
    try:
        there, here = os.stat(destination), os.stat(source)
    except (OSError, ValueError):
        return False
    return (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns)


def _copy(source: str, path: str) -> None:
    if not _copy_in_kernel(source, path):
        shutil.copyfile(source, path)
    state = os.stat(source)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def _copy_in_kernel(source: str, path: str) -> bool:
    """Copy with `copy_file_range(2)`, which shares blocks where it can; return whether it is supported."""
    if not hasattr(os, "copy_file_range"):
        return False
    with open(source, "rb", buffering=0) as read, open(path, "wb", buffering=0) as written:
        try:
            while os.copy_file_range(read.fileno(), written.fileno(), _COPY_BYTES):
                pass
        except OSError as error:
            if error.errno in _NOT_SUPPORTED or error.errno == errno.EXDEV:
                return False
            raise
        return os.fstat(written.fileno()).st_size == os.fstat(read.fileno()).st_size


def _link(source: str, path: str) -> None:
    os.unlink(path)
    try:
        os.link(os.path.realpath(source), path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.symlink(os.path.realpath(source), path)


def _taken(path: str) -> OutputRefused:
    if os.path.isdir(path):
        return OutputRefused(path, f"{path} is a folder. Give another path.")
    message = f"{path} exists and is not overwritten. Give another path, or overwrite=True."
    return OutputRefused(path, message, parameters=("overwrite",))


def _not_writable(path: str, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(path, error.strerror or str(error))
    return OutputRefused(path, f"{path} cannot be written ({error.strerror or error}). Give another path.")


def _partial_name(name: str) -> str:
    """Return a hidden name, which is never a target, with the extension of the output."""
    stem, extension = os.path.splitext(name)
    end = f".preflight-{os.urandom(4).hex()}.partial{extension}"
    start = os.fsdecode(os.fsencode(stem)[: max(0, MAX_NAME_BYTES - 1 - len(os.fsencode(end)))])
    return f".{start}{end}"
