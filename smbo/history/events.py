"""Events of a log of trials, as values: asked, promoted, reported, space changed, told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from smbo.frozen import frozen
from smbo.trial import Trial


@dataclass(frozen=True)
class Asked:
    """A call of ``ask``: for how many trials, the values fixed for them, and the present point if given."""

    n: int
    fixed: Mapping[str, Any] | None = None
    present: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", frozen(self.fixed))
        object.__setattr__(self, "present", frozen(self.present))


@dataclass(frozen=True)
class Promoted:
    """A call of ``promote``: the number of the trial that continues at a higher fidelity."""

    number: int


@dataclass(frozen=True)
class Reported:
    """An intermediate value of a running trial."""

    number: int
    step: float
    value: float


@dataclass(frozen=True)
class SpaceChanged:
    """A call of ``change_space``: its arguments, and what changed in words."""

    space: Any
    defaults: Mapping[str, Any] | None = None
    said: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", frozen(self.defaults))


@dataclass(frozen=True)
class Told:
    """A finished trial with its result."""

    trial: Trial


Event: TypeAlias = Asked | Promoted | Reported | SpaceChanged | Told


class Tracker(Protocol):
    """Follows the events of a log: a progress bar, an experiment tracker."""

    def on_event(self, event: Event) -> None:
        """Handle an event that has been recorded."""
        ...
