"""What the wire protocols have in common: `Protocol`. One file a protocol says what differs."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from preflight import catalog
from preflight.sandbox.credentials import Credentials, new_key, same
from preflight.sandbox.faults import Misbehaviour
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.inspection import Inspector
from preflight.sandbox.messages import Answer, Ask, Refusal, invalid, not_found
from preflight.sandbox.state import Account, StoredAsset, StoredGroup, StoredSession
from preflight.sandbox.stats import Registration, Tally

T = TypeVar("T")
WORDS: Final = {"Image": "image", "Video": "video", "Audio": "audio"}
"""Ark's words for the kinds."""
MOST: Final = 100
"""Items that a page holds at most. Where no page says a bound, a greater wish is cut, not refused: who stops at a page
that is shorter than it wished loses the rest."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_HOURS: Final = 12
"""For which an asset's access URL is good."""


def stamped(word: str) -> str:
    """`asset-20260602115008-vvd9q`: Ark's ids."""
    return f"{word}-{datetime.now(UTC):%Y%m%d%H%M%S}-{letters(5)}"


def letters(count: int) -> str:
    """Random small letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def iso(seconds: float, timespec: str = "seconds") -> str:
    """A time in UTC.

    >>> iso(1780930800), iso(1780930800, "milliseconds")
    ('2026-06-08T15:00:00Z', '2026-06-08T15:00:00.000Z')
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def page_of(items: Sequence[T], number: int, size: int) -> list[T]:
    """One page, counted from 1; behind the last one there is nothing."""
    return list(items[(number - 1) * size : number * size])


def access_url(asset: StoredAsset) -> str:
    """Where the provider keeps the file: here its source, with a signature that looks like one of an object store."""
    mark = "&" if "?" in asset.url else "?"
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return (
        f"{asset.url}{mark}X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Date={date}&X-Tos-Expires={_HOURS * 3600}"
        f"&X-Tos-SignedHeaders=host&X-Tos-Signature={secrets.token_hex(32)}"
    )


