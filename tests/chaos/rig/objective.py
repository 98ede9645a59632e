"""A cheap objective that notes when it starts and what it returns.

Whoever imports this module, a worker of whatever kind included, gets the instruments too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig import instruments, ledger

SPACE = {"x": (0.0, 1.0), "n": (1, 4)}


def value_of(params: Mapping[str, Any], seed: int) -> float:
    """Return the objective's value: no two trials have the same."""
    return (params["x"] - 0.3) ** 2 + 0.1 * params["n"] + 1e-6 * (seed % 100_003)


@dataclass(frozen=True)
class Noted:
    """Takes ``pause_seconds`` on average, from half to one and a half of it by the trial's seed."""

    pause_seconds: float = 0.0

    def evaluate(self, params: Mapping[str, Any], context: Any) -> float:
        """Return the value, and note so."""
        # the attempt's own folder is named study-number-token
        number, token = map(int, context.folder.name.rsplit("-", 2)[1:])
        where = os.environ.get(instruments.MACHINE_VARIABLE, "")
        ledger.note("started", number, token, f"{os.getpid()} {where}".strip())
        time.sleep(self.pause_seconds * (0.5 + context.seed % 1000 / 1000))
        value = value_of(params, context.seed)
        ledger.note("finished", number, token, repr(value))
        return value


instruments.install()
