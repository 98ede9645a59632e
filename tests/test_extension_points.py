"""Parts of other packages: one new file each, known by an entry point, used by name and stored with a study.

The files are the examples of docs/extending.md.  They are installed into a folder, as pip would, and nothing
else imports them.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smbo import Budget, Optimizer, Study
from smbo.errors import RecipeError
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json

TESTS = Path(__file__).resolve().parent
sys.path.append(str(TESTS / "contracts"))
import test_acquisition_contract  # noqa: E402
import test_executor_contract  # noqa: E402
import test_surrogate_contract  # noqa: E402

PAGE = (TESTS.parent / "docs" / "extending.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE))
ENTRY_POINTS = re.findall(r'^\[project\.entry-points\."(.+)"\]\n((?:.+ = .+\n)+)', PAGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder in which the package of docs/extending.md is installed."""
    site = tmp_path_factory.mktemp("site")
    info = site / "my_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-parts\nVersion: 1.0\n")
    groups = [f"[{group}]\n{lines}" for group, lines in ENTRY_POINTS]
    (info / "entry_points.txt").write_text("".join(groups).replace('"', ""))
    for name, text in MODULES.items():
        (site / f"{name}.py").write_text(text)
    return site


@pytest.fixture
def package(installed, monkeypatch):
    """Have it on the path of this process while the test runs."""
    monkeypatch.syspath_prepend(installed)
    yield installed
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def surrogate(package):
    return preset({"surrogate": "shepard"}).surrogate


@pytest.fixture
def acquisition(package):
    return preset({"surrogate": "ModelListGP", "acquisition": "weighted-sum"}).acquisition


spool = test_executor_contract.spool


@pytest.fixture
def executor(package, spool, tmp_path):
    from smbo.study.run import installed_executor

    make = installed_executor("logged", {"log": str(tmp_path / "jobs.log")})
    with contextlib.closing(make(test_executor_contract.target, spool)) as executor:
        yield executor


# every check of the contracts, on the parts of the fixtures above
globals().update(
    (name, check)
    for contract in (test_surrogate_contract, test_acquisition_contract, test_executor_contract)
    for name, check in vars(contract).items()
    if name.startswith("test_")
    and {"surrogate", "acquisition", "executor"} & inspect.signature(check).parameters.keys()
)


def smbo(folder, site, *words):
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "smbo.cli", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


OF_SEVERAL_OBJECTIVES = """
study: mine
objective: {bargain: {discount: 0.1}}
recipe:
  surrogate: ModelListGP
  acquisition: {weighted-sum: {optimism: 2}}
  n_initial: 4
cluster: {executor: {logged: {log: told.log}}}
budget: {trials: 6}
seed: 1
report: false
"""
OF_ONE_OBJECTIVE = """
study: mine
objective: {bargain: {discount: 0.1}}
objectives: {price: min}
recipe: {surrogate: {shepard: {power: 3}}}
cluster: serial
budget: {trials: 7}
seed: 1
report: false
"""
JOBS = {
    "acquisition, executor, objective": OF_SEVERAL_OBJECTIVES,
    "surrogate, objective": OF_ONE_OBJECTIVE,
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS.keys())
def test_a_job_by_name_resumes_and_goes_on_when_loaded(job, installed, tmp_path, request):
    (tmp_path / "job.yaml").write_text(job)
    code, output = smbo(tmp_path, installed, "run", "job.yaml")
    assert code == 0, output
    code, output = smbo(tmp_path, installed, "resume", "mine", "--trials", "8")
    assert "8 complete" in output
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    with pytest.raises(RecipeError, match="of the package 'my-parts', which is not installed; pip install"):
        Study.load(url, "mine")
    request.getfixturevalue("package")
    with contextlib.closing(Study.load(url, "mine")) as study:
        parts = {type(study.recipe.surrogate).__name__, type(study.recipe.acquisition).__name__}
        assert parts & {"Shepard", "WeightedSum"}
        Study.open(url, "mine", study.problem, study.recipe, budget=Budget(trials=9)).close()
        trial = study.ask()
        assert trial.number == 8
        assert trial.params not in [each.params for each in study.trials[:8]]
        # every proposal is what this process makes of the results before it
        optimizer = Optimizer(study.problem, study.recipe, seed=1)
        for told in study.trials[:8]:
            assert optimizer.ask().params == told.params
            optimizer.tell(told.number, told.metrics if study.problem.multi_objective else told.value)
        assert optimizer.ask().params == trial.params
    if "logged" in job:
        assert (tmp_path / "told.log").read_text().split() == [str(number) for number in range(8)]


def test_a_stored_part_is_found_again_with_its_settings(package):
    for given in (
        {"surrogate": {"shepard": {"power": 2}}, "design": "lhs"},
        {"shepard-lhs": {"n_initial": 4}},
    ):
        recipe = preset(given)
        stored = recipe_to_json(recipe)
        assert "foreign" not in str(stored)
        assert recipe_from_json(stored) == recipe
