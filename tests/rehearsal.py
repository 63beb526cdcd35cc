"""Commands and programs of the documentation, run in a process that was forked or started for them.

If PREFLIGHT_REHEARSAL is the origin of a sandbox, this takes the place of every provider, and all addresses count as
public.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
import warnings

ORIGIN = "PREFLIGHT_REHEARSAL"
SPEED = 20.0
"""Seconds of the clock in one second: the first poll comes after one."""


def rehearse(origin: str) -> None:
    """Let every provider be the sandbox, as if its hosts were there, and the clock run fast."""
    from preflight.clock import SYSTEM_CLOCK
    from preflight.net import addresses
    from preflight.providers import PROVIDERS

    for spec in PROVIDERS.values():
        object.__setattr__(spec, "origins", dict.fromkeys(spec.origins, f"{origin}/{spec.name}"))
    addresses.check_addresses = lambda host, found, **_: addresses.ResolvedHost(tuple(found), True, False)
    for name, quick in {
        "monotonic": lambda: time.monotonic() * SPEED,
        "sleep": lambda seconds: time.sleep(max(0.0, seconds) / SPEED),
        "wait": lambda event, seconds: event.wait(None if seconds is None else seconds / SPEED),
    }.items():
        object.__setattr__(SYSTEM_CLOCK, name, quick)


def main() -> None:
    """Run `preflight WORD…`, `python TEXT`, or `module NAME WORD…`."""
    kind, *words = sys.argv[1:]
    if origin := os.environ.get(ORIGIN):
        rehearse(origin)
    if kind == "preflight":
        from preflight.__main__ import main as command

        sys.argv = ["preflight", *words]
        command()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if kind == "python":
            exec(compile(words[0], "<documentation>", "exec"), {"__name__": "__main__"})
        else:
            sys.path.insert(0, os.getcwd())
            sys.argv = words
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
