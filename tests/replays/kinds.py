"""Kinds of problem: how each is stated, measured and searched."""

from __future__ import annotations

import math

import numpy as np
from plans import in_batches, serially, with_fixed_values, with_own_points, with_promotions, with_reports
from recording import problem_of

from smbo import (
    Categorical,
    Fidelity,
    Integer,
    LevelSet,
    LogNormal,
    Normal,
    Real,
    Space,
    Termination,
    TransferSource,
)
from smbo.fidelity import Asha, ByModel, Hyperband, MedianStopping
from smbo.problem import ChiSquare
from smbo.proposal.presets import PRESETS


def smooth2(p):
    x, y = p["x"], p["y"]
    return 1.7 * (x - 0.4) ** 2 + 0.3 * math.sin(3.0 * x) + (y - 0.6) ** 2 + 0.2 * math.cos(5.0 * x * y)


_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(p):
    x = [p[f"x{i}"] for i in range(6)]
    total = 0.0
    for c, a, q in zip((1.0, 1.2, 3.0, 3.2), _A.tolist(), _P.tolist()):
        total -= c * math.exp(-sum(ai * (xi - qi) ** 2 for ai, xi, qi in zip(a, x, q)))
    return total


def normal(seed, n=None):
    return np.random.default_rng(seed).standard_normal(n)


def plane():
    return {"x": Real(-1.0, 2.0), "y": Real(0.0, 1.0)}


def cube6():
    return {f"x{i}": Real(0.0, 1.0) for i in range(6)}


def mixed_space():
    return {
        "rate": Real(1e-5, 1e-1, log=True),
        "width": Integer(1, 30),
        "size": Integer(4, 512, log=True),
        "drop": Real(0.0, 0.5, step=0.125),
        "act": Categorical(["relu", "tanh", "gelu"]),
        "depth": Categorical(["low", "mid", "high"], ordered=True),
        "fixed": 7,
    }


def mixed_value(p):
    depth = {"low": 0, "mid": 1, "high": 2}[p["depth"]]
    act = {"relu": 0.3, "tanh": 0.0, "gelu": 0.15}[p["act"]]
    return (
        (math.log10(p["rate"]) + 3.2) ** 2
        + 0.01 * (p["width"] - 11) ** 2
        + 0.1 * (math.log2(p["size"]) - 6.0) ** 2
        + 2.0 * (p["drop"] - 0.25) ** 2
        + act
        + 0.2 * (depth - 1) ** 2
    )


def conditional_space():
    return {
        "kind": Categorical(["linear", "poly", "rbf"]),
        "c": Real(1e-2, 1e2, log=True),
        "degree": Integer(2, 5, active_when="kind == 'poly'"),
        "gamma": Real(1e-3, 1.0, log=True, active_when="kind == 'rbf'"),
    }


def conditional_value(p):
    base = 0.1 * (math.log10(p["c"]) - 0.5) ** 2
    if p["kind"] == "poly":
        return base + 0.2 * abs(p["degree"] - 3) + 0.1
    return base + (0.15 * (math.log10(p["gamma"]) + 1.5) ** 2 if p["kind"] == "rbf" else 0.4)


def known_space():
    space = {"x": Real(-1.0, 2.0), "y": Real(0.0, 1.0), "n": Integer(0, 6)}
    return Space(space, constraints=["x + 2 * y <= 2", "n >= 2 or y < 0.5"])


def guarded_space():
    return Space(plane(), constraints=["x - y >= -1.2", below_one_and_a_half])


def below_one_and_a_half(point):
    return point["x"] ** 2 + point["y"] <= 1.5


def prior_space():
    return {
        "a": Real(0.0, 1.0, prior=Normal(0.35, 0.1)),
        "rate": Real(1e-5, 1e-1, log=True, prior=LogNormal(1e-3, 3.0)),
        "mode": Categorical(["a", "b", "c"], prior=[1, 5, 2]),
        "n": Integer(1, 9, prior=Normal(6.0, 1.5)),
    }


def prior_value(p):
    return (
        3.0 * (p["a"] - 0.45) ** 2
        + 0.2 * (math.log10(p["rate"]) + 2.7) ** 2
        + (p["mode"] != "b") * 0.4
        + 0.05 * (p["n"] - 5) ** 2
    )


