"""Distributions and dimensions of other packages as dimensions of ours, taken for what they mean.

They are recognised by their attributes, and no other package is imported.

    scipy.stats       frozen uniform, loguniform, randint, truncnorm
    Optuna            FloatDistribution, IntDistribution, CategoricalDistribution
    scikit-optimize   Real, Integer, Categorical
    ConfigSpace       Uniform…, Normal…, Categorical, Ordinal hyperparameters, Constant
    Ray Tune          uniform, loguniform, quniform, randint, lograndint, choice
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smbo.errors import SpaceError
from smbo.plain_values import as_number, plain, shown
from smbo.space.categorical import Categorical, Constant
from smbo.space.numeric import Dimension, Integer, Real
from smbo.space.priors import Normal


def from_other_package(given: Any) -> Dimension | None:
    """Return the dimension that an object of another package stands for; None if it is none of those known.

    Raises:
        SpaceError: a distribution that has no counterpart, with what to write instead.
    """
    # classes, functions and modules have the attributes of what they make
    if isinstance(given, type) or (callable(given) and not hasattr(given, "dist")):
        return None
    for has, read in _READERS:
        if all(hasattr(given, name) for name in has):
            return read(given)
    return None


def _scipy(given: Any) -> Dimension:
    """Return a frozen distribution of scipy: over its support, on its scale."""
    name = str(getattr(given.dist, "name", type(given.dist).__name__))
    return _from_support(given, name, _scipy_arguments(given, name))


def _scipy_arguments(given: Any, name: str) -> dict[str, Any]:
    """Return shape, location and scale by name; the shapes of all distributions with priors are a and b."""
    shapes = {"uniform": (), "norm": (), "lognorm": ("s",)}.get(name, ("a", "b"))
    return {"loc": 0, "scale": 1, **dict(zip((*shapes, "loc", "scale"), given.args)), **given.kwds}


def _scipy_random_variable(given: Any) -> Dimension | None:
    """Return a distribution of scipy's newer kind, which is an instance of its class."""
    name = {"Uniform": "uniform", "Normal": "norm"}.get(type(given).__name__)
    if name is None:
        return None
    location = {"loc": getattr(given, "mu", 0), "scale": getattr(given, "sigma", 1)}
    return _from_support(given, name, location)


def _from_support(given: Any, name: str, arguments: dict[str, Any]) -> Dimension:
    try:
        low, high = (as_number(end) for end in given.support())
        loc, scale = as_number(arguments["loc"]), as_number(arguments["scale"])
    except ValueError:
        raise SpaceError(
            f"{_call(name, given)} is several distributions at once; give each dimension its own"
        ) from None
    if not low <= high:  # scipy's answer to a scale of zero or less is nan
        raise SpaceError(f"{_call(name, given)} has no support; its scale must be positive, and low <= high")
    if name == "uniform":
        return _numeric(Real, low, high)
    if name == "randint":  # its support ends below its upper bound, which is excluded
        return _numeric(Integer, int(low), int(high))
    if name in ("loguniform", "reciprocal") and loc == 0.0:
        return _numeric(Real, low, high, log=True)
    if name == "truncnorm" and low > -float("inf") and high < float("inf"):
        return _numeric(Real, low, high, prior=Normal(loc, scale))
    raise SpaceError(f"{_call(name, given)} {_instead(given, name, arguments, low, high)}")


def _instead(given: Any, name: str, arguments: dict[str, Any], low: float, high: float) -> str:
    """Return what to write for a distribution without a counterpart."""
    ends = [float(given.ppf(share)) for share in (0.005, 0.995)] if hasattr(given, "ppf") else [low, high]
    bounds = f"{ends[0]:.4g}, {ends[1]:.4g}"
    is_discrete = hasattr(given, "pmf") and not hasattr(given, "pdf")
    kind = "Integer" if is_discrete else "Real"
    if name in ("norm", "truncnorm"):
        mean, std = as_number(arguments["loc"]), as_number(arguments["scale"])
        return f"has no bounds; write them, as in Real({bounds}, prior=Normal({mean:g}, {std:g}))"
    if low == -float("inf") or high == float("inf"):
        return (
            f"has no bounds; write them, as in {kind}({bounds}), with log=True or a prior where that is meant"
        )
    return f"is no distribution of dimensions; write {kind}({low:g}, {high:g}), with a prior if one is meant"


