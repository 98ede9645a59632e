"""``Optimizer`` with scikit-optimize's interface, over our proposals."""

from __future__ import annotations

import copy
import math
import numbers
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult
from sklearn.base import is_regressor
from sklearn.utils import check_random_state

from smbo import acquisition, surrogates
from smbo.analysis.prediction import InUsersUnit
from smbo.errors import RecipeError, SpaceExhausted
from smbo.history.encode import encode
from smbo.history.record import ToldResult, record_result
from smbo.integrations.skopt.space import Space
from smbo.problem import Problem
from smbo.proposal.presets import preset
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import posterior_of
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import proposal_rng, suggest
from smbo.space.designs import design_rows
from smbo.surrogates.base import Surrogate
from smbo.surrogates.subset import Subset
from smbo.training_data import Array
from smbo.trial import Trial

_TREES = {"RandomForestRegressor": "RF", "ExtraTreesRegressor": "ET", "GradientBoostingRegressor": "GBRT"}
_STRATEGIES = ("cl_min", "cl_mean", "cl_max")
_ESTIMATORS = ("GP", "RF", "ET", "GBRT", "DUMMY")
_ACQUISITIONS = ("gp_hedge", "EI", "LCB", "PI", "MES", "PVRS", "EIps", "PIps")
# of the generators of scikit-optimize; a grid's and Hammersley's points spread as evenly as these
_DESIGNS = {"sobol": "sobol", "halton": "halton", "hammersly": "halton", "lhs": "lhs", "grid": "sobol"}
_N_CANDIDATES = 2000  # random points that meet a space's constraint


@dataclass
class Estimator:
    """A model by its kind, as ``cook_estimator`` makes it.

    Attributes:
        kind: "GP", "RF", "ET", "GBRT", "DUMMY", or "SKLEARN" for a regressor of one's own.
        noise: variance of the values' noise, where it is known.
        regressor: of scikit-learn, with ``predict(X, return_std=True)``.
        has_categories: whether the space that it was made for has categories.
    """

    kind: str
    noise: float | None = None
    regressor: Any = None
    has_categories: bool = False

    @property
    def has_gradients(self) -> bool:
        """Whether the mean has a gradient in the point."""
        return self.kind == "GP" and not self.has_categories


def as_estimator(given: Any, noise: Any = None) -> Estimator:
    """Return the model that a base_estimator names.

    Raises:
        ValueError: no such name, and no regressor.
    """
    if isinstance(given, Estimator):
        return given
    if isinstance(given, str):
        if given.upper() not in _ESTIMATORS:
            raise ValueError(
                f"base_estimator={given!r}: valid strings are 'RF', 'ET', 'GP', 'GBRT' or 'DUMMY'"
            )
        known = float(noise) if isinstance(noise, numbers.Real) and given.upper() == "GP" else None
        return Estimator(given.upper(), known)
    if not hasattr(given, "fit") or not is_regressor(given):
        raise ValueError(f"base_estimator={given!r} has to be a regressor")
    if (kind := _TREES.get(type(given).__name__)) is not None:
        warnings.warn(
            f"base_estimator={kind!r} is used for {given!r}: our own trees, without its settings",
            stacklevel=3,
        )
        return Estimator(kind)
    try:
        surrogates.Regressor(given)
    except RecipeError as error:
        raise ValueError(f"base_estimator={given!r}: {error}") from None
    return Estimator("SKLEARN", regressor=given)


