"""A local server that speaks every provider's wire protocol, so that nothing has to be sent anywhere to try it.

with Sandbox(delay=0.5) as box:
    url = box.host("clip.mp4")
    client = Client(box.endpoint(provider), box.key(provider))
    box.misbehave.on("lose-after", action="register", call=3)
    ...
    assert len(box.tally.registrations(provider, name="clip")) == 1
"""

from preflight.sandbox.faults import ACTIONS, EVERY, FAULTS
from preflight.sandbox.keys import Credentials
from preflight.sandbox.misbehaviour import Misbehaviour
from preflight.sandbox.records import StoredAsset, StoredGroup
from preflight.sandbox.server import Sandbox
from preflight.sandbox.tally import Registration, Tally, Unexpected

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
