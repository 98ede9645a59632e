"""Scenarios in memory: every recipe on every kind of problem, and recipes made of parts."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
from kinds import (
    RECIPES,
    Kind,
    chi_square,
    conditional_space,
    conditional_value,
    costly,
    guarded_space,
    kinds,
    noisy_sem,
    normal,
    of_two,
    plainly,
    plane,
    smooth2,
    vector_measure,
    vector_space,
)
from plans import LIMIT, MODELLED, PlanEnds, crowd, finals, in_batches, serially, with_own_points
from recording import problem_of, refusal, scenario, tune_of

from smbo import (
    Categorical,
    Integer,
    LevelSet,
    Optimizer,
    Real,
    Recipe,
    SmboError,
    TransferSource,
)
from smbo.acquisition import (
    ExpectedImprovement,
    ExpectedImprovementPerCost,
    LogExpectedHypervolumeImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    MaxValueEntropySearch,
    Misclassification,
    NoisyLogExpectedHypervolumeImprovement,
    NoisyLogExpectedImprovement,
    ProbabilityOfImprovement,
    RandomScalarization,
    Straddle,
    ThompsonSampling,
)
from smbo.history.encode import encode
from smbo.problem import FunctionLoss
from smbo.proposal.auto import Auto
from smbo.proposal.trust_region import TrustRegion
from smbo.surrogates import (
    GP,
    CompositeGP,
    ExtraTrees,
    Forest,
    KernelSelection,
    LevelGP,
    Matern32,
    ModelListGP,
    MultiFidelityGP,
    Regressor,
    SquaredExponential,
    Subset,
    TorchGP,
)
from smbo.tuning import automatic_weights


def in_memory(kind, recipe, *, seed=3, dear=None):
    """Return a scenario: a kind of problem with a recipe, in memory.

    dear: proposals past the design after which the plan ends; None goes on to its end.
    """

    def play(tape):
        try:
            problem = kind.build()
            session = Optimizer(problem, recipe=recipe() if callable(recipe) else recipe, seed=seed)
        except SmboError as error:
            refusal(tape, "open", error)
            return
        if kind.measure is None:
            return
        refused = list(problem.refused)
        if refused:
            tape.put("refused rows", len(refused))
        if dear is not None:
            LIMIT.update(
                {"left": kind.options.get("dear", dear), "from": max(5, min(10, 2 * len(problem.space.axes)))}
            )
        try:
            kind.plan(tape, session, kind.measure)
        except PlanEnds:
            pass
        finally:
            LIMIT["left"] = None
        finals(
            tape,
            session,
            problem,
            replay=dear is None and kind.options.get("replay", False),
            is_dear=dear is not None,
        )

    return play


def add_matrix():
    for kind_name, kind in kinds().items():
        for name in RECIPES:
            scenario(f"{kind_name}/{name}", in_memory(kind, lambda name=name: name, dear=MODELLED.get(name)))


def add_custom():
    """Recipes of parts, and what auto does in special cases."""
    k = kinds()

    def finite():
        return problem_of({"kind": Categorical(["a", "b", "c"]), "n": Integer(1, 4)})

    def repeated(p, seed, _):
        return {"result": float(p["kind"] == "b") + 0.1 * p["n"] + 0.5 * float(normal(seed)), "sem": 0.5}

    def unknown_noise(p, seed, _):
        return {"result": smooth2(p) + 0.4 * float(normal(seed))}

    for name in ("auto", "gp", "noisy"):
        for label, given in (("true", True), ("margin", {"margin": 2.0})):
            scenario(
                f"replication-finite/{name}-{label}",
                in_memory(
                    Kind(finite, repeated, serially(20)),
                    lambda name=name, given=given: {name: {"replication": given}},
                ),
            )
        scenario(
            f"replication/{name}",
            in_memory(
                Kind(lambda: problem_of(plane()), unknown_noise, serially(18)),
                lambda name=name: {name: {"replication": True}},
            ),
        )
        for other in ("outcome-constraints", "batch", "several", "vectors", "asha", "transfer", "level"):
            scenario(
                f"replication-{other}/{name}",
                in_memory(k[other], lambda name=name: {name: {"replication": True}}),
            )
    scenario("costs/cost-budget", in_memory(k["costs"], lambda: {"cost": {"budget": 40.0}}))
    scenario(
        "batch/cost-budget",
        in_memory(Kind(k["batch"].build, costly, in_batches(4, 4)), lambda: {"cost": {"budget": 90.0}}),
    )
    scenario(
        "guarded/auto",
        in_memory(Kind(lambda: problem_of(guarded_space()), plainly(smooth2), serially(12)), lambda: "auto"),
    )
    scenario(
        "guarded/gp",
        in_memory(Kind(lambda: problem_of(guarded_space()), plainly(smooth2), serially(12)), lambda: "gp"),
    )

    def several_mixed_batch(name):
        def build():
            return problem_of(
                {**plane(), "n": Integer(0, 5)},
                objectives={"cost": "min", "gain": "max"},
                constraints=["n_left >= 1"],
            )

        def measure(p, seed, _):
            return {
                "result": {
                    "cost": of_two(p)["cost"] + 0.2 * p["n"],
                    "gain": of_two(p)["gain"],
                    "n_left": 5 - p["n"],
                }
            }

        return in_memory(Kind(build, measure, in_batches(4, 3)), lambda: name)

    for name in ("auto", "pareto"):
        scenario(f"several-batch-constrained/{name}", several_mixed_batch(name))

    # the optimizer's own way of saying maximize, and a finite space that is used up
    def maximized(tape):
        session = Optimizer(plane(), recipe="auto", seed=8, maximize=True)
        serially(9)(tape, session, plainly(lambda p: -smooth2(p)))
        finals(tape, session, plane())

    scenario("maximize-optimizer/auto", maximized)
    for name in ("auto", "gp", "forest", "sobol", "random", "thompson"):
        scenario(
            f"used-up/{name}",
            in_memory(
                Kind(finite, plainly(lambda p: (p["kind"] == "b") + 0.1 * p["n"]), serially(14)),
                lambda name=name: name,
            ),
        )

    # auto: a region in ten axes, a crowd, restlessness
    def wide():
        return problem_of({f"x{i}": Real(0.0, 1.0) for i in range(10)})

    def wide_value(p):
        return 100.0 * (p["x0"] - 0.3) ** 2 + sum((v - 0.5) ** 2 for v in p.values())

    def auto(**keywords):
        return Recipe(rule=Auto(**keywords))

    scenario(
        "auto-region/auto", in_memory(Kind(wide, plainly(wide_value), serially(34)), lambda: auto(patience=1))
    )
    scenario(
        "auto-region/batch",
        in_memory(Kind(wide, plainly(wide_value), in_batches(7, 4)), lambda: auto(patience=1)),
    )
    scenario("wide/trust", in_memory(Kind(wide, plainly(wide_value), serially(40)), lambda: "trust"))
    scenario(
        "auto-crowd/auto",
        in_memory(Kind(lambda: problem_of(plane()), plainly(smooth2), crowd(8, 70)), lambda: "auto"),
    )
    scenario(
        "auto-crowd/small",
        in_memory(
            Kind(lambda: problem_of(plane()), plainly(smooth2), in_batches(5, 4)), lambda: auto(crowd_from=3)
        ),
    )
    scenario(
        "auto-restless/auto",
        in_memory(
            Kind(lambda: problem_of(plane()), plainly(lambda p: math.floor(4.0 * smooth2(p))), serially(32)),
            lambda: "auto",
        ),
    )

    def restarting():
        return Recipe(
            surrogate=GP(), region=TrustRegion(n_failures=2, n_successes=2, least_length=0.3), n_initial=4
        )

    scenario(
        "region-restarts/trust",
        in_memory(Kind(lambda: problem_of(plane()), plainly(smooth2), serially(30)), restarting),
    )
    scenario(
        "region-restarts/batch",
        in_memory(Kind(lambda: problem_of(plane()), plainly(smooth2), in_batches(8, 4)), restarting),
    )
    scenario(
        "auto-noisy-many/auto",
        in_memory(Kind(lambda: problem_of(plane()), noisy_sem, serially(14)), lambda: auto(most_noisy=8)),
    )

    # surrogates and acquisitions in other pairs
    single = {
        "matern32": lambda: Recipe(surrogate=GP(kernel=Matern32())),
        "squared-exponential": lambda: Recipe(surrogate=GP(kernel=SquaredExponential())),
        "warped": lambda: Recipe(surrogate=GP(warp_axes=True), n_initial=4),
        "of-kernels": lambda: Recipe(surrogate=KernelSelection()),
        "ei": lambda: Recipe(surrogate=GP(), acquisition=ExpectedImprovement()),
        "pi": lambda: Recipe(surrogate=GP(), acquisition=ProbabilityOfImprovement()),
        "lcb": lambda: Recipe(surrogate=GP(), acquisition=LowerConfidenceBound()),
        "log-ei-margin": lambda: Recipe(surrogate=GP(), acquisition=LogExpectedImprovement(margin=0.1)),
        "region-thompson": lambda: Recipe(
            surrogate=GP(), acquisition=ThompsonSampling(), region=TrustRegion()
        ),
        "noisy-draws": lambda: Recipe(surrogate=GP(), acquisition=NoisyLogExpectedImprovement(n_draws=4)),
        "forest-small": lambda: Recipe(
            surrogate=Forest(n_trees=20), acquisition=ExpectedImprovement(), design="lhs"
        ),
        "extra-small": lambda: Recipe(
            surrogate=ExtraTrees(n_trees=20), acquisition=LowerConfidenceBound(), design="halton"
        ),
        "entropy-forest": lambda: Recipe(
            surrogate=ExtraTrees(n_trees=20), acquisition=MaxValueEntropySearch()
        ),
        "halton": lambda: Recipe(design="halton"),
        "lhs": lambda: Recipe(design="lhs", n_initial=6, surrogate=GP()),
        "regressor": lambda: Recipe(surrogate=Regressor(bayesian_ridge())),
        "torch": lambda: Recipe(surrogate=TorchGP(device="cpu")),
        "per-cost-plain": lambda: Recipe(
            surrogate=GP(), acquisition=ExpectedImprovementPerCost(refine_every=None)
        ),
    }
    for label, recipe in single.items():
        for kind in ("plain2", "mixed", "noise", "batch"):
            if label != "torch" or kind == "plain2":
                scenario(f"custom-{kind}/{label}", in_memory(k[kind], recipe, seed=11))
    vectors = {
        "vector-gp": lambda: Recipe(surrogate=CompositeGP(), acquisition=LogExpectedImprovement()),
        "vector-thompson": lambda: Recipe(surrogate=CompositeGP(), acquisition=ThompsonSampling()),
    }
    for label, recipe in vectors.items():
        scenario(f"custom-vectors/{label}", in_memory(k["vectors"], recipe, seed=11))
        scenario(
            f"custom-vectors-batch/{label}",
            in_memory(Kind(k["vectors"].build, vector_measure, in_batches(4, 3)), recipe, seed=11),
        )
    levels = {
        "straddle": lambda: Recipe(surrogate=LevelGP(), acquisition=Straddle(), n_initial=4),
        "misclassification": lambda: Recipe(
            surrogate=LevelGP(), acquisition=Misclassification(), n_initial=4
        ),
    }
    for label, recipe in levels.items():
        for kind in ("level", "levels"):
            scenario(f"custom-{kind}/{label}", in_memory(k[kind], recipe, seed=11))
    scenario(
        "level-mixed-batch/auto",
        in_memory(
            Kind(
                lambda: problem_of(
                    conditional_space(), level_set=LevelSet({"v": 0.3, "w": 0.8}, transform="log")
                ),
                lambda p, seed, _: {
                    "result": {"v": (conditional_value(p) + 0.02, 0.02), "w": abs(math.log10(p["c"])) + 0.1}
                },
                in_batches(4, 3),
            ),
            lambda: "auto",
        ),
    )

    several = {
        "volume": lambda: Recipe(
            surrogate=ModelListGP(), acquisition=LogExpectedHypervolumeImprovement(), n_initial=4
        ),
        "noisy-volume": lambda: Recipe(
            surrogate=ModelListGP(), acquisition=NoisyLogExpectedHypervolumeImprovement(), n_initial=4
        ),
        "scalarised": lambda: Recipe(surrogate=ModelListGP(), acquisition=RandomScalarization(), n_initial=4),
    }
    for label, recipe in several.items():
        for kind in ("several", "several-noisy", "several-constrained"):
            scenario(f"custom-{kind}/{label}", in_memory(k[kind], recipe, seed=11))
    scenario("custom-asha/curve", in_memory(k["asha"], lambda: Recipe(surrogate=MultiFidelityGP()), seed=11))

    # a loss of one's own, automatic weights
    def own_loss(tape):
        problem = problem_of(vector_space(), loss=FunctionLoss(sum_of_squares))
        session = Optimizer(problem, recipe="auto", seed=2)
        serially(11)(tape, session, vector_measure)
        finals(tape, session, problem)

    scenario("function-loss/auto", own_loss)

    def weighed(tape):
        problem = problem_of(vector_space(), loss=chi_square())
        session = Optimizer(problem, recipe="auto", seed=2)
        serially(12)(tape, session, vector_measure)
        evidence = encode(problem, session.trials)
        for method in ("robust", "bilevel"):
            found = automatic_weights(problem, evidence, method=method)
            tape.put(method, [dict(found.weights), dict(found.alone), found.n_fits, tune_of(found.tune)])

    scenario("tune-weights/auto", weighed)

    # many evaluations: subsets of them are modelled
    def many(surrogate, n):
        def build():
            return problem_of(plane())

        rows = np.random.default_rng(4).random((n, 2)).tolist()
        points = [{"x": -1.0 + 3.0 * a, "y": b} for a, b in rows]
        return in_memory(Kind(build, plainly(smooth2), with_own_points(points, serially(3))), surrogate)

    scenario("many/gp", many(lambda: Recipe(surrogate=Subset(GP(), most=90, n_rows=60, n_learned=40)), 130))
    scenario("many/gp-all", many(lambda: Recipe(surrogate=GP()), 320))
    scenario("many/region", many(lambda: Recipe(surrogate=GP(), region=TrustRegion(most_rows=30)), 60))
    scenario("many/forest", many(lambda: "forest", 430))
    scenario("many/auto", many(lambda: "auto", 150))
    scenario(
        "many/several",
        in_memory(
            Kind(
                lambda: problem_of(plane(), objectives={"cost": "min", "gain": "max"}),
                plainly(of_two),
                with_own_points(
                    [
                        {"x": -1.0 + 3.0 * a, "y": b}
                        for a, b in np.random.default_rng(5).random((90, 2)).tolist()
                    ],
                    serially(2),
                ),
            ),
            lambda: Recipe(surrogate=ModelListGP(most=60), acquisition=LogExpectedHypervolumeImprovement()),
        ),
    )

    # Earlier.of_trials and Earlier.read
    def from_trials(tape):
        old = Optimizer(plane(), recipe="sobol", seed=7)
        for trial in old.ask(16):
            old.tell(trial, {"value": 2.0 * smooth2(trial.params), "c": trial.params["x"]})
        kind = TransferSource
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.csv"
            rows = [
                f"{t!r},{u!r},{smooth2({'x': t, 'y': u})!r}"
                for t, u in np.random.default_rng(1).random((9, 2)).tolist()
            ]
            path.write_text("\n".join(["x,y,chi2", *rows, "5,5,5"]))
            sources = [
                kind.of_trials(old.trials),
                kind.of_trials(old.trials, value="c"),
                kind.read(path, value="chi2"),
            ]
        problem = problem_of(plane(), transfer=sources)
        tape.put("refused rows", len(list(problem.refused)))
        session = Optimizer(problem, recipe="auto", seed=2)
        serially(11)(tape, session, plainly(smooth2))
        finals(tape, session, problem)

    scenario("transfer-sources/auto", from_trials)


def bayesian_ridge():
    from sklearn.linear_model import BayesianRidge

    return BayesianRidge()


def sum_of_squares(outputs):
    return (outputs**2).sum(axis=-1)


def add():
    """Enter the scenarios of this module."""
    add_matrix()
    add_custom()