def recipe_of(estimator: Estimator, acq_func: str, settings: dict[str, Any]) -> Recipe:
    """Return our recipe that comes nearest to an estimator and an acquisition function.

    | scikit-optimize | ours |
    |---|---|
    | GP, gp_hedge | auto, which chooses for each proposal |
    | GP, EI | GP, LogExpectedImprovement (``xi`` is not used) |
    | PI; LCB | ProbabilityOfImprovement; LowerConfidenceBound(weight=kappa) |
    | MES; PVRS | MaxValueEntropySearch; ThompsonSampling |
    | EIps, PIps | ExpectedImprovementPerCost |
    | RF; ET; GBRT; a regressor | Forest; ExtraTrees; Boosting; Regressor |
    | DUMMY | random |
    """
    if estimator.kind == "DUMMY":
        return preset("random")
    models: dict[str, Callable[[], Surrogate]] = {
        "GP": lambda: surrogates.GP(),
        "RF": lambda: surrogates.Forest(),
        "ET": lambda: surrogates.ExtraTrees(),
        "GBRT": lambda: surrogates.Boosting(),
        "SKLEARN": lambda: surrogates.Regressor(estimator.regressor),
    }
    criteria: dict[str, Callable[[], Any]] = {
        "EI": lambda: acquisition.LogExpectedImprovement(),
        "PI": lambda: acquisition.ProbabilityOfImprovement(),
        "LCB": lambda: acquisition.LowerConfidenceBound(weight=_kappa(settings)),
        "MES": lambda: acquisition.MaxValueEntropySearch(),
        "PVRS": lambda: acquisition.ThompsonSampling(),
        "EIps": lambda: acquisition.ExpectedImprovementPerCost(),
        "PIps": lambda: acquisition.ExpectedImprovementPerCost(),
    }
    if acq_func == "gp_hedge":
        if estimator.kind == "GP":
            return preset("auto")
        acq_func = "EI"
    return Recipe(Subset(models[estimator.kind]()), criteria[acq_func](), n_initial=1)


def _kappa(settings: dict[str, Any]) -> float:
    kappa = settings.get("kappa", 1.96)
    return 1e6 if kappa == "inf" else float(kappa)  # "inf": where the model knows least


