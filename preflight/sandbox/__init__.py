"""A local server that speaks every provider's wire protocol, so that nothing has to be sent anywhere to try it.

with Sandbox(delay=0.5) as box:
    url = box.host("clip.mp4")
    client = Client(box.endpoint(provider), box.key(provider))
    box.misbehave.on("lose-after", action="register", call=3)
    ...
    assert len(box.tally.registrations(provider, name="clip")) == 1
"""

from preflight.sandbox.credentials import Credentials
from preflight.sandbox.faults import ACTIONS, EVERY, FAULTS, Misbehaviour
from preflight.sandbox.server import Sandbox
from preflight.sandbox.state import StoredAsset, StoredGroup
from preflight.sandbox.stats import Registration, Tally, Unexpected

__all__ = [
    "ACTIONS",
    "EVERY",
    "FAULTS",
    "Credentials",
    "Misbehaviour",
    "Registration",
    "Sandbox",
    "StoredAsset",
    "StoredGroup",
    "Tally",
    "Unexpected",
]
