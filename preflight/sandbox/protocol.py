"""The common part of the wire protocols: `Protocol`. Each provider's file holds the differences."""

from __future__ import annotations

import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from preflight import catalog
from preflight.sandbox.credentials import Credentials, new_key, secrets_equal
from preflight.sandbox.faults import FaultPlan
from preflight.sandbox.hosting import Hosting
from preflight.sandbox.inspection import Inspector
from preflight.sandbox.messages import Refusal, Request, Response, invalid, not_found
from preflight.sandbox.state import Account, Registration, Stats, StoredAsset, StoredGroup, StoredSession

T = TypeVar("T")
ASSET_KINDS: Final = {"Image": "image", "Video": "video", "Audio": "audio"}
"""Ark's asset types and our kinds."""
MAX_PAGE_SIZE: Final = 100
"""Maximum items of a page. A larger size is reduced, not refused, where the documentation names no bound: it shows
clients that stop at a page shorter than they asked for."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ACCESS_URL_HOURS: Final = 12
"""Validity of an asset's access URL."""


def ark_id(kind: str) -> str:
    """Return a new id in Ark's form: `asset-20260602115008-vvd9q`."""
    return f"{kind}-{datetime.now(UTC):%Y%m%d%H%M%S}-{random_letters(5)}"


def random_letters(count: int) -> str:
    """Return random lower-case letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def iso(seconds: float, timespec: str = "seconds") -> str:
    """Format seconds since 1970 as ISO 8601 in UTC.

    >>> iso(1780930800), iso(1780930800, "milliseconds")
    ('2026-06-08T15:00:00Z', '2026-06-08T15:00:00.000Z')
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def page_of(items: Sequence[T], number: int, size: int) -> list[T]:
    """Return one page, counted from 1; pages after the last one are empty."""
    return list(items[(number - 1) * size : number * size])


def access_url(asset: StoredAsset) -> str:
    """Return the asset's source URL with a signature like an object store's, as the provider's own copy."""
    separator = "&" if "?" in asset.url else "?"
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return (
        f"{asset.url}{separator}X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Date={date}"
        f"&X-Tos-Expires={_ACCESS_URL_HOURS * 3600}&X-Tos-SignedHeaders=host&X-Tos-Signature={secrets.token_hex(32)}"
    )


def check_url(url: str, parameter: str) -> None:
    """Raise `Refusal` unless `url` is an http or https URL."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise invalid(parameter, "it must be a public http or https URL, not Base64 or a data URL")


@dataclass(frozen=True, slots=True)
class Shared:
    """The state that all protocols of one sandbox share. `model_key`: the API key for Ark's models."""

    faults: FaultPlan
    stats: Stats
    hosting: Hosting
    inspector: Inspector
    model_key: str = field(default_factory=lambda: new_key().key or "", repr=False)


class Operation(NamedTuple):
    """One operation of a provider's API.

    action  one of `ACTIONS`
    path    a pattern, in which `{id}` matches one segment
    fields  the documented parameters, separated by spaces; others are recorded, not refused
    """

    action: str
    method: str
    path: str
    fields: str = ""


