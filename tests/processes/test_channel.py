"""Frames: what is sent arrives whole, deadlines hold, and a wrong end is refused."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from preflight.processes.channel import Channel, decode_message, encode_message

Ends = tuple[Channel, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Provide a channel that accepts frames of at most 100 bytes, and the bare socket at the other end."""
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(ours, sandboxed=True, max_frame=100)
        yield channel, theirs
        channel.close()


def test_frame_has_four_bytes_of_length(ends: Ends) -> None:
    channel, theirs = ends
    channel.send(b"abc")
    assert theirs.recv(100) == b"\0\0\0\3abc"


@pytest.mark.parametrize("size", [0, 1, 100])
def test_frame_is_received_whole(ends: Ends, size: int) -> None:
    channel, theirs = ends
    theirs.sendall(size.to_bytes(4, "big") + bytes(size) + b"next")
    assert channel.receive(time.monotonic() + 10) == bytes(size)


def test_frames_that_arrive_in_pieces_are_kept_apart() -> None:
    class Pieces:
        """A socket that returns three bytes at most."""

        def __init__(self, data: bytes) -> None:
            self.data = data
            self.asked: list[int] = []

        def settimeout(self, seconds: float | None) -> None:
            assert seconds is None

        def recv(self, size: int) -> bytes:
            self.asked.append(size)
            piece, self.data = self.data[: min(3, size)], self.data[min(3, size) :]
            return piece

    pieces = Pieces(b"\0\0\0\5abcde\0\0\0\1f")
    channel = Channel(pieces, sandboxed=True)  # type: ignore[arg-type]
    assert (channel.receive(), channel.receive()) == (b"abcde", b"f")
    assert pieces.asked == [4, 1, 5, 2, 4, 1, 1]


def test_frame_that_has_arrived_is_received_shortly_before_the_deadline(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall(b"\0\0\0\3abc")
    assert channel.receive(time.monotonic() + 0.9) == b"abc"


def test_frame_longer_than_the_limit_is_refused(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall((101).to_bytes(4, "big"))
    with pytest.raises(ValueError, match="a frame of 101 bytes"):
        channel.receive(time.monotonic() + 10)


def test_incomplete_frame_is_an_end_of_file(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall(b"\0\0\0\5abc")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        channel.receive()


def test_deadline_holds_for_receiving_and_sending(ends: Ends) -> None:
    channel, _ = ends
    with pytest.raises(TimeoutError):
        channel.receive(time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        channel.send(bytes(1 << 24), time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        channel.send(b"late", time.monotonic() - 1)


def test_channel_is_ready_when_bytes_or_the_end_have_arrived(ends: Ends) -> None:
    channel, theirs = ends
    began = time.monotonic()
    assert not channel.is_ready(0.05)
    assert 0.04 <= time.monotonic() - began < 10
    theirs.sendall(b"a")
    assert channel.is_ready(0)
    theirs.close()
    assert channel.is_ready(0)


def test_closed_channel_reports_an_end_of_file(ends: Ends) -> None:
    channel, _ = ends
    channel.close()
    with pytest.raises(EOFError):
        channel.is_ready(0)


@pytest.mark.parametrize("sandboxed", [True, False])
def test_messages_survive_encoding(sandboxed: bool) -> None:
    message: dict[str, object] = {"read": [0, 4], "text": "ä", "none": None}
    assert decode_message(encode_message(message, sandboxed=sandboxed), sandboxed=sandboxed) == message


def test_message_of_a_sandboxed_process_is_never_unpickled() -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_message(encode_message({}, sandboxed=False), sandboxed=True)


@pytest.mark.parametrize("payload", [b"", b"[]", b"1", b"{", b"\xff"])
def test_anything_but_an_object_is_no_message(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_message(payload, sandboxed=True)


def test_number_that_is_not_finite_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_message({"answer": float("nan")}, sandboxed=True)