@dataclass(eq=False)
class Model:
    """The model after some results; fitted when it is first asked.

    Attributes:
        space: whose transformed points it predicts at.
        noise: see ``Estimator``.
    """

    space: Space
    problem: Problem
    recipe: Recipe
    trials: Sequence[Trial]
    memory: dict[str, Any]
    noise: float | None = None

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the posterior mean at transformed points, (n,), and with return_std the deviation too."""
        return self.at(self.space.inverse_transform(np.atleast_2d(X)), return_std)

    def at(self, points: Sequence[Sequence[Any]], return_std: bool = False) -> Any:
        """Return the same at points of the space."""
        units = self.problem.space.to_unit([self.space.to_ours(each) for each in points])
        mean, std = self._posterior.moments(units)
        return (mean, std) if return_std else mean

    @cached_property
    def _posterior(self) -> InUsersUnit:
        data = encode(self.problem, self.trials)
        posterior = posterior_of(self.recipe, data, self.memory)
        if posterior is None:
            raise ValueError(f"no model yet: {len(data)} values are too few, or the estimator has no model")
        return InUsersUnit(posterior, data)


class Optimizer:
    """Ask for points and tell values, as with scikit-optimize's Optimizer.

    Points are drawn at random, or from a design, until ``n_initial_points`` values have been told; then they
    are proposed by the recipe of ours that comes nearest to the estimator and acquisition function, see
    ``recipe_of``.  ``ask`` returns the same point until a value is told.

    Args:
        dimensions: Dimensions, shorthands, or a Space.
        base_estimator: "GP", "RF", "ET", "GBRT", "DUMMY", or a regressor of scikit-learn.
        n_initial_points: values to be told before the model proposes.
        initial_point_generator: "random", "sobol", "halton", "hammersly", "lhs" or "grid".
        acq_func: "gp_hedge", "EI", "LCB", "PI", "MES", "PVRS"; "EIps" and "PIps" with values (y, seconds).
        acq_optimizer: "auto", "sampling" or "lbfgs"; our search is the same for all.
        random_state: seed or RandomState: the same one gives the same points.
        model_queue_size: how many of the last models are kept; None for all.
        space_constraint: a function of a point that says whether it may be evaluated.
        acq_func_kwargs: of these "kappa" counts, for LCB.
        n_jobs, acq_optimizer_kwargs, avoid_duplicates: taken and not used; known points are proposed again
            only where nothing else is left.
        n_random_starts: the old name of n_initial_points.

    Raises:
        ValueError: an argument that makes no sense.

    >>> optimizer = Optimizer([(-2.0, 2.0)], random_state=1, n_initial_points=3)
    >>> for _ in range(10):
    ...     x = optimizer.ask()
    ...     result = optimizer.tell(x, (x[0] - 0.5) ** 2)
    >>> bool(result.fun < 0.1)
    True
    """

    def __init__(
        self,
        dimensions: Any,
        base_estimator: Any = "gp",
        n_random_starts: int | None = None,
        n_initial_points: int = 10,
        initial_point_generator: Any = "random",
        n_jobs: int = 1,
        acq_func: str = "gp_hedge",
        acq_optimizer: str = "auto",
        random_state: Any = None,
        model_queue_size: int | None = None,
        space_constraint: Callable[[list[Any]], bool] | None = None,
        acq_func_kwargs: dict[str, Any] | None = None,
        acq_optimizer_kwargs: dict[str, Any] | None = None,
        avoid_duplicates: bool = True,
    ) -> None:
        args = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self.specs: dict[str, Any] = {"args": args, "function": "Optimizer"}
        if n_random_starts is not None:
            warnings.warn("n_random_starts is called n_initial_points now", DeprecationWarning, stacklevel=2)
            n_initial_points = n_random_starts
        if n_initial_points < 0:
            raise ValueError(f"n_initial_points={n_initial_points}: 0 or more are needed")
        if acq_func not in _ACQUISITIONS:
            raise ValueError(f"acq_func={acq_func!r}: there are {', '.join(_ACQUISITIONS)}")
        if acq_optimizer not in ("auto", "sampling", "lbfgs"):
            raise ValueError(f"acq_optimizer={acq_optimizer!r}: there are 'auto', 'sampling' and 'lbfgs'")
        self.rng = check_random_state(random_state)
        self._seed = int(self.rng.randint(0, 2**31 - 1))
        self.base_estimator_ = as_estimator(base_estimator)
        if acq_optimizer == "lbfgs" and not self.base_estimator_.has_gradients:
            raise ValueError(f"the regressor {base_estimator!r} should run with acq_optimizer='sampling'")
        self.acq_func, self.acq_optimizer, self.acq_func_kwargs = (
            acq_func,
            acq_optimizer,
            acq_func_kwargs or {},
        )
        self.avoid_duplicates, self.max_model_queue_size = avoid_duplicates, model_queue_size
        self.n_initial_points_ = self._n_initial_points = n_initial_points
        self._design = _design_of(initial_point_generator)
        self.space = Space(dimensions, space_constraint)
        self.problem = Problem(self.space.as_ours())
        self.Xi: list[list[Any]] = []
        self.yi: list[Any] = []
        self.models: list[Model] = []
        self._trials: list[Trial] = []
        self._memory: dict[str, Any] = {}
        self._asked: dict[
            int, list[list[Any]]
        ] = {}  # points since the last value, by how many were asked for

    @property
    def recipe(self) -> Recipe:
        """Our recipe that proposes once the initial points are told."""
        return recipe_of(self.base_estimator_, self.acq_func, self.acq_func_kwargs)

    @property
    def _is_timed(self) -> bool:
        return self.acq_func.endswith("ps")

    def ask(self, n_points: int | None = None, strategy: str = "cl_min") -> Any:
        """Return the next point, or a list of n_points that are proposed together.

        Args:
            strategy: "cl_min", "cl_mean" or "cl_max"; ours is the same for all, by fantasies of the
                posterior.

        Raises:
            ValueError: no such strategy, or no such number.
        """
        if n_points is None:
            if self._is_initial and self._design is None:  # a new one each time, as long as they are random
                return self.space.rvs(random_state=self.rng)[0]
            return self._points(1)[0]
        if not isinstance(n_points, numbers.Integral) or isinstance(n_points, bool) or n_points < 1:
            raise ValueError(f"n_points={n_points!r}: a whole number from 1 up is needed")
        if strategy not in _STRATEGIES:
            raise ValueError(f"strategy={strategy!r}: there are {', '.join(_STRATEGIES)}")
        return copy.deepcopy(self._points(int(n_points)))

    @property
    def _is_initial(self) -> bool:
        return self._n_initial_points > 0 or self.base_estimator_.kind == "DUMMY"

    def _points(self, n: int) -> list[list[Any]]:
        if n not in self._asked:
            self._asked[n] = self._initial(n) if self._is_initial else self._proposed(n)
        return self._asked[n]

    def _initial(self, n: int) -> list[list[Any]]:
        """Return the next points of the initial design."""
        if self._design is None:
            return self.space.rvs(n_samples=n, random_state=self.rng)
        space, start = self.problem.space, len(self.Xi)
        found: list[list[Any]] = []
        while len(found) < n:
            rows = design_rows(self._design, len(space.axes), self._seed, start, n)
            start += n
            points = [self.space.from_ours(each) for each in space.from_unit(rows)]
            found += [each for each in points if self.space.constraint is None or self.space.constraint(each)]
        return found[:n]

    def _proposed(self, n: int) -> list[list[Any]]:
        """Return the points that the recipe proposes."""
        if self.space.constraint is not None:
            return self._proposed_by_sampling(n)
        data, rng = encode(self.problem, self._trials), proposal_rng(self._seed, len(self._trials))
        try:
            points, self._memory = suggest(
                ProposalRequest(self.problem, self.recipe, data, n, rng, self._memory)
            )
        except SpaceExhausted:
            found = self.space.rvs(n_samples=n, random_state=self.rng)
            warnings.warn(
                f"every point of the space has been evaluated at least once; {found[0]} again", stacklevel=4
            )
            return found
        return [self.space.from_ours(each) for each in points]

    def _proposed_by_sampling(self, n: int) -> list[list[Any]]:
        """Return the best of random points that meet the constraint, by expected improvement."""
        drawn = self.space.rvs(n_samples=_N_CANDIDATES, random_state=self.rng)
        best = min(trial.value for trial in self._trials if trial.value is not None)
        mean, std = self._model().at(drawn, return_std=True)
        gains = _expected_improvement(mean, std, best)
        return [drawn[place] for place in np.argsort(-gains, kind="stable")[:n]]

    def tell(self, x: Any, y: Any, fit: bool = True) -> Any:
        """Record the value of a point, or the values of a list of points, and return the result so far.

        Args:
            fit: whether there is to be a model of it.

        Raises:
            ValueError: a point outside of the space, of another length, or a value that is no scalar.
            TypeError: a value without its time where acq_func counts time.
        """
        points, values = self._checked(x, y)
        for point, value in zip(points, values):
            self.Xi.append(point)
            self.yi.append(value)
            self._trials.append(self._trial(point, value))
        self._n_initial_points -= len(points)
        if fit and not self._is_initial:
            self.models.append(self._model())
            if self.max_model_queue_size is not None:
                del self.models[: -self.max_model_queue_size]
        self._asked.clear()
        return self.get_result()

    def _checked(self, x: Any, y: Any) -> tuple[list[list[Any]], list[Any]]:
        """Return points and values as lists."""
        several = len(x) > 0 and all(isinstance(each, list | tuple | np.ndarray) for each in x)
        points = [list(each) for each in x] if several else [list(x)]
        n_dims = len(self.space.dimensions)
        for point in points:
            if len(point) != n_dims:
                if several:
                    raise ValueError("Not all points have the same dimensions as the space.")
                raise ValueError(
                    f"Dimensions of point ({point}) and space ({self.space.bounds}) do not match"
                )
            if point not in self.space:
                raise ValueError(
                    f"Point ({point}) is not within the bounds of the space ({self.space.bounds})."
                )
        if several:
            if not isinstance(y, list | tuple | np.ndarray) or len(y) != len(points):
                raise ValueError(f"expected y to be a list of {len(points)} scalars, got {y!r}")
            return points, [self._checked_value(each) for each in y]
        return points, [self._checked_value(y)]

    def _checked_value(self, y: Any) -> Any:
        if self._is_timed:
            value, seconds = y  # TypeError without a time
            return float(value), float(seconds)
        if not isinstance(y, numbers.Real) and not (isinstance(y, np.ndarray) and y.ndim == 0):
            raise ValueError(f"`func` should return a scalar, got {y!r}")
        return float(y)

    def _trial(self, point: list[Any], y: Any) -> Trial:
        value, cost = y if self._is_timed else (y, None)
        trial = Trial(len(self._trials), self.space.to_ours(point), seed=0)
        noise = self.base_estimator_.noise
        sem = None if noise is None else math.sqrt(noise)
        return record_result(self.problem, trial, ToldResult(value, sem, cost))

    def _model(self) -> Model:
        recipe = self.recipe
        known = tuple(self._trials)
        return Model(self.space, self.problem, recipe, known, dict(self._memory), self.base_estimator_.noise)

    def run(self, func: Callable[[list[Any]], Any], n_iter: int = 1) -> Any:
        """Evaluate n_iter points, and return the result."""
        for _ in range(n_iter):
            x = self.ask()
            self.tell(x, func(x))
        return self.get_result()

    def update_next(self) -> None:
        """Propose anew, after ``acq_func_kwargs`` were changed."""
        self._asked.clear()

    def get_result(self) -> Any:
        """Return the result of what has been told."""
        return create_result(self.Xi, self.yi, self.space, self.rng, self.specs, self.models)

    def copy(self, random_state: Any = None) -> Optimizer:
        """Return an optimizer with the same results, and another random state if one is given."""
        args = {**self.specs["args"], "random_state": self.rng if random_state is None else random_state}
        twin = Optimizer(**{**args, "n_random_starts": None, "n_initial_points": self.n_initial_points_})
        if self.Xi:
            twin.tell(copy.deepcopy(self.Xi), list(self.yi))
        return twin


def _design_of(given: Any) -> str | None:
    """Return our design of an initial point generator, None for random points.

    Raises:
        ValueError: no such generator.
    """
    name = str(getattr(given, "name", given)).lower()
    if name == "random":
        return None
    if name not in _DESIGNS:
        raise ValueError(f"initial_point_generator={given!r}: there are random, {', '.join(_DESIGNS)}")
    return _DESIGNS[name]


def _expected_improvement(mean: Array, std: Array, best: float) -> Array:
    from scipy.special import ndtr

    safe = np.maximum(std, 1e-300)
    z = (best - mean) / safe
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return np.asarray(safe * (z * ndtr(z) + density))


def create_result(
    Xi: Sequence[Any],
    yi: Sequence[Any],
    space: Space | None = None,
    rng: Any = None,
    specs: dict[str, Any] | None = None,
    models: Sequence[Any] | None = None,
) -> Any:
    """Return scikit-optimize's result: x, fun, func_vals, x_iters, models, space, random_state, specs.

    With values (y, seconds) ``log_time`` holds the logarithms of the times.
    """
    result: Any = OptimizeResult()
    values = np.asarray(yi, dtype=float)
    if values.ndim == 2:
        result.log_time = np.log(np.maximum(values[:, 1], 1e-300))
        values = values[:, 0]
    finite = np.where(np.isfinite(values), values, np.inf)
    best = int(np.argmin(finite)) if len(values) else None
    result.x = None if best is None else Xi[best]
    result.fun = None if best is None else float(values[best])
    result.func_vals = values
    result.x_iters = list(Xi)
    result.models = list(models or [])
    result.space, result.random_state, result.specs = space, rng, specs or {}
    return result
