"""Studies that were stored before classes, keys and modules got today's names open, propose and continue."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from smbo import (
    GP,
    Auto,
    Categorical,
    ChiSquare,
    CompositeGP,
    ExpectedImprovement,
    ExpectedImprovementPerCost,
    Fidelity,
    GPHedge,
    Integer,
    KernelSelection,
    LevelGP,
    LevelSet,
    LogExpectedHypervolumeImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    Misclassification,
    ModelListGP,
    MultiFidelityGP,
    NoisyLogExpectedHypervolumeImprovement,
    Normal,
    Outcome,
    ProbabilityOfImprovement,
    Problem,
    RandomScalarization,
    Real,
    Recipe,
    RecipeError,
    Replication,
    Space,
    Straddle,
    Study,
    StudyMismatch,
    Subset,
    Termination,
    ThompsonSampling,
    TransferSource,
    TrialState,
    TrustRegion,
)
from smbo.proposal.presets import PRESETS, recipe_to_json
from smbo.study.load import refuse_mismatch

KEPT = Path(__file__).parents[1] / "store" / "data" / "before_renaming.db"

SPACE = Space({"x": Real(0.0, 1.0), "y": Real(0.1, 10.0, log=True)})
LOSS = ChiSquare(np.array([0.3, 0.5, 0.2]), np.array([0.1, 0.1, 0.1]))
FIDELITY = Fidelity(1, 9)

# the problems and recipes of make_before_renaming.py in today's words
PROBLEMS = {
    "constraints": Problem(SPACE, constraints=["size <= 0.8"]),
    "several": Problem(
        SPACE,
        objectives={"cost": "min", "gain": "max"},
        reference={"cost": 1.0},
        weights={"gain": 2.0},
    ),
    "level-set": Problem(SPACE, level_set=LevelSet(0.1, tolerance=0.01)),
    "vector": Problem(SPACE, loss=LOSS),
    "asha": Problem(SPACE, fidelity=FIDELITY),
    "hyperband": Problem(SPACE, fidelity=FIDELITY, early_stopping={"hyperband": {"eta": 3}}),
    "model": Problem(SPACE, fidelity=FIDELITY, early_stopping="model"),
    "vector-model": Problem(SPACE, loss=LOSS, fidelity=Fidelity(1, 9, averages=True), early_stopping="model"),
    "median": Problem(SPACE, early_stopping="median"),
    "enough": Problem(SPACE, termination=Termination(plateau=30, gain=0.01, left=0.01)),
    "earlier": Problem(
        SPACE,
        transfer=[
            TransferSource(
                [{"x": k / 9, "y": 1.0} for k in range(10)],
                [(k / 9 - 0.4) ** 2 for k in range(10)],
                "earlier",
            )
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
    "kernels": (PLAIN, Recipe(Subset(KernelSelection(GP())), GPHedge())),
    "per-cost": (PLAIN, Recipe(Subset(GP()), ExpectedImprovementPerCost(budget=40.0))),
    "auto-settings": (PLAIN, Recipe(rule=Auto(exploration_after=5), replication=Replication())),
    "region": (PLAIN, Recipe(GP(), LowerConfidenceBound(), region=TrustRegion())),
    "ei": (PLAIN, Recipe(GP(), ExpectedImprovement(), n_initial=4)),
    "pi": (PLAIN, Recipe(GP(), ProbabilityOfImprovement(), design="lhs")),
    "curves": (PROBLEMS["asha"], Recipe(MultiFidelityGP(), LogExpectedImprovement())),
    "scalarised": (PROBLEMS["several"], Recipe(ModelListGP(), RandomScalarization())),
    "hypervolume": (PROBLEMS["several"], Recipe(ModelListGP(), LogExpectedHypervolumeImprovement())),
    "noisy-hypervolume": (
        PROBLEMS["several"],
        Recipe(ModelListGP(), NoisyLogExpectedHypervolumeImprovement()),
    ),
    "straddle": (PROBLEMS["level-set"], Recipe(Subset(LevelGP()), Straddle())),
    "misclassification": (PROBLEMS["level-set"], Recipe(LevelGP(), Misclassification())),
    "vectors": (PROBLEMS["vector"], Recipe(CompositeGP(), ThompsonSampling())),
}
YOUNGER = {"grid", "kg"}  # recipes that the old code had not
STUDIES = {
    **{
        f"preset-{name}": (PROBLEMS["several"] if name == "pareto" else PLAIN, name)
        for name in PRESETS
        if name not in YOUNGER
    },
    **{f"problem-{name}": (problem, "auto") for name, problem in PROBLEMS.items()},
    **{f"recipe-{name}": each for name, each in RECIPES.items()},
}


@pytest.fixture
def url(tmp_path):
    shutil.copy(KEPT, tmp_path / "kept.db")
    return f"sqlite:///{tmp_path}/kept.db"


def opened(url, name):
    return Study.open(url, name, *STUDIES[name]) if name in OPENS_ONLY else Study.load(url, name)


def measured(problem, trial):
    value = (trial.params["x"] - 0.3) ** 2 + 0.1 * math.log10(trial.params["y"]) ** 2
    if problem.objectives is not None:
        return Outcome(metrics={"cost": value, "gain": trial.params["x"]})
    if problem.loss is not None:
        outputs = np.array([value, trial.params["x"], 0.2])
        return Outcome(outputs=outputs, outputs_variance=np.full(3, 1e-4))
    return Outcome(value=value, cost=1.0, metrics={"size": trial.params["x"]})


def test_the_kept_file_has_these_studies_and_that_of_a_job(url):
    assert set(Study.names(url)) == {*STUDIES, "job"}


# A part that is no public name is stored as it prints, and such a study opens with its recipe in code only.
OPENS_ONLY = ("recipe-straddle", "recipe-misclassification")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_the_old_names_loads_opens_proposes_and_continues(url, name):
    problem, recipe = STUDIES[name]
    with opened(url, name) as loaded:
        n_before = len(loaded.trials)
        open_trial = next(trial for trial in loaded.trials if trial.state is TrialState.RUNNING)
        told = loaded.tell(open_trial, measured(problem, open_trial))
        assert told.state in (TrialState.COMPLETE, TrialState.PAUSED)
    with Study.open(url, name, problem, recipe) as study:
        stored = study._driver.store.study(name).memory
        trial = study.ask()
        told = study.tell(trial, measured(study.problem, trial))
        assert told.state in (TrialState.COMPLETE, TrialState.PAUSED)
        assert len(study.trials) - n_before in (0, 1)  # a promotion is no new trial
        # what the recipe remembers is known under the same keys
        assert set(stored) <= {*study._driver.store.study(name).memory, "levels"}
    with pytest.raises(StudyMismatch, match="differs: seed: stored 11, now 12; use"):  # and nothing else
        Study.open(url, name, problem, recipe, seed=12)


def test_rungs_of_a_stored_study_stay_where_they_were(url):
    problem, recipe = STUDIES["problem-model"]
    with Study.open(url, "problem-model", problem, recipe) as study:
        assert study.problem.early_stopping.eta == 3.0
    with pytest.raises(StudyMismatch, match=r"eta: stored 3\.0, now 2\.0"):
        Study.open(url, "problem-model", replace(problem, early_stopping={"model": {"eta": 2.0}}), recipe)


@pytest.mark.parametrize("name", OPENS_ONLY)
def test_a_recipe_with_a_part_that_is_no_public_name_is_to_be_passed_in_code(url, name):
    with pytest.raises(RecipeError, match="pass the recipe in code"):
        Study.load(url, name)


def test_a_setting_that_came_later_is_no_difference_at_its_default_only():
    stored = recipe_to_json(Recipe(rule=Auto(patience=25)))
    del stored["settings"]["rule"]["settings"]["margin"]
    record = SimpleNamespace(name="a", problem=PLAIN.to_json(), recipe=stored, seed=1)

    def wanted(rule):
        return {"problem": PLAIN.to_json(), "recipe": recipe_to_json(Recipe(rule=rule))}

    refuse_mismatch(record, wanted(Auto(patience=25)), seed=None)
    with pytest.raises(StudyMismatch, match=r"margin: stored 0\.1, now 0\.3"):
        refuse_mismatch(record, wanted(Auto(patience=25, margin=0.3)), seed=None)
    with pytest.raises(StudyMismatch, match="patience: stored 25, now None"):
        refuse_mismatch(record, wanted(Auto()), seed=None)


# Recipes that propose without a search for an acquisition's optimum, and so as ever.  The others end such a
# search sooner now, draw functions with other frequencies and expect other length scales along choices.
WITHOUT_A_SEARCH = ("preset-random", "preset-sobol")


@pytest.mark.slow
def test_designs_of_the_old_code_are_made_again_and_what_follows_is_a_proposal_of_today(url):
    for name, (problem, _) in STUDIES.items():
        with opened(url, name) as study:
            difference = study.replay().difference
            if name in WITHOUT_A_SEARCH:
                assert difference is None, name
            if difference is None:
                continue
            # all of them have a design of four points at least
            assert difference.number >= 4, f"{name}: {difference}"
            if difference.what == "the point":
                assert problem.space.contains(difference.now), name


def test_a_study_of_a_job_file_with_old_keys_is_resumed(url, tmp_path):
    command = [sys.executable, "-m", "smbo.cli", "resume", "job", "--store", url, "--trials", "10"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with Study.load(url, "job") as study:
        assert study.problem.early_stopping is not None
        assert study.problem.termination == Termination(plateau=40)
        assert sum(trial.state is TrialState.COMPLETE for trial in study.trials) >= 1
        assert len(study.trials) == 10
