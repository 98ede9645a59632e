"""Durations ("2h", "1h30min") and sizes ("4GB") as they are written in job files and options."""

from __future__ import annotations

import math
import re

_SECONDS = {
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_PART = r"(\d{1,15}(?:\.\d{0,15})?)\s*([A-Za-z]+)"
_WHOLE = re.compile(rf"\s*{_PART}(?:\s*{_PART})*\s*")


def duration_seconds(value: object) -> float:
    """Return a duration in seconds: a number of seconds, or text such as "2h" or "1h30min".

    Raises:
        ValueError: it is no duration, or not positive; the message says what to write.
    """
    if isinstance(value, str):
        seconds = _sum(value, _SECONDS, 'a duration such as "90s", "30min", "2h" or "1d"')
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) < 1e15 else math.inf
    else:
        raise ValueError(f'{shown(value)} is no duration; write one such as "90s", "30min", "2h" or "1d"')
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{shown(value)} is not a positive, finite duration")
    return seconds


def size_bytes(value: object) -> int:
    """Return a size in bytes: a whole number of bytes, or text such as "4GB" or "512MiB".

    Raises:
        ValueError: it is no size, or not positive; the message says what to write.
    """
    if isinstance(value, str):
        size = int(_sum(value, _BYTES, 'a size such as "512MB" or "4GiB"'))
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        raise ValueError(f'{shown(value)} is no size; write one such as "512MB" or "4GiB"')
    if not 0 < size < 2**63:
        raise ValueError(f"{shown(value)} is not a size that a process could have")
    return size


def shown(value: object) -> str:
    """Return a value as Python writes it, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sum(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    if len(text) > 100 or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not {wanted}")
    total = 0.0
    for number, unit in re.findall(_PART, text):
        if unit not in units:
            raise ValueError(f"{text!r}: the unit {unit!r} is not one of {', '.join(units)}")
        total += float(number) * units[unit]
    return total


def duration_text(seconds: float) -> str:
    """Return a duration for people: "1h 02min", "3min 05s", "12s"."""
    whole = max(0, round(seconds))
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes_left:02d}min"
    return f"{minutes}min {seconds_left:02d}s" if minutes else f"{seconds_left}s"
