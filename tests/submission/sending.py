"""One provider of a sandbox, and everything that a run of submissions needs to reach it: `Sender`."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preflight.errors import SourceChanged
from preflight.hosts import LocalFile
from preflight.ledger import Entry, Ledger
from preflight.providers import PROVIDERS, Provider, ProviderSpec, open_provider
from preflight.retry import Backoff
from preflight.sandbox import Sandbox, StoredAsset
from preflight.submission import RecoveryWindow, Submission, submit_many
from preflight.submission.register import sha256_of
from tests.submission.clocks import quick_clock

WINDOW = RecoveryWindow(3.0, Backoff(first=0.5, factor=1.5, maximum=1.0))
"""On the quick clock: 0.15 s."""
ACCEPTED = Path(__file__).parents[2] / "fixtures" / "accepted"
NARROW = ACCEPTED.parent / "refused" / "png-too-narrow.png"
"""A picture that no provider takes, and that can be fixed."""


@dataclass
class BoxHost:
    """Local files get a URL of the sandbox; counts how often."""

    box: Sandbox
    puts: int = 0

    def put(self, file: LocalFile) -> str:
        self.puts += 1
        if sha256_of(file.path) != file.sha256:
            raise SourceChanged(file.name)
        return self.box.host(Path(file.path).read_bytes() if file.temporary else file.path, file.name)


def keys_of(box: Sandbox, provider: str) -> dict[str, str]:
    pair = box.credentials(provider)
    found = {"api_key": pair.key, "access_key": pair.access_key, "secret_key": pair.secret_key}
    return {name: value for name, value in found.items() if value is not None}


def unique_picture(path: Path, source: Path = ACCEPTED / "picture.png") -> Path:
    """A picture that no other test has: a comment in it is unique. Every provider takes it, unless source is another.

    source  a PNG
    """
    data = source.read_bytes()
    text = b"tEXtComment\0" + uuid.uuid4().hex.encode()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    path.write_bytes(data[:33] + chunk + data[33:])  # behind IHDR
    return path


@dataclass
class Sender:
    """Submits to one provider of a sandbox. Every sender has a ledger, and names of files, of its own."""

    box: Sandbox
    name: str
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mark = f"t{uuid.uuid4().hex[:10]}"
        self.host = BoxHost(self.box)
        self.group = f"group-{self.mark}" if self.provider.needs_group else None

    @property
    def provider(self) -> ProviderSpec:
        return PROVIDERS[self.name]

    @property
    def recovers(self) -> bool:
        return self.provider.recover_by is not None

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "endpoint": self.box.endpoint(self.name),
            "keys": keys_of(self.box, self.name),
            "allow_private": True,
            "host": self.host,
            "ledger": str(self.folder / "ledger.sqlite"),
            "group": self.group,
            "recovery_window": WINDOW,
            "clock": quick_clock(),
            **self.settings,
            **more,
        }

    def many(self, targets: Sequence[Any], **more: Any) -> list[Submission]:
        with closing(submit_many(targets, self.name, **self.options(**more))) as run:
            return list(run)

    def one(self, target: Any, **more: Any) -> Submission:
        (submission,) = self.many([target], **more)
        return submission

    def picture(self, name: str = "") -> Path:
        return unique_picture(self.folder / f"{self.mark}{name}.png")

    def pictures(self, count: int) -> list[Path]:
        return [self.picture(f"-{number}") for number in range(count)]

    def opened(self, **more: Any) -> Provider:
        """The provider itself, for what a user does elsewhere."""
        options = {"keys": keys_of(self.box, self.name), "endpoint": self.box.endpoint(self.name), **more}
        return open_provider(self.provider, options.pop("keys"), **options)

    def assets(self) -> list[StoredAsset]:
        """What the sandbox has of this sender."""
        return [asset for asset in self.box.assets(self.name, trashed=None) if asset.name.startswith(self.mark)]

    def entries(self) -> list[Entry]:
        with Ledger(str(self.folder / "ledger.sqlite")) as ledger:
            return list(ledger.entries())

    def registered(self) -> int:
        """How many registrations of this sender took effect."""
        return sum(one.name.startswith(self.mark) for one in self.box.stats.registrations(self.name))
