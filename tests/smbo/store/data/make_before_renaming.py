"""Write before_renaming.db: run once, with the code before classes, keys and modules got today's names.

    python tests/smbo/store/data/make_before_renaming.py tests/smbo/store/data/before_renaming.db

It imports that code's modules.  A small study of every recipe and of every kind of problem, each past its
initial design, and one that ``smbo run`` made of a job file with the keys ``stopping`` and ``enough``.
Never written anew: a file that the present code made would test nothing.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from smbo.acquisition import (
    ExpectedImprovement,
    LogExpectedHypervolumeImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    Misclassification,
    NoisyLogExpectedHypervolumeImprovement,
    PerCost,
    Portfolio,
    ProbabilityOfImprovement,
    RandomScalarisation,
    Straddle,
    ThompsonSampling,
)
from smbo.auto import Auto
from smbo.beliefs import Normal
from smbo.earlier import Earlier
from smbo.enough import Enough
from smbo.fidelity import Fidelity
from smbo.level_sets import LevelSet
from smbo.losses import ChiSquare
from smbo.optimizer import Optimizer
from smbo.presets import PRESETS
from smbo.problem import Outcome, Problem
from smbo.recipe import Recipe
from smbo.replication import Replication
from smbo.space import Categorical, Integer, Real, Space
from smbo.study import Study
from smbo.surrogates import GP, CurveGP, LevelGP, OfKernels, SeveralGP, Subset, VectorGP
from smbo.trust_region import TrustRegion

SPACE = Space({"x": Real(0.0, 1.0), "y": Real(0.1, 10.0, log=True)})
TWO = {"cost": "min", "gain": "max"}
LOSS = ChiSquare(np.array([0.3, 0.5, 0.2]), np.array([0.1, 0.1, 0.1]))
FIDELITY = Fidelity(1, 9)

JOB = """\
study: job
objective: {command: {argv: [echo, "{x}"], result: stdout}}
space: {x: {real: [0, 1]}}
recipe: gp
fidelity: {low: 1, high: 9}
stopping: {asha: {eta: 3}}
enough: {plateau: 40}
budget: {trials: 8}
cluster: serial
store: sqlite:///STORE
seed: 3
"""


def bowl(point):
    """A value with its best at x = 0.3, y = 1."""
    return (point["x"] - 0.3) ** 2 + 0.1 * math.log10(point["y"]) ** 2


def measured(problem, trial):
    """What an evaluation of a trial gives for a problem."""
    value = bowl(trial.params)
    if problem.objectives is not None:
        return Outcome(metrics={"cost": value, "gain": trial.params["x"]})
    if problem.loss is not None:
        outputs = np.array([value, trial.params["x"], 0.2])
        return Outcome(outputs=outputs, outputs_variance=np.full(3, 1e-4))
    if trial.fidelity is not None:
        value += 0.1 / trial.fidelity
    return Outcome(value=value, cost=1.0 + trial.params["x"], metrics={"size": trial.params["x"]})


PROBLEMS = {
    "constraints": Problem(SPACE, constraints=["size <= 0.8"]),
    "several": Problem(SPACE, objectives=TWO, reference={"cost": 1.0}, weights={"gain": 2.0}),
    "level-set": Problem(SPACE, level_set=LevelSet(0.1, tolerance=0.01)),
    "vector": Problem(SPACE, loss=LOSS),
    "asha": Problem(SPACE, fidelity=FIDELITY),
    "hyperband": Problem(SPACE, fidelity=FIDELITY, stopping={"hyperband": {"eta": 3}}),
    "model": Problem(SPACE, fidelity=FIDELITY, stopping="model"),
    "vector-model": Problem(SPACE, loss=LOSS, fidelity=Fidelity(1, 9, averages=True), stopping="model"),
    "median": Problem(SPACE, stopping="median"),
    "enough": Problem(SPACE, enough=Enough(plateau=30, gain=0.01, left=0.01)),
    "earlier": Problem(
        SPACE,
        earlier=[
            Earlier([{"x": k / 9, "y": 1.0} for k in range(10)], [(k / 9 - 0.4) ** 2 for k in range(10)])
        ],
    ),
    "priors": Problem({"x": Real(0.0, 1.0, prior=Normal(0.3, 0.2)), "y": Real(0.1, 10.0, log=True)}),
    "conditional": Problem(
        {
            "kind": Categorical(["a", "b"]),
            "x": Real(0.0, 1.0),
            "y": Real(0.1, 10.0, log=True),
            "n": Integer(1, 5, active_when="kind == 'b'"),
        },
        try_first=[{"kind": "a", "x": 0.5, "y": 1.0}],
    ),
}
PLAIN = Problem(SPACE)
RECIPES = {
    "kernels": (PLAIN, Recipe(Subset(OfKernels(GP())), Portfolio())),
    "per-cost": (PLAIN, Recipe(Subset(GP()), PerCost(budget=40.0))),
    "auto-settings": (PLAIN, Recipe(rule=Auto(restless_after=5), replication=Replication())),
    "region": (PLAIN, Recipe(GP(), LowerConfidenceBound(), region=TrustRegion())),
    "ei": (PLAIN, Recipe(GP(), ExpectedImprovement(), n_initial=4)),
    "pi": (PLAIN, Recipe(GP(), ProbabilityOfImprovement(), design="lhs")),
    "curves": (PROBLEMS["asha"], Recipe(CurveGP(), LogExpectedImprovement())),
    "scalarised": (PROBLEMS["several"], Recipe(SeveralGP(), RandomScalarisation())),
    "hypervolume": (PROBLEMS["several"], Recipe(SeveralGP(), LogExpectedHypervolumeImprovement())),
    "noisy-hypervolume": (
        PROBLEMS["several"],
        Recipe(SeveralGP(), NoisyLogExpectedHypervolumeImprovement()),
    ),
    "straddle": (PROBLEMS["level-set"], Recipe(Subset(LevelGP()), Straddle())),
    "misclassification": (PROBLEMS["level-set"], Recipe(LevelGP(), Misclassification())),
    "vectors": (PROBLEMS["vector"], Recipe(VectorGP(), ThompsonSampling())),
}


def fill(url: str, name: str, problem: Problem, recipe) -> None:
    """Make a study with more trials than an initial design has, one of them open."""
    with Study.open(url, name, problem, recipe=recipe, seed=11) as study:
        if problem.fidelity is None:
            for trial in Optimizer(problem.space, "sobol", seed=5).ask(7):
                study.tell(trial.params, measured(problem, trial))
        # with several objectives a proposal takes long, and one will do
        for _ in range((problem.objectives is None) if problem.fidelity is None else 12):
            trial = study.ask()
            study.tell(trial, measured(problem, trial))
        study.ask()


def run_job(path: Path) -> None:
    """Make the study of a job file, as the command line does."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, "job.yaml")
        job.write_text(JOB.replace("STORE", str(path.resolve())))
        environment = {**os.environ, "PYTHONPATH": os.getcwd()}
        subprocess.run([sys.executable, "-m", "smbo.cli", "run", str(job)], check=True, env=environment)


