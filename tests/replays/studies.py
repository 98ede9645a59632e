"""Scenarios of durable studies, and of files that earlier versions wrote."""

from __future__ import annotations

import math
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from kinds import FOR_ONE_VALUE, kinds, mixed_space, mixed_value, plainly
from plans import finals, measured_at, put_ask, put_tell, serially
from recording import (
    KEPT,
    PARTS,
    asked_of,
    digest,
    problem_of,
    put_memory,
    refusal,
    scenario,
    told_of,
)

from smbo import Budget, EvaluationFailed, Optimizer, Outcome, Recipe, SmboError, Study
from smbo.acquisition import LowerConfidenceBound, Straddle
from smbo.proposal.auto import Auto
from smbo.surrogates import GP, LevelGP, Matern32, Subset

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "smbo" / "store" / "data"


@cache
def stored_folder() -> Path:
    """Return a folder with the studies of stored.tar.xz, which a version with other names wrote."""
    folder = tempfile.mkdtemp(prefix="smbo-replays-")
    with tarfile.open(HERE / "stored.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return Path(folder) / "dbs"


def stored_file(source: Path | str) -> Path:
    """Return the path of a kept file, or of one in the archive."""
    return source if isinstance(source, Path) else stored_folder() / source


def opened(path, name, problem, recipe, seed=3, **more):
    session = Study.open(f"sqlite:///{path}", name, problem, recipe=recipe, seed=seed, **more)
    session._recorded_path, session._recorded_name = path, name
    return session


def evaluated_by(measure):
    """Return an objective: what ``measure`` says, as a function of params and a context."""

    def objective(params, context):
        measured = measure(dict(params), context.seed, context.fidelity)
        if measured.get("status"):
            raise EvaluationFailed(measured.get("reason", "cancelled"))
        if "outputs" in measured:
            return Outcome.of_outputs(measured["outputs"], measured["covariance"])
        result = measured["result"]
        if isinstance(result, Mapping):
            return {**result}
        return Outcome(value=result, **{key: measured[key] for key in ("sem", "cost") if key in measured})

    return objective


def reporting(measure):
    def objective(params, context):
        value = measure(dict(params), context.seed, None)["result"]
        for step in range(1, 5):
            context.report(step, value + 1.0 / step)
        return value + 0.25

    return objective


def put_trials(tape, session):
    for trial in session.trials:
        tape.put("trial", [asked_of(trial), told_of(trial)])


def put_replay(tape, session):
    found = session.replay()
    tape.put(
        "replay",
        [getattr(found, name) for name in ("n_proposals", "n_trials", "n_unknown")]
        + [found.difference is None],
    )
    if found.difference is not None:
        tape.say("replay", found)


DURABLE = {
    "plain2": ("gp", 14),
    "mixed": ("auto", 14),
    "conditional": ("forest", 9),
    "outcome-constraints": ("auto", 13),
    "failures": ("auto", 14),
    "priors": ("gp", 10),
    "vectors": ("auto", 11),
    "levels": ("auto", 13),
    "several-constrained": ("auto", 12),
    "asha": ("auto", 14),
    "hyperband": ("gp", 12),
    "model-stopping": ("auto", 10),
    "model-vectors": ("auto", 9),
    "median": ("auto", 13),
    "costs": ("cost", 12),
    "transfer": ("auto", 10),
    "termination": ("auto", 20),
    "noise-sem": ("noisy", 12),
    "own-points": ("thompson", 9),
}


def add_studies():
    scenario("study-hand/add-many", imported)
    for kind_name, (recipe, n) in DURABLE.items():
        scenario(f"study-run/{kind_name}", study_run(kind_name, recipe, n))
    for kind_name, recipe in (
        ("batch", "gp"),
        ("fixed", "auto"),
        ("median", "gp"),
        ("model-stopping", "gp"),
        ("several", "pareto"),
        ("transfer", "gp"),
    ):
        scenario(f"study-hand/{kind_name}", study_by_hand(kind_name, recipe))


def imported(tape):
    """Points of an earlier campaign at once, then proposals."""
    with tempfile.TemporaryDirectory() as folder:
        problem = problem_of(mixed_space())
        session = opened(Path(folder) / "s.db", "s", problem, "auto")
        points = problem.space.sample(40, np.random.default_rng(3))
        try:
            session.add_many(
                points, [None if k % 9 == 8 else (mixed_value(p), 0.01) for k, p in enumerate(points)]
            )
            serially(4)(tape, session, plainly(mixed_value))
            put_trials(tape, session)
            finals(tape, session, problem)
        finally:
            session.close()


def study_run(kind_name, recipe, n):
    def play(tape):
        kind = kinds()[kind_name]
        with tempfile.TemporaryDirectory() as folder:
            problem = kind.build()
            session = opened(Path(folder) / "s.db", "s", problem, recipe, budget=Budget(trials=n))
            try:
                objective = (reporting if kind_name == "median" else evaluated_by)(kind.measure)
                session.run(objective)
                put_trials(tape, session)
                put_memory(tape, session)
                put_replay(tape, session)
                finals(tape, session, problem, more=0)
            finally:
                session.close()

    return play


def study_by_hand(kind_name, recipe):
    def play(tape):
        kind = kinds()[kind_name]
        with tempfile.TemporaryDirectory() as folder:
            problem = kind.build()
            session = opened(Path(folder) / "s.db", "s", problem, recipe)
            try:
                kind.plan(tape, session, kind.measure)
                put_trials(tape, session)
                put_replay(tape, session)
                finals(tape, session, problem, more=2)
            finally:
                session.close()

    return play


def stored_plan():
    """Return what is written by --make-dbs: name -> (kind, recipe, how many asks)."""
    plan = {f"mixed-{name}": ("mixed", lambda name=name: name, 13) for name in FOR_ONE_VALUE}
    for kind in (
        "conditional",
        "outcome-constraints",
        "failures",
        "priors",
        "vectors",
        "levels",
        "several",
        "several-constrained",
        "five-objectives",
        "asha",
        "asha-vectors",
        "hyperband",
        "model-stopping",
        "model-vectors",
        "median",
        "costs",
        "transfer",
        "termination-noise",
        "own-points",
        "noise",
    ):
        plan[f"{kind}-auto"] = (kind, lambda: "auto", 11)
    plan["several-pareto"] = ("several", lambda: "pareto", 10)
    plan["transfer-gp"] = ("transfer", lambda: "gp", 8)
    plan["costs-budget"] = ("costs", lambda: {"cost": {"budget": 40.0}}, 9)
    plan["noise-replication"] = ("noise", lambda: {"auto": {"replication": {"margin": 2.0}}}, 10)
    plan["levels-straddle"] = (
        "level",
        lambda: Recipe(surrogate=LevelGP(), acquisition=Straddle(), n_initial=4),
        8,
    )
    plan["plain-custom"] = (
        "plain2",
        lambda: Recipe(
            surrogate=Subset(GP(kernel=Matern32())), acquisition=LowerConfidenceBound(), region=None
        ),
        9,
    )
    plan["plain-auto-rule"] = ("plain2", lambda: Recipe(rule=Auto(patience=5)), 9)
    return plan


def add_stored():
    for name, (kind_name, _, _) in stored_plan().items():
        scenario(f"stored/{name}", resumed_file(f"{name}.db", "s", kind_name))
        scenario(f"stored-opened/{name}", open_again(f"{name}.db", name))
    for path in sorted(DATA.glob("version_*.db")):
        scenario(f"kept-file/{path.stem}-first", resumed_file(path, "first", None))
        scenario(f"kept-file/{path.stem}-recipes", other_recipes(path))
        scenario(f"kept-file/{path.stem}-raw", raw_rows(path))


def first_measure(p, seed, fidelity):
    value = math.log10(p["x"]) + 0.1 * p["n"] - 0.3 * (p["kind"] == "a") * p.get("width", 0.0)
    return {"result": {"z": value, "b": 0.2 + p["x"]}}


def resumed_file(source, name, kind_name):
    def play(tape):
        kind = None if kind_name is None else kinds()[kind_name]
        measure = first_measure if kind is None else kind.measure
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.db"
            shutil.copy(stored_file(source), path)
            try:
                session = Study.load(f"sqlite:///{path}", name)
            except SmboError as error:
                refusal(tape, "load", error)
                return
            session._recorded_path, session._recorded_name = path, name
            try:
                put_trials(tape, session)
                put_memory(tape, session)
                put_replay(tape, session)
                for n in (None, 2, None):
                    for trial in put_ask(tape, session, n):
                        measured = measured_at(measure, trial)
                        put_tell(tape, session, trial, measured)
                problem = session.problem
                PARTS[id(problem)] = {
                    "goals": str(kind_name).startswith(("several", "five")),
                    "levels": str(kind_name).startswith("level"),
                    "chi2": "vectors" in str(kind_name),
                }
                KEPT.append(problem)
                finals(tape, session, problem, more=1)
            finally:
                session.close()

    return play


def open_again(source, name):
    """Open a stored study with its problem and recipe in code, which must still match what is stored."""

    def play(tape):
        kind_name, recipe, _ = stored_plan()[name]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.db"
            shutil.copy(stored_file(source), path)
            try:
                session = opened(path, "s", kinds()[kind_name].build(), recipe(), seed=5)
            except SmboError as error:
                refusal(tape, "open", error)
                return
            put_ask(tape, session)
            session.close()

    return play


def other_recipes(source):
    """The trials of a kept file told to optimizers of other recipes."""

    def play(tape):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.db"
            shutil.copy(stored_file(source), path)
            session = Study.load(f"sqlite:///{path}", "first")
            problem, trials = session.problem, session.trials
            session.close()
            for name in ("auto", "gp", "noisy", "forest", "thompson"):
                other = Optimizer(problem, recipe=name, seed=4)
                for trial in trials:
                    state = str(trial.state)
                    if state == "complete":
                        put_tell(tape, other, dict(trial.params), {"result": {**trial.metrics}})
                    elif state == "failed":
                        put_tell(tape, other, dict(trial.params), {"status": "failed", "reason": "old"})
                for _ in range(3):
                    (trial,) = put_ask(tape, other)
                    put_tell(tape, other, trial, first_measure(trial.params, 0, None))

    return play


def raw_rows(source):
    """The rows of a kept file once the store has brought it up to date, without times."""

    def play(tape):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "old.db"
            shutil.copy(stored_file(source), path)
            Study.load(f"sqlite:///{path}", "first").close()
            with sqlite3.connect(path) as raw:
                names = [
                    row[0]
                    for row in raw.execute(
                        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
                    )
                ]
                for table in names:
                    found = raw.execute(f"SELECT * FROM {table}").fetchall()
                    # seconds since 1970: when the file was brought up to date, or was made
                    rows = sorted(
                        repr([None if isinstance(v, float) and v > 1e9 else v for v in row]) for row in found
                    )
                    tape.put(f"rows of {table}", [len(rows), digest(rows)])
                tape.say("tables", names)
            raw.close()

    return play


def add():
    """Enter the scenarios of this module."""
    add_studies()
    add_stored()
