"""Processes of ours that examine files: one that dies or hangs costs the file that it was about, and nothing else."""

from __future__ import annotations

import pickle
import resource
import sys
import threading
import time
from typing import Any, Final

from preflight.checker import CheckPlan
from preflight.errors import UsageError
from preflight.processes.start import how_it_ended, reader_environment, start
from preflight.report import Problem
from preflight.scan.items import MAX_FRAME, Batch, Encoder, examine_batch, failed, name_of

FILE_TIMEOUT: Final = 60.0
"""s for one file, from a disk that may have to spin up. Decoders have deadlines of their own, far below."""
DEEP_FILE_TIMEOUT: Final = 300.0
"""The same where several decoders may go through the whole file one after the other."""
GRACE: Final = 30.0
"""s more until a process ends itself, should there be nobody left who does it."""
START_SECONDS: Final = 30.0
_AFTER_A_STOP: Final = 1.0


def most_processes() -> int:
    """How many can run at a time: each takes a descriptor for good and some while it starts, and files need theirs."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else max(1, (allowed - 16) // 5)


class Processes:
    """As many processes as threads ask at the same time, used again and again until one dies."""

    def __init__(self, plan: CheckPlan, encoder: Encoder | None) -> None:
        self._plan = plan
        self._encoder = encoder
        self._idle: list[_Process] = []  # taken and given back by atomic calls alone, so threads need no lock
        self._running: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, work: Batch, again: bool = True) -> list[Any]:
        """What `examine_batch` gives, in a process. Where that dies each file is tried alone, so that only one is lost.

        again  a file alone is tried twice: its process may have been killed by somebody who knew nothing of it
        """
        try:
            return self._try(work)
        except _CannotStart:
            return examine_batch(work, self._plan, self._encoder)
        except _Lost as lost:
            if self._closed:
                raise
            if len(work) > 1:
                return [result for one in work for result in self.run([one])]
            if again and lost.code == "probe_crashed":
                return self.run(work, again=False)
            ((index, item),) = work
            problem = Problem(lost.code, f"{name_of(item)}: {lost}")
            outcome = failed(index, item, self._plan, problem)
            return [outcome] if self._encoder is None else self._encoder([(index, outcome)])

    def close(self) -> None:
        """End them all, whatever they are doing."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.stop()
            self._running.clear()

    def _try(self, work: Batch) -> list[Any]:
        payload = _pickled(work)
        process = self._take()
        reusable = False
        try:
            results, reusable = process.run(payload)
        finally:
            if reusable:
                self._idle.append(process)
            else:
                self._drop(process)
        if results is None:
            raise _CannotStart
        return results

    def _take(self) -> _Process:
        while self._idle:
            try:
                process = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if process.alive():
                return process
            self._drop(process)
        process = _Process(self._plan, self._encoder)
        with self._lock:
            self._running.add(process)
            if self._closed:
                process.stop()
        return process

    def _drop(self, process: _Process) -> None:
        with self._lock:
            self._running.discard(process)
        process.stop()


def _pickled(work: Batch) -> bytes:
    try:
        return pickle.dumps(work)
    except Exception as error:  # whatever an object of the caller's raises
        raise _CannotStart from error


class _CannotStart(Exception):
    """No process can be had, or the work cannot be sent to one: it is done where we are."""


class _Lost(Exception):
    """A process is lost, and with it the file that it was about: `code` and `str()` say how."""

    def __init__(self, code: str, how: str) -> None:
        super().__init__(f"the process that read it {how}; the others went on")
        self.code = code


class _Process:
    """One of them. Used by one thread at a time."""

    def __init__(self, plan: CheckPlan, encoder: Encoder | None) -> None:
        self._timeout = DEEP_FILE_TIMEOUT if plan.deep else FILE_TIMEOUT
        environment = reader_environment(plan.http is not None and plan.http.trust_env)
        try:
            self._process, self._channel = start("preflight.scan.child:serve", environment, None, MAX_FRAME)
        except OSError as error:
            raise _CannotStart from error
        try:
            self._channel.send(pickle.dumps((plan, encoder, self._timeout + GRACE)))
            self._channel.receive(time.monotonic() + START_SECONDS)
        except (OSError, EOFError) as error:
            self.stop()
            raise _CannotStart from error

    def run(self, payload: bytes) -> tuple[list[Any] | None, bool]:
        """Return the results of a pickled batch (None: it cannot be loaded there), and whether the process is reusable.

        Raises `_Lost`, and `UsageError` as `examine_batch` would; then it is not.
        """
        try:
            self._channel.send(payload)
            answer = b""
            while not answer:  # an empty frame: another file has been begun, the clock starts again
                # Where all of us were stopped for a while (Ctrl-Z, a paused container) time has passed, but not for it.
                if not (self._channel.ready(self._timeout) or self._channel.ready(_AFTER_A_STOP)):
                    raise TimeoutError
                answer = self._channel.receive(time.monotonic() + self._timeout)
        except TimeoutError:
            raise _Lost("probe_timeout", f"was stopped after {self._timeout:g} s") from None
        except (EOFError, OSError):
            raise _Lost("probe_crashed", how_it_ended(self._process)) from None
        results, problem, reusable = pickle.loads(answer)  # noqa: S301 - a process of ours wrote it
        if problem is not None:
            raise UsageError(problem)
        return results, reusable

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it at once and leave no zombie. A thread that waits for it notices before its socket is closed."""
        self._process.kill()
        self._channel.close()
        self._process.wait()
