"""Calls of which is not known whether they were committed: the server went away, and stayed away for long.

What such an ask has written, if anything, would run for ever, since nobody knows of it; what such an
import has written would be there twice once it is repeated.  So the next call of its kind looks first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from smbo.store.records import Result, dump_json


class Unsettled:
    """The calls of one process that went without an answer, by the names that their events have."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[int, str | None]] = {}  # the study, and what the call was to write

    @staticmethod
    def name_of(study: int, points: Sequence[Mapping[str, Any]], results: Sequence[Result]) -> str:
        """Return a name of what an import is to write, the same when it is repeated."""
        digest = hashlib.sha256(str(study).encode())
        for point, result in zip(points, results):
            digest.update(f"{dump_json(point)};{result.hash()};".encode())
        return digest.hexdigest()

    def note(self, call: str, study: int, what: str | None = None) -> None:
        """Note a call; ``what`` names what an import was to write, None stands for an ask."""
        self._calls[call] = study, what

    def of_asks(self, study: int) -> list[str]:
        """Return the asks of a study."""
        return [call for call, known in self._calls.items() if known == (study, None)]

    def call_of(self, what: str) -> str | None:
        """Return the earlier import of the same, None if there is none."""
        return next((call for call, known in self._calls.items() if known[1] == what), None)

    def forget(self, call: str) -> None:
        """Forget a call that is settled."""
        self._calls.pop(call, None)
