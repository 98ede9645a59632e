"""Messages come out whole and in order, however the stream is cut."""

from __future__ import annotations

import socket

import pytest

from smbo_scheduler.framing import FramedConnection


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    yield FramedConnection(ours), theirs
    ours.close()
    theirs.close()


def test_messages_cut_anywhere_come_out_whole_and_in_order(ends):
    connection, other = ends
    stream = b"".join(len(part).to_bytes(8, "big") + part for part in (b"first", b"", b"third"))
    for i in range(len(stream)):
        other.sendall(stream[i : i + 1])
    assert [connection.receive(1.0) for _ in range(3)] == [b"first", b"", b"third"]


def test_part_of_a_message_is_none_until_the_rest_is_there(ends):
    connection, other = ends
    other.sendall((3).to_bytes(8, "big") + b"ab")
    assert connection.receive(0.01) is None
    other.sendall(b"c")
    assert connection.receive(1.0) == b"abc"


def test_a_closed_end_is_an_end_of_file(ends):
    connection, other = ends
    other.close()
    with pytest.raises(EOFError):
        connection.receive(1.0)