def check_url(url: str, parameter: str) -> None:
    """Raise `Refusal` for what is no http or https URL."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise invalid(parameter, "it has to be a public http or https URL; Base64 and data URLs are not taken")


@dataclass(frozen=True, slots=True)
class Backstage:
    """What all protocols of one sandbox share."""

    misbehaviour: Misbehaviour
    tally: Tally
    hosting: Hosting
    inspector: Inspector


class Call(NamedTuple):
    """One call of a protocol.

    action  what it does, out of `ACTIONS` · method, path: `{id}` catches one part
    fields  the parameters that a page names, with spaces; others are noted, not refused
    """

    action: str
    method: str
    path: str
    fields: str = ""


class Protocol:
    """One provider. The method named as a call's action answers it: with plain data, or with a `Refusal`.

    name       as after `--to`; also its prefix under the sandbox' origin, and its rule set
    variables  the environment variables that clients read its keys from
    statuses   other statuses than the usual ones for a refusal
    """

    name: ClassVar[str]
    variables: ClassVar[Sequence[str]]
    calls: ClassVar[Sequence[Call]]
    statuses: ClassVar[Mapping[int, int]] = {}

    def __init__(self, backstage: Backstage) -> None:
        self.backstage = backstage
        self.account = Account()
        self.credentials = self.new_credentials()
        self._routes = [(call, _pattern(call.path)) for call in self.calls]

    def new_credentials(self) -> Credentials:
        """Keys of the provider's kind."""
        return new_key()

    def find(self, ask: Ask) -> Call:
        """Which call a request is; fills `ask.place`. Raises `Refusal`."""
        methods = set()
        for call, pattern in self._routes:
            match = pattern.fullmatch(ask.path)
            if match:
                if call.method == ask.method:
                    ask.place = match.groupdict()
                    return call
                methods.add(call.method)
        if methods:
            raise Refusal(405, "MethodNotAllowed", f"only {', '.join(sorted(methods))} is answered here")
        raise Refusal(404, "NotFound", f"there is no {ask.path[:100]}")

    def authorize(self, ask: Ask) -> None:
        """Raise `Refusal` unless the request carries the key."""
        scheme, _, key = ask.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not same(key.strip(), self.credentials.key or ""):
            raise self.no_key("Authorization: Bearer")

    def handle(self, call: Call, ask: Ask) -> Answer:
        """Do what is asked. Raises `Refusal`."""
        return self.accept(call, getattr(self, call.action)(ask))

    def accept(self, call: Call, result: Any) -> Answer:
        """A result in the provider's shape."""
        return Answer(result)

    def refuse(self, call: Call | None, refusal: Refusal) -> Answer:
        """A refusal in the provider's shape. `call` is None where it never came to one."""
        raise NotImplementedError

    def register_asset(
        self, url: str, kind: str | None, stated: str, name: str, parameter: str, **facts: Any
    ) -> StoredAsset:
        """What `register` does everywhere. `parameter`: the provider's name for the URL. Raises `Refusal`."""
        self.check_name(name)
        check_url(url, parameter)
        wrong = self.backstage.misbehaviour
        rules = self.name if kind is not None else None
        decided = wrong.failure(self.name, name, url)
        if wrong.refuse_at_once and decided is None:
            decided = self.backstage.inspector.inspect(url, kind, rules)
            if decided.code is not None:
                raise Refusal(400, f"InvalidParameter.{decided.code}", decided.message)
        asset = self.account.add_asset(
            self.new_asset_id,
            delay=wrong.delay,
            kind=kind,
            stated=stated,
            url=url,
            name=self.default_name(url) if wrong.ignore_names or not name else name,
            ids=self.further_ids(),
            **facts,
        )
        self.backstage.tally.register(Registration(self.name, name, url, asset.id))
        self.backstage.inspector.begin(self.account, asset, rules, decided)
        return asset

    def new_asset_id(self, number: int) -> str:
        """An id as the provider's look."""
        return stamped("asset")

    def new_group_id(self, number: int) -> str:
        """An id as the provider's look."""
        return stamped("group")

    def further_ids(self) -> dict[str, str]:
        """The provider's other ids for a new asset, by their names."""
        return {}

    def default_name(self, url: str) -> str:
        """The name of an asset for which none is sent."""
        return unquote(urlsplit(url).path.rpartition("/")[2])

    def check_name(self, name: str, parameter: str = "Name") -> None:
        """Raise `Refusal` where a name is longer than the provider's rule set says."""
        most = self._asset_limits.get("name", {}).get("max_length")
        if most is not None and len(name) > most:
            raise invalid(parameter, f"at most {most} characters, these are {len(name)}")

    @cached_property
    def _asset_limits(self) -> Mapping[str, Any]:
        return catalog.load(self.name).asset

    def asset_of(self, asset_id: str, *, trashed: bool = False) -> StoredAsset:
        """The asset with this id. Raises `Refusal`."""
        asset = self.account.asset(asset_id, trashed=trashed)
        if asset is None:
            raise not_found("asset", asset_id)
        return asset

    def group_of(self, group_id: str) -> StoredGroup:
        """The group with this id. Raises `Refusal`."""
        group = self.account.group(group_id)
        if group is None:
            raise not_found("group", group_id)
        return group

    def open_session(self, callback: str, parameter: str, name: str = "", description: str = "") -> tuple[str, str]:
        """A new real-person session: its token, and the link that the person opens. Raises `Refusal`."""
        check_url(callback, parameter)
        self.check_name(name, "name")
        token = secrets.token_hex(24)
        self.account.add_session(StoredSession(token, callback, name, description))
        return token, f"{self.backstage.hosting.origin}/verify/{self.name}/{token}"

    def verified(self, session: StoredSession) -> str:
        """Where the person is sent who has opened a session's link and decided."""
        decision = self.backstage.misbehaviour.verification
        if session.group is None and decision == "success":
            group = self.account.add_group(
                self.new_group_id, name=session.name, description=session.description, type="LivenessFace"
            )
            session.group = group.id
        session.failed = decision != "success"
        self.account.add_session(session)
        return self.callback(session, decision)

    def callback(self, session: StoredSession, decision: str) -> str:
        """The URL with which the client hears of the decision."""
        return session.callback

    def no_key(self, where: str) -> Refusal:
        """What a request without the right key gets."""
        return Refusal(401, "Unauthorized", f"missing or invalid API key ({where})")

    def status(self, refusal: Refusal) -> int:
        """The provider's status for a refusal."""
        return self.statuses.get(refusal.status, refusal.status)

    @property
    def otherwise(self) -> bool:
        """Whether to speak the other way where the pages leave one open."""
        return self.backstage.misbehaviour.other_readings


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")))