class Protocol(ABC):
    """One provider. An action is answered by the method `_ACTION`, which returns data or raises `Refusal`.

    name       the provider's name, which is also its path prefix and its rule set
    variables  the environment variables from which clients read its keys
    """

    name: ClassVar[str]
    variables: ClassVar[Sequence[str]]
    operations: ClassVar[Sequence[Operation]]

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.account = Account()
        self.credentials = self.new_credentials()
        self._routes = [(operation, _pattern(operation.path)) for operation in self.operations]

    def new_credentials(self) -> Credentials:
        """Return new keys of the provider's kind."""
        return new_key()

    def environment(self) -> dict[str, str]:
        """Return the environment variables from which clients read the keys."""
        return self.credentials.environment(self.variables)

    def match_operation(self, request: Request) -> Operation:
        """Return the operation of a request and set its `path_parameters`. Raise `Refusal` for an unknown one."""
        methods = set()
        for operation, pattern in self._routes:
            match = pattern.fullmatch(request.path)
            if match:
                if operation.method == request.method:
                    request.path_parameters = match.groupdict()
                    return operation
                methods.add(operation.method)
        if methods:
            raise Refusal(405, "MethodNotAllowed", f"only {', '.join(sorted(methods))} is allowed here")
        raise Refusal(404, "NotFound", f"no such path: {request.path[:100]}")

    def authorize(self, request: Request) -> None:
        """Raise `Refusal` unless the request carries the key."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not secrets_equal(key.strip(), self.credentials.key or ""):
            raise self.missing_key("Authorization: Bearer")

    def handle(self, operation: Operation, request: Request) -> Response:
        """Run an operation. Raise `Refusal` if it is refused."""
        return self._accept(operation, getattr(self, f"_{operation.action}")(request))

    def _accept(self, operation: Operation, result: Any) -> Response:
        return Response(result)

    @abstractmethod
    def refuse(self, operation: Operation | None, refusal: Refusal) -> Response:
        """Return a refusal in the provider's shape. `operation` is None if the request matched none."""

    def register_asset(
        self, url: str, kind: str | None, asset_type: str, name: str, parameter: str, **facts: Any
    ) -> StoredAsset:
        """Register an asset. `parameter` is the provider's name of the URL parameter. Raise `Refusal` if invalid."""
        self.check_name(name)
        check_url(url, parameter)
        faults = self.shared.faults
        rules = self.name if kind is not None else None
        known_outcome = faults.failure(self.name, name, url)
        if faults.refuse_at_once and known_outcome is None:
            known_outcome = self.shared.inspector.inspect(url, kind, rules)
            if known_outcome.code is not None:
                raise Refusal(400, f"InvalidParameter.{known_outcome.code}", known_outcome.message)
        asset = self.account.add_asset(
            self.new_asset_id,
            delay=faults.delay,
            kind=kind,
            asset_type=asset_type,
            url=url,
            name=unquote(urlsplit(url).path.rpartition("/")[2]) if faults.ignore_names or not name else name,
            ids=self.extra_ids(),
            **facts,
        )
        self.shared.stats.register(Registration(self.name, name, url, asset.id))
        self.shared.inspector.start_inspection(self.account, asset, rules, known_outcome)
        return asset

    def new_asset_id(self, number: int) -> str:
        """Return an asset id in the provider's form."""
        return ark_id("asset")

    def new_group_id(self, number: int) -> str:
        """Return a group id in the provider's form."""
        return ark_id("group")

    def extra_ids(self) -> dict[str, str]:
        """Return the provider's other ids for a new asset, by name."""
        return {}

    def check_name(self, name: str, parameter: str = "Name") -> None:
        """Raise `Refusal` if a name is longer than the provider's rule set allows."""
        maximum = catalog.load(self.name).asset.get("name", {}).get("max_length")
        if maximum is not None and len(name) > maximum:
            raise invalid(parameter, f"{len(name)} characters, the maximum is {maximum}")

    def find_asset(self, asset_id: str, *, trashed: bool = False) -> StoredAsset:
        """Return the asset with an id. Raise `Refusal` if there is none."""
        asset = self.account.asset(asset_id, trashed=trashed)
        if asset is None:
            raise not_found("asset", asset_id)
        return asset

    def find_group(self, group_id: str) -> StoredGroup:
        """Return the group with an id. Raise `Refusal` if there is none."""
        group = self.account.group(group_id)
        if group is None:
            raise not_found("group", group_id)
        return group

    def open_session(self, callback: str, parameter: str, name: str = "", description: str = "") -> tuple[str, str]:
        """Open a real-person session; return its token and the link for the person. Raise `Refusal` if invalid."""
        check_url(callback, parameter)
        self.check_name(name, "name")
        token = secrets.token_hex(24)
        self.account.add_session(StoredSession(token, callback, name, description))
        return token, f"{self.shared.hosting.origin}/verify/{self.name}/{token}"

    def complete_session(self, session: StoredSession) -> str:
        """Apply the person's decision to a session and return the URL to redirect to."""
        decision = self.shared.faults.verification
        if session.group is None and decision == "success":
            group = self.account.add_group(
                self.new_group_id, name=session.name, description=session.description, type="LivenessFace"
            )
            session.group = group.id
        session.failed = decision != "success"
        self.account.add_session(session)
        return self.callback(session, decision)

    def callback(self, session: StoredSession, decision: str) -> str:
        """Return the callback URL that tells the client the decision."""
        return session.callback

    def missing_key(self, where: str) -> Refusal:
        """Return the refusal of a request without a valid key."""
        return Refusal(401, "Unauthorized", f"missing or invalid API key ({where})")

    @property
    def alternate_reading(self) -> bool:
        """Return whether to use the other reading where the documentation leaves one open."""
        return self.shared.faults.alternate_readings


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")))