def main(path: Path) -> None:
    """Make the file at ``path``."""
    url = f"sqlite:///{path}"
    for name in PRESETS:
        fill(url, f"preset-{name}", PROBLEMS["several"] if name == "pareto" else PLAIN, name)
    for name, problem in PROBLEMS.items():
        fill(url, f"problem-{name}", problem, "auto")
    for name, (problem, recipe) in RECIPES.items():
        fill(url, f"recipe-{name}", problem, recipe)
    run_job(path)
    leave_out_the_machine(path)


def leave_out_the_machine(path: Path) -> None:
    """Put words in place of this machine's folders, names and ids, and make it one file."""
    with sqlite3.connect(path) as raw:
        ((uid,),) = raw.execute("SELECT uid FROM study WHERE name = 'job'")
        for table in ("trial", "attempt"):
            raw.execute(
                f"UPDATE {table} SET checkpoint = '/gone/' || substr(checkpoint, instr(checkpoint, ?))",
                (f"job-{uid}",),
            )
        ((payload, seq),) = raw.execute("SELECT payload, seq FROM event WHERE kind = 'job'")
        told = json.loads(payload)
        told["folder"], told["job"]["store"] = "/", "sqlite:///before_renaming.db"
        raw.execute("UPDATE event SET payload = ? WHERE kind = 'job' AND seq = ?", (json.dumps(told), seq))
        ((driver,),) = raw.execute("SELECT id FROM driver")
        owner = {"host": "far", "machine": "far", "pid": 1, "started": 1.0, "driver": driver}
        raw.execute("UPDATE attempt SET owner = ? WHERE owner LIKE 'run %'", (f"run {json.dumps(owner)}",))
        raw.execute("UPDATE attempt SET host = 'far', pid = 1 WHERE host IS NOT NULL")
        raw.execute("UPDATE driver SET host = 'far', pid = 1")
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.execute("PRAGMA journal_mode = DELETE")
    raw.execute("VACUUM")
    raw.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
