"""The read-only answers of ``Optimizer`` and ``Study``: results, predictions, Pareto set, termination."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from smbo.errors import ProblemError
from smbo.history import table
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.surrogates.base import Memory
from smbo.trial import Recommendation, Trial, TrialState

# What answers a query is imported by the query: the first ask of an interpreter would take longer by a
# third (tests/benchmarks/bench_start.py).
if TYPE_CHECKING:
    from smbo.analysis.contours import Contour
    from smbo.analysis.explain import Explanation
    from smbo.analysis.parameters import Parameter
    from smbo.analysis.pareto import ParetoSet
    from smbo.analysis.prediction import Points, Prediction
    from smbo.tuning import Tune, TuneSettings


class Snapshot(NamedTuple):
    """The state from which all answers are computed, at one moment."""

    problem: Problem
    recipe: Recipe
    seed: int
    trials: Sequence[Trial]
    memory: Memory


class View(ABC):
    """Read-only queries of a log of trials.

    A base class and not functions, so that each query and its docstring are written once and are methods of
    both ``Optimizer`` and ``Study``.
    """

    problem: Problem
    recipe: Recipe

    # numbers of complete trials and of those before the present space, and the reason then:
    # drivers ask in every iteration of their loop
    _termination_known: tuple[tuple[int, int], str | None] | None = None

    @abstractmethod
    def _snapshot(self) -> Snapshot:
        """Return the trials, by number, and the rest of the state that answers are computed from."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials by number; for a study, those of other processes too."""
        return tuple(self._snapshot().trials)

    @property
    def best(self) -> Trial | None:
        """The feasible trial with the best observed value, None as long as there is none.

        For several objectives, the knee of the observed Pareto set.

        Raises:
            ProblemError: the problem has contextual variables: values of different contexts are not
                comparable.
        """
        from smbo.analysis.pareto import best_of

        now = self._snapshot()
        if now.problem.context:
            raise ProblemError(
                f"there is no best trial: values under different {', '.join(now.problem.context)} are not "
                "comparable; recommend(context={...}) returns the best point for a context"
            )
        return best_of(now.problem, now.trials)

    def table(self) -> dict[str, list[Any]]:
        """Return all trials as columns of equal length; see ``smbo.history.table.columns``."""
        now = self._snapshot()
        return table.columns(now.problem, now.trials)

    def to_pandas(self) -> Any:
        """Return the table as a pandas.DataFrame; ImportError without pandas."""
        now = self._snapshot()
        return table.to_pandas(now.problem, now.trials)

    def recommend(self, context: Mapping[str, Any] | None = None) -> Recommendation:
        """Return the point with the best posterior mean, with that mean and its standard deviation.

        Args:
            context: of a problem with contextual variables, their values for which the best point is
                wanted; they need not have been observed.

        Raises:
            TellError: no feasible evaluation is complete.
            ProblemError: the problem is a level set, which has no best point.
            AskError: the context is missing, not of the problem, or out of its range.

        >>> from smbo import Optimizer, Problem
        >>> problem = Problem({"gain": (0.0, 1.0), "temperature": (0.0, 40.0)}, context=["temperature"])
        >>> optimizer = Optimizer(problem, seed=1)
        >>> for temperature in [7.0 * day % 40.0 for day in range(16)]:
        ...     trial = optimizer.ask(context={"temperature": temperature})
        ...     _ = optimizer.tell(trial, (trial.params["gain"] - temperature / 40) ** 2)
        >>> found = optimizer.recommend(context={"temperature": 18.0})
        >>> found.params["temperature"], abs(found.params["gain"] - 0.45) < 0.1
        (18.0, True)
        """
        from smbo.analysis.pareto import recommended

        return recommended(*self._snapshot(), context)

    def optimum(self) -> list[Parameter]:
        """Return the parameters of the recommended point with 68 and 95 % intervals of the optimum.

        Functions are drawn from all that is uncertain: the function, its hyperparameters and the model; where
        each is lowest is searched for as a proposal is.  An interval is the central share of these places
        for one parameter alone, in two basins too.

        Raises:
            TellError: no feasible evaluation is complete.
            ProblemError: a level set or several objectives, which have no single optimum.
        """
        from smbo.analysis.optimum import optimum

        return optimum(*self._snapshot())

    def predict(self, points: Points) -> Prediction:
        """Return posterior mean and standard deviation of the function, in the user's sign and units.

        Without the noise of an evaluation.  For several objectives, or the functions of a level set, by
        name; for vector outputs, of the loss; with fidelities, at the highest.

        Args:
            points: one point ({name: value}), m of them, or a pandas.DataFrame with a column per parameter.

        Raises:
            PointError: a point is not in the space.
            TellError: fewer than two evaluations are complete, or the recipe has no surrogate.
            ProblemError: the recipe's surrogate does not model each objective.

        >>> from smbo import Optimizer
        >>> optimizer = Optimizer({"x": (0.0, 1.0)}, recipe="gp", seed=1)
        >>> for x in (0.0, 0.25, 0.5, 0.75, 1.0):
        ...     trial = optimizer.tell({"x": x}, 100.0 * (x - 0.3) ** 2, sem=0.0)
        >>> prediction = optimizer.predict([{"x": 0.25}, {"x": 0.4}])
        >>> prediction.mean.shape, prediction.std.shape
        ((2,), (2,))
        >>> bool(abs(prediction.mean[0] - 0.25) < 0.01)
        True
        """
        from smbo.analysis.prediction import predict

        problem, recipe, _, trials, memory = self._snapshot()
        return predict(problem, recipe, trials, memory, points)

    def pareto(self) -> ParetoSet:
        """Return the observed and the predicted Pareto set of several objectives.

        Raises:
            ProblemError: the problem has one objective.
            TellError: no feasible evaluation is complete.
        """
        from smbo.analysis.pareto import pareto_set

        problem, recipe, _, trials, memory = self._snapshot()
        return pareto_set(problem, recipe, trials, memory)

    def contour(self) -> Contour:
        """Return the contours of a level set, with their uncertainty.

        Raises:
            ProblemError: the problem has no level set.
            TellError: fewer than two evaluations are complete.
        """
        from smbo.analysis.contours import contour_of

        problem, recipe, _, trials, memory = self._snapshot()
        return contour_of(problem, recipe, trials, memory)

    def tune(self, settings: TuneSettings | None = None, at: Mapping[str, Any] | None = None) -> Tune:
        """Return best parameters with errors, eigentunes and pulls, where outputs are compared with data.

        A function of the trials alone: other weights or observables in ``settings`` need no new evaluation.

        Args:
            at: the point whose errors and agreement are wanted, such as the recommended one, of which
                `smbo show`, `smbo tune` and the report speak; None for the minimum of the settings' χ².

        Raises:
            ProblemError: the problem has no ``ChiSquare``, too few evaluations, or the settings do not fit;
                or it has contextual variables, which would be tuned too.
        """
        from smbo.tuning import tune_of

        now = self._snapshot()
        if now.problem.context:
            raise ProblemError(
                f"a tune varies all parameters, and {', '.join(now.problem.context)} is observed; "
                "recommend(context={...}) returns the best point for a context"
            )
        return tune_of(now.problem, now.trials, settings, at)

    def termination(self) -> str | None:
        """Return why no more evaluations are needed, in words; None while they are, or without a rule.

        The rule is ``Problem(termination=…)``, or the tolerance of a level set.  A function of the log, so
        that every process that reads the study returns the same; ``ask`` still gives trials.
        """
        level_set = self.problem.level_set
        if self.problem.termination is None and (level_set is None or level_set.tolerance is None):
            return None  # without reading the log
        from smbo.analysis.contours import enough
        from smbo.proposal.termination import ended

        problem, recipe, _, trials, memory = self._snapshot()
        # the space may have changed, too
        now = sum(trial.state is TrialState.COMPLETE for trial in trials), problem.space.since
        if self._termination_known is None or self._termination_known[0] != now:
            decide = ended if level_set is None else enough
            self._termination_known = now, decide(problem, recipe, trials, memory)
        return self._termination_known[1]

    def explain(self) -> Explanation:
        """Return the recipe's choice, learned hyperparameters and predictive score; print it to read it.

        It changes nothing: the proposal whose time is measured is discarded.
        """
        from smbo.analysis.explain import explained

        return explained(*self._snapshot())
