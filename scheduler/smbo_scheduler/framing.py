"""Message framing over a stream socket: a length, then that many bytes."""

from __future__ import annotations

import socket
import struct

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


class FramedConnection:
    """One end of a connection; a message received in part is buffered until it is complete."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: the other end is gone.
        """
        self._connection.settimeout(None)
        self._connection.sendall(_LENGTH.pack(len(message)) + message)

    def receive(self, timeout_seconds: float | None = None) -> bytes | None:
        """Return the next message, None if it is not complete in time.

        Raises:
            EOFError: the other end is gone.
        """
        while (message := self._take()) is None:
            self._connection.settimeout(timeout_seconds)
            try:
                chunk = self._connection.recv(_CHUNK)
            except TimeoutError:
                return None
            except ConnectionError:
                raise EOFError from None
            if not chunk:
                raise EOFError
            self._buffer += chunk
        return message

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def _take(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return message
