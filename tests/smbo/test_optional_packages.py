"""A plain install, without any extra: what needs a package says which extra brings it, and runs finish."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from click.testing import CliRunner

from smbo.cli import main
from smbo.study import evaluator

HERE = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
PACKAGES = [HERE / "smbo", HERE / "scheduler" / "smbo_scheduler", HERE / "objectives" / "smbo_objectives"]

# distribution -> what is imported of it, where that is another name
IMPORTED = {
    "scikit-learn": "sklearn",
    "ruamel.yaml": "ruamel",
    "psycopg": "psycopg",
    "dask-jobqueue": "dask_jobqueue",
    "gest-api": "gest_api",
}
# extras of the developers, and one that stands for others
NOT_OURS = ("bench", "test", "all")
BROUGHT = {"joblib", "markupsafe"}  # by scikit-learn and jinja2

BLOCK = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    names = set({names!r})
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import importlib.util
find = importlib.util.find_spec
def find_spec(name, package=None):
    return None if name.partition(".")[0] in Missing.names else find(name, package)
importlib.util.find_spec = find_spec
"""


def distribution(requirement: str) -> str:
    """Return what a requirement names, in lower case and without versions and extras."""
    for end in "[<>=!~; ":
        requirement = requirement.partition(end)[0]
    return requirement.lower()


def modules(requirements: list[str]) -> set[str]:
    return {IMPORTED.get(distribution(each), distribution(each)) for each in requirements}


OPTIONAL = {
    name: modules(requirements)
    for name, requirements in PROJECT["optional-dependencies"].items()
    if name not in NOT_OURS
}


def imports() -> set[str]:
    """Return the top-level packages that our packages import, anywhere."""
    found = set()
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found


def imported_by_text() -> set[str]:
    """Return the top-level packages of what is named as "package.module:Class", imported when needed."""
    words = (path.read_text() for package in PACKAGES for path in package.rglob("*.py"))
    return {name for text in words for name in re.findall(r'"(\w+)(?:\.\w+)*:[A-Z]\w+"', text)}


def test_extras_hold_what_is_imported_and_only_that():
    theirs = {
        name for name in imports() if name not in sys.stdlib_module_names and not name.startswith("smbo")
    }
    known = modules(PROJECT["dependencies"]) | BROUGHT | set().union(*OPTIONAL.values())
    assert theirs - known == set()
    theirs |= imported_by_text()
    assert {name: wanted - theirs for name, wanted in OPTIONAL.items() if wanted - theirs} == {}


def without(code: str, *names: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code where modules are not installed."""
    blocked = names or tuple(sorted(set().union(*OPTIONAL.values())))
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(names=blocked) + code],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


JOB = """\
study: {name}
objective: {{python: toy_{name}:evaluate}}
space: {{x: {{real: [0.0, 1.0]}}, y: {{real: [0.0, 1.0]}}}}
budget: {{trials: 6}}
cluster: serial
seed: 1
"""

KINDS = {
    "one": ("return x + y", "recipe: gp\n"),
    "several": ("return {'a': x, 'b': 1 - x + y}", "objectives: {a: min, b: max}\n"),
    "level": ("return x + y", "level_set: {level: 1.0}\n"),
}


def test_a_run_without_matplotlib_ends_with_a_page_without_figures(tmp_path):
    code = ["from smbo.cli import main"]
    for name, (body, keys) in KINDS.items():
        (tmp_path / f"toy_{name}.py").write_text(f"def evaluate(x, y):\n    {body}\n")
        (tmp_path / f"{name}.yaml").write_text(JOB.format(name=name) + keys)
        code.append(f"assert main(['run', '{name}.yaml'], standalone_mode=False) == 0")
    done = without("\n".join(code), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("smbo[plots]") == len(KINDS)
    assert "Traceback" not in done.stdout + done.stderr
    for name in KINDS:
        page = (tmp_path / f"{name}-report" / "index.html").read_text()
        assert "smbo[plots]" in page
        assert "<img" not in page


DOORS = {
    "pandas": "from smbo import Optimizer\nOptimizer({'x': (0.0, 1.0)}).to_pandas()",
    "plots": "from smbo.plots.style import new_figure\nnew_figure(1.0, 1.0)",
    "hep": (
        "from smbo.study.evaluator import ObjectiveSpec, check_objective\n"
        "spec = ObjectiveSpec('pythia-ee', {'space': 'ee3'})\ncheck_objective(spec, spec.load().problem)"
    ),
    "torch": "from smbo.surrogates.gp.torch_gp import _device\n_device('auto')",
    "optuna": "import smbo.integrations.optuna",
    "gest": "import smbo.integrations.gest",
    "parquet": (
        "from smbo.problem.transfer_source import TransferSource\nTransferSource.read('old.parquet', 'y')"
    ),
    "postgres": "from smbo import Study\nStudy.names('postgresql://me@127.0.0.1:1/x')",
}


def test_every_door_whose_package_is_missing_says_which_extra_brings_it(tmp_path):
    code = f"""
import json
said = {{}}
for extra, code in {DOORS!r}.items():
    try:
        exec(code, {{}})
    except Exception as error:
        said[extra] = str(error)
print(json.dumps(said))
"""
    said = json.loads(without(code, cwd=tmp_path).stdout.splitlines()[-1])
    assert {extra: text for extra, text in said.items() if f"smbo[{extra}]" not in text} == {}
    assert said.keys() == DOORS.keys()


def test_an_objective_that_needs_a_missing_package_is_refused_before_anything_runs(tmp_path, monkeypatch):
    job = JOB.format(name="hep").replace("python: toy_hep:evaluate", "pythia-ee: {space: ee3}")
    (tmp_path / "job.yaml").write_text("\n".join(job.splitlines()[:2] + job.splitlines()[3:]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluator.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["run", "job.yaml"])
    assert result.exit_code == 2
    assert "job.yaml:2: objective.pythia-ee: the objective needs pythia8mc" in result.output
    assert "pip install 'smbo[hep]'" in result.output
    assert not (tmp_path / "hep.db").exists()