_TRUTH = {"a": 0.4, "b": 1.3, "c": -0.2}


def bins_of(p):
    t = [0.1 * k for k in range(1, 9)]
    first = [p["a"] * u + p["b"] * math.exp(-u) for u in t[:5]]
    second = [p["b"] * u**2 + p["c"] * math.sin(3.0 * u) + 0.3 * p["a"] * p["c"] for u in t[4:8]]
    return np.array(first + second)


def vector_space():
    return {"a": Real(0.0, 1.0), "b": Real(0.5, 2.0), "c": Real(-1.0, 1.0)}


def chi_square():
    data = bins_of(_TRUTH) + 0.01 * normal(5, 9)
    pairs = {"first": (data[:5], np.full(5, 0.02)), "second": (data[5:], np.full(4, 0.03))}
    return ChiSquare.of_observables(pairs, weights={"first": 1.0, "second": 2.0}, theory=0.01)


def vector_measure(p, seed, fidelity):
    size = 0.02 if fidelity is None else 0.02 * math.sqrt(27.0 / fidelity)
    outputs = bins_of(p) + size * normal(seed, 9)
    common = size * np.linspace(0.0, 0.5, 9)
    covariance = size**2 * np.eye(9) + np.outer(common, common)
    return {"outputs": outputs, "covariance": covariance if seed % 3 else size**2 * np.ones(9)}


def two_levels(p):
    signal = 40.0 * math.exp(-2.0 * (p["x"] + 1.0)) / (1.0 + math.exp((p["y"] - 0.7) / 0.1))
    return {"exp": math.exp(-signal), "obs": math.exp(-0.8 * signal)}


def of_two(p):
    return {"cost": p["x"] ** 2 + p["y"], "gain": 3.0 - (1.0 - p["x"]) ** 2 - 0.5 * p["y"] ** 2}


def of_three(p):
    x, y = p["x"], p["y"]
    return {"f": x**2 + y, "g": (x - 1.0) ** 2 + 0.3 * y, "h": -((y - 0.8) ** 2) - 0.1 * x, "load": x + y}


def of_five(p):
    x = [p[f"x{i}"] for i in range(6)]
    return {f"f{k}": (x[k] - 0.3) ** 2 + 0.5 * (x[k + 1] - 0.7) ** 2 + 0.1 * k * x[0] for k in range(5)}


def source_study(seed, shift, factor, n=14):
    rng = np.random.default_rng(seed)
    points = [{"x": float(-1.0 + 3.0 * rng.random()), "y": float(rng.random())} for _ in range(n)]
    values = [factor * smooth2({"x": p["x"] + shift, "y": p["y"]}) + 0.5 for p in points]
    return TransferSource([*points, {"x": 9.0, "y": 0.5}], [*values, 1.0], name=f"old{seed}")


def noisy_sem(p, seed, fidelity):
    sem = 0.05 + 0.1 * abs(p["y"] - 0.5)
    return {"result": smooth2(p) + sem * float(normal(seed)), "sem": sem}


def outcome_measure(p, seed, fidelity):
    g, h = p["x"] * p["y"], 1.0 + p["x"]
    return {"result": {"loss": smooth2(p), "g": (g + 0.01 * float(normal(seed)), 0.01), "h": h}}


def yes_no_measure(p, seed, fidelity):
    return {"result": {"value": smooth2(p), "flag": int(p["x"] > 0.2), "g": p["x"] + p["y"]}}


def failing(p, seed, fidelity):
    if p["x"] > 1.1:
        return {"status": "failed", "reason": "diverged"}
    if p["y"] < 0.12:
        return {"result": math.nan}
    if seed % 11 == 0:
        return {"status": "cancelled"}
    return {"result": smooth2(p)}


def curve(p, seed, fidelity):
    return {"result": smooth2(p) + (0.6 + 0.2 * p["x"]) / fidelity}


def averaged(p, seed, fidelity):
    sem = 0.3 / math.sqrt(fidelity)
    return {"result": smooth2(p) + 0.2 / fidelity + sem * float(normal(seed + int(fidelity))), "sem": sem}