def _call(name: str, given: Any) -> str:
    arguments = [
        *map(shown, getattr(given, "args", ())),
        *(f"{key}={shown(value)}" for key, value in getattr(given, "kwds", {}).items()),
    ]
    return f"{name}({', '.join(arguments)})"


def _low_high(given: Any) -> Dimension | None:
    """Return a distribution of Optuna or a dimension of scikit-optimize; both bounds are included."""
    kind = type(given).__name__
    prior = getattr(given, "prior", None)
    if kind.startswith("Int"):
        make: Callable[..., Any] = Integer
    elif kind.startswith(("Float", "Real", "Uniform", "LogUniform", "DiscreteUniform")):
        make = Real
    else:
        return None
    log = plain(getattr(given, "log", prior == "log-uniform" or "LogUniform" in kind))
    step = getattr(given, "step", getattr(given, "q", None))
    if make is Integer and step == 1:
        step = None
    return _numeric(make, given.low, given.high, log=log, step=step)


def _lower_upper(given: Any) -> Dimension | None:
    """Return a hyperparameter of ConfigSpace (both bounds included) or a domain of Ray Tune."""
    kind = type(given).__name__
    if kind.endswith("Hyperparameter"):
        return _config_space(given, kind)
    sampler: Any = getattr(given, "sampler", None)
    step = None
    if kind not in ("Float", "Integer") or sampler is None:
        return None
    if hasattr(sampler, "q"):
        sampler, step = sampler.sampler, sampler.q
    if "Normal" in type(sampler).__name__:
        raise SpaceError(f"{shown(given)} has no bounds; write Real(low, high, prior=Normal(mean, std))")
    log = "LogUniform" in type(sampler).__name__
    if kind == "Float":
        return _numeric(Real, given.lower, given.upper, log=log, step=step)
    # the upper bound of a whole number is excluded, and that of a quantised one is not
    step = None if step == 1 else step
    return _numeric(Integer, given.lower, given.upper - (step is None), log=log, step=step)


def _config_space(given: Any, kind: str) -> Dimension | None:
    make: Callable[..., Any] = Integer if "Integer" in kind else Real
    low, high, log = given.lower, given.upper, plain(getattr(given, "log", False))
    if kind.startswith("Uniform"):
        return _numeric(make, low, high, log=log, step=getattr(given, "q", None))
    if kind.startswith("Normal") and not log:
        return _numeric(make, low, high, prior=Normal(given.mu, given.sigma))
    return None


def _categories(given: Any) -> Dimension:
    weights = getattr(given, "prior", getattr(given, "weights", None))
    choices = given.categories if hasattr(given, "categories") else given.choices
    return Categorical(choices, prior=None if weights is None else tuple(map(as_number, weights)))


def _ordinal(given: Any) -> Dimension:
    return Categorical(given.sequence, ordered=True)


def _config_space_constant(given: Any) -> Dimension | None:
    return Constant(given.value) if type(given).__name__ == "Constant" else None


def _numeric(make: Callable[..., Dimension], low: Any, high: Any, **options: Any) -> Dimension:
    """Return a dimension; a constant where both bounds are the same."""
    if plain(low) == plain(high):
        return Constant(plain(low))
    return make(low, high, **options)


# the attributes by which each kind is known, and how it is read
_READERS: tuple[tuple[tuple[str, ...], Callable[[Any], Dimension | None]], ...] = (
    (("dist", "args", "kwds", "support"), _scipy),
    (("support", "logpdf"), _scipy_random_variable),
    (("low", "high"), _low_high),
    (("lower", "upper"), _lower_upper),
    (("categories", "prior"), _categories),
    (("sequence", "name"), _ordinal),
    (("choices", "to_internal_repr"), _categories),
    (("choices", "weights"), _categories),
    (("categories", "sampler"), _categories),
    (("value", "name"), _config_space_constant),
)
