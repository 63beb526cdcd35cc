"""A local server that speaks every provider's wire protocol, to try and test clients without sending anything.

with Sandbox(delay=0.5) as box:
    url = box.host("clip.mp4")
    client = Client(box.endpoint(provider), box.key(provider))
    box.faults.on("lose-after", action="register", call=3)
    ...
    assert len(box.stats.registrations(provider, name="clip")) == 1
"""

from preflight.sandbox.credentials import Credentials
from preflight.sandbox.faults import ACTIONS, EVERY, FAULTS, FaultPlan
from preflight.sandbox.server import Sandbox
from preflight.sandbox.state import Registration, Stats, StoredAsset, StoredGroup, Unexpected

__all__ = [
    "ACTIONS",
    "EVERY",
    "FAULTS",
    "Credentials",
    "FaultPlan",
    "Registration",
    "Sandbox",
    "Stats",
    "StoredAsset",
    "StoredGroup",
    "Unexpected",
]
