"""The objective function: its interface, the context of an evaluation, and optional protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from smbo.problem.outcome import Outcome, Returned
from smbo.training_data import Array, Loss


def _ignore_report(_step: float, _value: float) -> None:
    """Drop an intermediate value (ask/tell by hand: nothing prunes)."""


def _never_stop() -> bool:
    return False


@dataclass(frozen=True)
class Context:
    """The context of an evaluation: its arguments besides the point.

    >>> context = Context(seed=7, fidelity=9)
    >>> context.report(3, 0.25)  # by hand: dropped
    >>> context.should_stop()
    False

    Attributes:
        seed: of the evaluation's random numbers; different for each trial, the same when a lost trial
            is run again.
        folder: an empty folder of the evaluation's own, None with ask/tell by hand.
        fidelity: to evaluate at (an int where the problem's is a whole number), None without one.
        checkpoint: folder that an earlier attempt at the same trial left to continue from, or None.
        report: ``report(step, value)`` reports an intermediate value; it raises Pruned once the trial
            is pruned.
        should_stop: ``should_stop()`` returns whether the trial is pruned, without raising.  An objective
            may return then; its trial counts as pruned.
        dimensions: names of all dimensions of the space, those that this point does not have among them;
            empty with ask/tell by hand.
    """

    seed: int
    folder: Path | None = None
    fidelity: float | None = None
    checkpoint: Path | None = None
    report: Callable[[float, float], None] = field(default=_ignore_report)
    should_stop: Callable[[], bool] = field(default=_never_stop)
    dimensions: tuple[str, ...] = ()


class Objective(Protocol):
    """An objective function; an entry point of the group ``smbo.objectives`` names a class of these.

    It is constructed from the job file's settings as keyword arguments, in the driver and again
    on every worker; a wrong setting raises ObjectiveError with a message that names it.  An objective
    must pickle.  It may also offer a problem (``HasProblem``) or a loss (``HasLoss``) of its own, say what
    it needs (``HasRequirements``) and which problems it serves (``ChecksProblem``),
    which files it depends on (``HasFiles``), a check of the
    recommendation (``Confirmable``), figures (``HasFigures``), axes of its observables
    (``Plottable``), events that can be reweighted (``Reweightable``), remarks before
    a run (``HasRemarks``).

    >>> class Sphere:
    ...     def evaluate(self, params, context):
    ...         return sum(value**2 for value in params.values())
    >>> Sphere().evaluate({"x": 3.0, "y": 4.0}, Context(seed=1))
    25.0
    """

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Returned:
        """Return the measured result, or raise EvaluationFailed."""
        ...


@runtime_checkable
class HasLoss(Protocol):
    """An objective that compares its vector of outputs with data, in a space chosen by the user."""

    @property
    def loss(self) -> Loss | None: ...


@runtime_checkable
class HasRequirements(Protocol):
    """An objective that needs modules which it imports only when it evaluates."""

    def requirements(self) -> Mapping[str, str]:
        """Return, by the name of each module, what to install: {"pythia8mc": "smbo[hep]"}."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """An objective whose results depend on files of its user: a module, a program, a template."""

    def files(self) -> Sequence[Path]:
        """Return these files; a study that goes on after one has changed says so."""
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
class Confirmable(Protocol):
    """An objective that says how its recommendation is checked once the study is done."""

    def confirmation(self) -> Confirmation:
        """Return how to check a recommended point."""
        ...


@runtime_checkable
class HasRemarks(Protocol):
    """An objective that has something to say about its settings or data once, before a run."""

    @property
    def remarks(self) -> Sequence[str]: ...


@runtime_checkable
class HasFigures(Protocol):
    """An objective that draws figures of its own for the report."""

    def figures(
        self, folder: Path, results: Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
    ) -> list[Figure]:
        """Draw into ``folder`` and return the figures.

        Args:
            folder: exists; files are written there.
            results: check evaluations as (point, outcome) pairs, by name of the point:
                "recommended" and the baseline's name.
        """
        ...


class OutputChange(Protocol):
    """How the outputs change from one point to another, by reweighting the events of the first.

    Attributes:
        changes: of the outputs, shape (k,); None where reweighting is refused.
        reason: why it is refused, None where it is not.
    """

    @property
    def changes(self) -> Array | None: ...

    @property
    def reason(self) -> str | None: ...


@runtime_checkable
class Reweightable(Protocol):
    """An objective whose simulated events can be reweighted to nearby points."""

    def near(self, params: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """Return a near point for each parameter that can be reweighted: one that changes it alone."""
        ...

    def neighbours(
        self, params: Mapping[str, Any], points: Sequence[Mapping[str, Any]], context: Context
    ) -> Sequence[OutputChange]:
        """Return the change of the outputs from ``params`` to each of ``points``, from the same events."""
        ...
