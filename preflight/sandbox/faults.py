"""The words for what can go wrong: `ACTIONS`, `FAULTS`, `Fault`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final, NamedTuple

from preflight.errors import UsageError

EVERY: Final = "*"
"""In place of an action or a provider: every one."""

ACTIONS: Final = (
    "register",
    "get",
    "list",
    "rename",
    "delete",
    "trash",
    "restore",
    "upload",
    "create_group",
    "get_group",
    "list_groups",
    "rename_group",
    "delete_group",
    "create_session",
    "session_result",
)
"""What a call does, in words that hold for every provider; `trash` lists what is in the trash."""

FAULTS: Final[dict[str, str]] = {
    "lose": "end the connection without an answer",
    "hang": "never answer",
    "error": "answer 500, in the provider's own shape",
    "html": "answer a web page, with status 200",
    "empty": "answer nothing, with status 200",
    "redirect": "answer 302 to another host",
    "subscription": "answer that the plan has expired (SubscriptionRequired)",
}
"""The faults by name; besides, any status from 400 to 599, answered in the provider's own shape."""


class Fault(NamedTuple):
    """What goes wrong, and whether the call takes effect all the same."""

    kind: str
    after: bool = False

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`lose`, `lose-before`, `lose-after`, `455` … Raises `UsageError`."""
        kind, _, moment = text.partition("-")
        if kind not in FAULTS and not (kind.isascii() and kind.isdecimal() and 400 <= int(kind) <= 599):
            near = get_close_matches(kind, FAULTS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"one of {', '.join(FAULTS)}, or a status from 400 to 599"
            raise UsageError(f"there is no fault {kind!r}: {meant}")
        if moment not in ("", "before", "after"):
            raise UsageError(f"the fault {kind} happens before or after the call takes effect, not {moment!r}")
        return cls(kind, moment == "after")


def known_action(action: str) -> str:
    """`action`, if it is one. Raises `UsageError`."""
    if action != EVERY and action not in ACTIONS:
        near = get_close_matches(action, ACTIONS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"one of {', '.join(ACTIONS)}"
        raise UsageError(f"there is no action {action!r}: {meant}")
    return action