def costly(p, seed, fidelity):
    return {"result": smooth2(p), "cost": math.exp(1.5 * p["x"]) * (1.0 + 0.5 * p["y"])}


def plainly(function):
    return lambda p, seed, fidelity: {"result": function(p)}


class Kind:
    """A kind of problem: how it is made, measured and searched."""

    def __init__(self, build, measure, plan, **options):
        self.build, self.measure, self.plan, self.options = build, measure, plan, options


RECIPES = list(PRESETS)
FOR_ONE_VALUE = [name for name in RECIPES if name != "pareto"]


def kinds():
    """Return the kinds of problem by name."""
    two = {"cost": "min", "gain": "max"}
    return {
        "plain2": Kind(lambda: problem_of(plane()), plainly(smooth2), serially(15), replay=True),
        "plain6": Kind(lambda: problem_of(cube6()), plainly(hartmann6), serially(18)),
        "noise-sem": Kind(lambda: problem_of(plane()), noisy_sem, serially(16)),
        "noise": Kind(
            lambda: problem_of(plane()),
            lambda p, seed, _: {"result": smooth2(p) + 0.2 * float(normal(seed))},
            serially(18),
        ),
        "maximize": Kind(
            lambda: problem_of(plane(), maximize=True), plainly(lambda p: -smooth2(p)), serially(12)
        ),
        "mixed": Kind(lambda: problem_of(mixed_space()), plainly(mixed_value), serially(17)),
        "conditional": Kind(
            lambda: problem_of(conditional_space()), plainly(conditional_value), serially(15)
        ),
        "known-constraints": Kind(lambda: problem_of(known_space()), plainly(smooth2), serially(13)),
        "outcome-constraints": Kind(
            lambda: problem_of(
                plane(), objectives={"loss": "min"}, constraints=["g >= 0.2", "0.5 <= h < 2.4"]
            ),
            outcome_measure,
            serially(14),
        ),
        "yes-no-constraint": Kind(
            lambda: problem_of(plane(), constraints=["flag == 1", "g <= 1.4"]), yes_no_measure, serially(12)
        ),
        "failures": Kind(lambda: problem_of(plane()), failing, serially(16), replay=True),
        "batch": Kind(
            lambda: problem_of({**plane(), "n": Integer(1, 9)}),
            plainly(lambda p: smooth2(p) + 0.1 * abs(p["n"] - 4)),
            in_batches(5, 4),
        ),
        "fixed": Kind(
            lambda: problem_of(conditional_space()),
            plainly(conditional_value),
            with_fixed_values,
            replay=True,
            dear=6,
        ),
        "priors": Kind(lambda: problem_of(prior_space()), plainly(prior_value), serially(13)),
        "own-points": Kind(
            lambda: problem_of(plane(), try_first=[{"x": 0.5, "y": 0.5}, {"x": 1.5, "y": 0.1}]),
            plainly(smooth2),
            with_own_points([{"x": -0.5, "y": 0.25}, {"x": 0.25, "y": 0.75}], serially(8)),
        ),
        "vectors": Kind(lambda: problem_of(vector_space(), loss=chi_square()), vector_measure, serially(13)),
        "level": Kind(lambda: problem_of(plane(), level_set=LevelSet(0.35)), plainly(smooth2), serially(13)),
        "levels": Kind(
            lambda: problem_of(
                plane(),
                level_set=LevelSet(0.05, of=["exp", "obs"], transform="p-value", tolerance=0.15),
                constraints=["load <= 2.5"],
            ),
            lambda p, seed, _: {"result": {**two_levels(p), "load": p["x"] + p["y"]}},
            serially(15, until_terminated=True),
        ),
        "several": Kind(
            lambda: problem_of(plane(), objectives=two), plainly(of_two), serially(14), replay=True
        ),
        "several-noisy": Kind(
            lambda: problem_of(plane(), objectives=two, reference={"cost": 2.0}),
            lambda p, seed, _: {
                "result": {
                    "cost": (of_two(p)["cost"] + 0.1 * float(normal(seed)), 0.1),
                    "gain": of_two(p)["gain"] + 0.1 * float(normal(seed + 1)),
                }
            },
            in_batches(4, 4),
        ),
        "several-constrained": Kind(
            lambda: problem_of(
                plane(),
                objectives={"f": "min", "g": "min", "h": "max"},
                constraints=["load <= 2.2"],
                reference={"f": 4.0},
                weights={"g": 3.0},
                termination=Termination(plateau=3, gain=0.2),
            ),
            plainly(of_three),
            serially(14, until_terminated=True),
        ),
        "several-mixed": Kind(
            lambda: problem_of(conditional_space(), objectives={"v": "min", "w": "min"}),
            lambda p, seed, _: (
                {"status": "failed", "reason": "no"}
                if seed % 7 == 0
                else {"result": {"v": conditional_value(p), "w": abs(math.log10(p["c"]) + 1.0)}}
            ),
            serially(13),
        ),
        "five-objectives": Kind(
            lambda: problem_of(cube6(), objectives={f"f{k}": "min" for k in range(5)}),
            plainly(of_five),
            serially(14),
        ),
        "asha": Kind(
            lambda: problem_of(plane(), fidelity=Fidelity(1, 9, name="epochs"), early_stopping=Asha(eta=3.0)),
            curve,
            with_promotions(24),
            replay=True,
        ),
        "asha-batch": Kind(
            lambda: problem_of(plane(), fidelity=Fidelity(1, 27)), averaged, with_promotions(6, batch=4)
        ),
        "asha-vectors": Kind(
            lambda: problem_of(vector_space(), loss=chi_square(), fidelity=Fidelity(3, 27)),
            vector_measure,
            with_promotions(14),
        ),
        "hyperband": Kind(
            lambda: problem_of(plane(), fidelity=Fidelity(1, 9), early_stopping=Hyperband(eta=3.0)),
            curve,
            with_promotions(22),
        ),
        "model-stopping": Kind(
            lambda: problem_of(
                plane(), fidelity=Fidelity(1.5, 20.0, integer=False), early_stopping=ByModel()
            ),
            curve,
            with_promotions(16),
        ),
        "model-averages": Kind(
            lambda: problem_of(
                plane(), fidelity=Fidelity(2, 32, averages=True), early_stopping=ByModel(eta=4.0)
            ),
            averaged,
            with_promotions(16),
        ),
        "model-vectors": Kind(
            lambda: problem_of(
                vector_space(),
                loss=chi_square(),
                fidelity=Fidelity(3, 27, averages=True),
                early_stopping=ByModel(),
            ),
            vector_measure,
            with_promotions(11),
        ),
        "median": Kind(
            lambda: problem_of(plane(), early_stopping=MedianStopping(n_others=3, grace=2)),
            plainly(smooth2),
            with_reports(15),
        ),
        "costs": Kind(lambda: problem_of(plane()), costly, serially(15)),
        "transfer": Kind(
            lambda: problem_of(plane(), transfer=[source_study(1, 0.05, 3.0), source_study(2, 0.9, -1.0)]),
            plainly(smooth2),
            serially(12),
            replay=True,
        ),
        "transfer-maximize": Kind(
            lambda: problem_of(
                plane(),
                objectives={"loss": "max"},
                constraints=["g >= 0.2", "h < 2.4"],
                transfer=[source_study(3, 0.1, -2.0)],
                try_first=[{"x": 0.0, "y": 0.5}],
            ),
            lambda p, seed, _: {
                "result": {
                    **outcome_measure(p, seed, None)["result"],
                    "loss": (-smooth2(p) + 0.05 * float(normal(seed)), 0.05),
                }
            },
            in_batches(3, 3),
        ),
        "termination": Kind(
            lambda: problem_of(plane(), termination=Termination(plateau=6, gain=0.05, left=0.5)),
            plainly(smooth2),
            serially(18, until_terminated=True),
        ),
        "termination-left": Kind(
            lambda: problem_of(plane(), termination=Termination(left=200.0)),
            plainly(smooth2),
            serially(16, until_terminated=True),
        ),
        "termination-noise": Kind(
            lambda: problem_of(plane(), maximize=True, termination=Termination(left=30.0)),
            lambda p, seed, _: {"result": -noisy_sem(p, seed, None)["result"], "sem": 0.1},
            serially(20, until_terminated=True),
        ),
    }
