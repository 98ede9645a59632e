"""Distributions and dimensions of other packages are taken for what they mean, without their packages."""

from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from scipy import stats

from smbo.errors import SpaceError
from smbo.space import Categorical, Constant, Integer, Real, Space
from smbo.space.priors import Normal


def stand_in(kind, **attributes):
    """Return an object of a class of this name, as the package that is not installed would make it."""
    return type(kind, (SimpleNamespace,), {})(**attributes)


def ray(name, lower, upper, sampler, q=None):
    inner = stand_in(sampler)
    return stand_in(
        name, lower=lower, upper=upper, sampler=stand_in("Quantized", sampler=inner, q=q) if q else inner
    )


DISTRIBUTIONS = {
    "scipy uniform (loc, scale)": (stats.uniform(1, 2), Real(1, 3)),
    "scipy uniform by name": (stats.uniform(loc=-1, scale=2), Real(-1, 1)),
    "scipy loguniform": (stats.loguniform(1e-2, 1e2), Real(1e-2, 1e2, log=True)),
    "scipy reciprocal": (stats.reciprocal(1, 10), Real(1, 10, log=True)),
    "scipy scaled loguniform": (stats.loguniform(1, 10, scale=2), Real(2, 20, log=True)),
    "scipy randint excludes its high": (stats.randint(1, 5), Integer(1, 4)),
    "scipy randint moved": (stats.randint(1, 5, loc=10), Integer(11, 14)),
    "scipy randint of one value": (stats.randint(3, 4), Constant(3)),
    "scipy truncnorm": (stats.truncnorm(-2, 2, loc=1, scale=3), Real(-5, 7, prior=Normal(1, 3))),
    "scipy Uniform": (stats.Uniform(a=1, b=3), Real(1, 3)),
    "Optuna float": (optuna.distributions.FloatDistribution(0, 1), Real(0, 1)),
    "Optuna log float": (optuna.distributions.FloatDistribution(1e-3, 1, log=True), Real(1e-3, 1, log=True)),
    "Optuna float with a step": (
        optuna.distributions.FloatDistribution(0, 1, step=0.25),
        Real(0, 1, step=0.25),
    ),
    "Optuna int includes its high": (optuna.distributions.IntDistribution(1, 9), Integer(1, 9)),
    "Optuna int with a step": (optuna.distributions.IntDistribution(1, 9, step=2), Integer(1, 9, step=2)),
    "Optuna log int": (optuna.distributions.IntDistribution(1, 64, log=True), Integer(1, 64, log=True)),
    "Optuna int of one value": (optuna.distributions.IntDistribution(3, 3), Constant(3)),
    "Optuna categorical": (
        optuna.distributions.CategoricalDistribution(("a", None, 1)),
        Categorical(["a", None, 1]),
    ),
    "scikit-optimize Real": (stand_in("Real", low=0.1, high=10, prior="uniform", base=10), Real(0.1, 10)),
    "scikit-optimize log Real": (
        stand_in("Real", low=0.1, high=10, prior="log-uniform", base=10),
        Real(0.1, 10, log=True),
    ),
    "scikit-optimize Integer": (stand_in("Integer", low=1, high=8, prior="uniform"), Integer(1, 8)),
    "scikit-optimize log Integer": (
        stand_in("Integer", low=1, high=8, prior="log-uniform"),
        Integer(1, 8, log=True),
    ),
    "scikit-optimize Categorical": (
        stand_in("Categorical", categories=("a", "b"), prior=None, transform="onehot"),
        Categorical(["a", "b"]),
    ),
    "scikit-optimize Categorical with a prior": (
        stand_in("Categorical", categories=("a", "b"), prior=[0.3, 0.7]),
        Categorical(["a", "b"], prior=[0.3, 0.7]),
    ),
    "ConfigSpace float": (
        stand_in("UniformFloatHyperparameter", name="x", lower=0.1, upper=1.0, log=True),
        Real(0.1, 1, log=True),
    ),
    "ConfigSpace integer": (
        stand_in("UniformIntegerHyperparameter", name="x", lower=1, upper=9, log=False),
        Integer(1, 9),
    ),
    "ConfigSpace normal": (
        stand_in("NormalFloatHyperparameter", name="x", lower=0, upper=1, mu=0.4, sigma=0.1, log=False),
        Real(0, 1, prior=Normal(0.4, 0.1)),
    ),
    "ConfigSpace categorical": (
        stand_in("CategoricalHyperparameter", name="x", choices=("a", "b"), weights=(1.0, 2.0)),
        Categorical(["a", "b"], prior=[1, 2]),
    ),
    "ConfigSpace ordinal": (
        stand_in("OrdinalHyperparameter", name="x", sequence=("low", "mid", "high")),
        Categorical(["low", "mid", "high"], ordered=True),
    ),
    "ConfigSpace constant": (stand_in("Constant", name="x", value="adam"), Constant("adam")),
    "Ray uniform": (ray("Float", 0.0, 1.0, "_Uniform"), Real(0, 1)),
    "Ray loguniform": (ray("Float", 1e-4, 1e-1, "_LogUniform"), Real(1e-4, 1e-1, log=True)),
    "Ray quniform": (ray("Float", 0.0, 1.0, "_Uniform", q=0.25), Real(0, 1, step=0.25)),
    "Ray randint excludes its upper": (ray("Integer", 1, 10, "_Uniform"), Integer(1, 9)),
    "Ray qrandint includes it": (ray("Integer", 0, 10, "_Uniform", q=5), Integer(0, 10, step=5)),
    "Ray choice": (
        stand_in("Categorical", categories=["a", "b"], sampler=stand_in("_Uniform")),
        Categorical(["a", "b"]),
    ),
}


@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_a_dimension_of_another_package_is_taken_for_what_it_means(case):
    given, meant = DISTRIBUTIONS[case]
    assert Space({"x": given}) == Space({"x": meant})


REFUSED = {
    "a normal distribution": (stats.norm(3, 0.1), r"norm\(3, 0.1\) has no bounds.*prior=Normal\(3, 0.1\)"),
    "an exponential one": (stats.expon(scale=100), r"expon\(scale=100\) has no bounds.*Real\("),
    "a beta distribution": (stats.beta(2, 3), r"beta\(2, 3\) is no distribution .*Real\(0, 1\)"),
    "a moved loguniform": (stats.loguniform(1, 10, loc=2), r"write Real\(3, 12\)"),
    "several at once": (stats.uniform([0, 1], [1, 2]), "several distributions at once"),
    "a half-open truncnorm": (stats.truncnorm(0, np.inf), "has no bounds"),
    "one of whole numbers": (stats.binom(5, 0.5), r"binom\(5, 0.5\) is no distribution .*Integer\(0, 5\)"),
    "whole numbers without end": (stats.poisson(3), r"poisson\(3\) has no bounds.*Integer\(0, 8\)"),
    "bounds the wrong way round": (stats.loguniform(1, 0.1), r"loguniform\(1, 0.1\) has no support"),
    "a negative width": (stats.uniform(0, -1), r"uniform\(0, -1\) has no support"),
    "a distribution that is not frozen": (stats.uniform, r"none of the forms.*Constant\(…\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_distribution_without_a_counterpart_is_refused_with_what_to_write(case):
    given, message = REFUSED[case]
    with pytest.raises(SpaceError, match=f"x: .*{message}"):
        Space({"x": given})
