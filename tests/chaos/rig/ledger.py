"""What happened, as those who evaluate saw it: lines in a file of which the product knows nothing.

    started NUMBER TOKEN PID WHERE  the objective was called; where, if machines are told apart
    finished NUMBER TOKEN VALUE     it returns this
    kept NUMBER TOKEN               its outcome is in the outbox, and durable
    told NUMBER TOKEN               its outcome is in the store: ``tell`` has returned

Each line is one write with O_APPEND, so that a SIGKILL leaves whole lines, and lines of many
processes stand in the order in which they were written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "CHAOS_LEDGER"


@dataclass(frozen=True)
class Line:
    """One line: a word, which trial and attempt, and what else it says."""

    word: str
    number: int
    token: int
    detail: str = ""


def note(word: str, number: int, token: int, detail: object = "") -> None:
    """Add a line to the ledger that the environment names."""
    descriptor = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{word} {number} {token} {detail}\n".encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> list[Line]:
    """Return the lines in their order; none if nobody wrote any."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        word, number, token, *detail = text.split()
        lines.append(Line(word, int(number), int(token), " ".join(detail)))
    return lines


def count(path: Path, word: str) -> int:
    """Return how many lines begin with a word."""
    return sum(line.word == word for line in read(path))
