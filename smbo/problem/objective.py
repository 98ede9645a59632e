"""What is evaluated, and what an evaluation is given: the side of a problem that a user's code sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from smbo.problem.outcome import Outcome, Returned
from smbo.training_data import Array


def _report_to_nobody(_step: float, _value: float) -> None:
    """Drop an intermediate value: there is nobody to tell (ask/tell by hand)."""


def _go_on() -> bool:
    """Return False: nobody asks for an early end."""
    return False


@dataclass(frozen=True)
class Context:
    """What an evaluation may use besides its point.

    Attributes:
        seed: for its random numbers; never the same for two trials, the same when a lost trial
            is run again.
        folder: a fresh folder of its own, or None where there is none (ask/tell by hand).
        fidelity: asked for (an int where the problem's is a whole number), or None.
        checkpoint: folder of an earlier attempt at the same trial to go on from, or None.
        report: ``report(step, value)`` notes an intermediate value.  It raises Pruned once the
            evaluation need not go on.
        should_stop: ``should_stop()`` says the same without raising.  An objective that has been
            told so may return; its trial counts as ended early.
    """

    seed: int
    folder: Path | None = None
    fidelity: float | None = None
    checkpoint: Path | None = None
    report: Callable[[float, float], None] = field(default=_report_to_nobody)
    should_stop: Callable[[], bool] = field(default=_go_on)


class Objective(Protocol):
    """What an entry point of the group ``smbo.objectives`` names: a class of these.

    It is constructed from the job file's settings as keyword arguments, in the driver and again
    on every worker; a wrong one raises ObjectiveError with a message that names it.  It must
    pickle.  If it knows its own space it also has an attribute ``problem`` (a Problem), and then
    the job file need not give one.  ``Rated`` says what more it may offer.
    """

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Returned:
        """Return what was measured, or raise EvaluationFailed."""
        ...


@dataclass(frozen=True)
class Confirmation:
    """How a recommended point is to be checked once the study is done.

    Attributes:
        baseline: the point to compare with (a default tune, say), or None.
        baseline_name: what to call it.
        fidelity: of each check evaluation, None for the objective's own.
        repeats: check evaluations per point, each with a fresh seed.
    """

    baseline: Mapping[str, Any] | None
    baseline_name: str = "default"
    fidelity: float | None = None
    repeats: int = 5


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its files without suffix (PNG and PDF lie beside each other) and its caption."""

    stem: Path
    title: str
    caption: str


@runtime_checkable
class Rated(Protocol):
    """An objective that says how its recommendation is checked, and draws figures of its own."""

    def confirmation(self) -> Confirmation:
        """Return how to check a recommended point."""
        ...

    def draw(
        self, folder: Path, results: Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
    ) -> list[Figure]:
        """Draw into ``folder`` and return the figures.

        Args:
            folder: exists; files are written there.
            results: check evaluations as (point, outcome) pairs, by what they are of:
                "recommended" and the baseline's name.
        """
        ...


class Moved(Protocol):
    """What the events of an evaluation say of another point.

    Attributes:
        changes: of the outputs from those of the same events as they are, shape (k,); None where refused.
        reason: why it is refused, None where it is not.
    """

    @property
    def changes(self) -> Array | None: ...

    @property
    def reason(self) -> str | None: ...


@runtime_checkable
class Reweighted(Protocol):
    """An objective whose events can be weighed as if they were of a point near by."""

    def near(self, params: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """Return a near point for each parameter that can be reweighted: one that changes it alone."""
        ...

    def neighbours(
        self, params: Mapping[str, Any], points: Sequence[Mapping[str, Any]], context: Context
    ) -> Sequence[Moved]:
        """Return what the events at ``params`` say of each of ``points``."""
        ...
