"""Start a fresh interpreter of ours at the other end of a socket, with no more of this process than it needs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from preflight.processes.channel import MAX_FRAME, Channel

if TYPE_CHECKING:
    import subprocess


LOADER_VARIABLES: Final = (
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "PYTHONHOME"),
)
"""Where the interpreter and shared libraries are found, if not in the usual places. No other variable is needed."""
READER_VARIABLES: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR", "XDG_DATA_HOME"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""Further variables, with LC_*, of a process that opens files by name. An allowlist: names of secrets are unknown."""

NETWORK_VARIABLES: Final = frozenset(
    ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "netrc", "requests_ca_bundle", "curl_ca_bundle")
)
"""What requests takes from the environment, in lower case: handed on only where that is asked for (`trust_env`)."""


def loader_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what every process needs of an environment: mostly nothing."""
    return {name: environment[name] for name in LOADER_VARIABLES if name in environment}


def reader_environment(trust_env: bool, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a process that examines files needs of an environment: no key or token is in it.

    trust_env  proxies, netrc and the CA bundle are to be taken from the environment
    """
    names = [name for name in environment if name in READER_VARIABLES or name.startswith("LC_")]
    if trust_env:
        names += [name for name in environment if name.lower() in NETWORK_VARIABLES]
    return {**{name: environment[name] for name in names}, **loader_environment(environment)}


def start(
    function: str, environment: Mapping[str, str], folder: str | None = None, max_frame: int = MAX_FRAME
) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start a process that runs `module:function()`, with its end of the socket as standard input. Raises OSError.

    It has a session of its own: Ctrl-C is for us alone. It inherits no other descriptor. What it prints goes nowhere.

    environment  all of its variables; folder: its working directory, by default that of this process
    """
    import subprocess  # not for those that are started: they load this module too

    module, _, name = function.partition(":")
    load = f"sys.path[:] = sys.argv[1:]; from {module} import {name}"
    boot = f"import gc, sys; gc.disable(); {load}; gc.enable(); {name}()"
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [_interpreter(), "-P", "-s", *_flags(), "-c", boot, *_import_paths()],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=dict(environment),
            cwd=folder,
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, Channel(ours, max_frame)


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """How a process that is gone came to its end, in words."""
    import subprocess

    try:
        code = process.wait(10)
    except subprocess.TimeoutExpired:
        return "closed its connection"
    with contextlib.suppress(ValueError):
        return f"crashed ({signal.Signals(-code).name})"
    return f"ended with code {code}"


def _interpreter() -> str:
    """A program that runs Python: the host may be an application that only embeds it."""
    if sys.executable and "python" in os.path.basename(sys.executable) and not getattr(sys, "frozen", False):
        return sys.executable
    return os.path.join(sys.exec_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")


def _flags() -> list[str]:
    """Return interpreter flags that the environment, which is not passed on, may have set."""
    return ["-B"] if sys.dont_write_bytecode else []


def _import_paths() -> list[str]:
    """Where this process finds its modules. Never the current folder: the untrusted files may lie there."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [path for path in sys.path if isinstance(path, str) and path not in ("", os.curdir)]
    return [os.path.abspath(path) for path in paths] + [package]
