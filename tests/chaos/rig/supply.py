"""A study that has trials left for as long as a scenario needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rig import ledger
from rig.objective import SPACE
from smbo import Budget, Study


@dataclass
class Supply:
    """Raises a study's budget whenever it is nearly used up.

    Attributes:
        url, study: which.
        path: of the ledger.
        room: trials by which it is raised.
        n_asked: the budget as it stands.
    """

    url: str
    study: str
    path: Path
    room: int = 30
    n_asked: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._raise()

    def n_told(self) -> int:
        """Return how many results were recorded."""
        return ledger.count(self.path, "told")

    def top_up(self) -> None:
        """Raise the budget if there is little left of it."""
        while self.n_told() > self.n_asked - self.room / 2:
            self._raise()

    def _raise(self) -> None:
        self.n_asked += self.room
        # closed at once: no connection may be open when a driver is forked
        Study.open(self.url, self.study, SPACE, "random", seed=1, budget=Budget(trials=self.n_asked)).close()
