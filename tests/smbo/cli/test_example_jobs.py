"""Every job file under examples/ is understood, and the quick ones run, on small settings."""

import shutil
from pathlib import Path

import pytest

from smbo.cli.job.schema import read_jobfile

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
JOBS = sorted(path for path in EXAMPLES.rglob("*") if path.suffix in (".yaml", ".toml", ".json"))


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_an_example_is_a_valid_job(path):
    job, _ = read_jobfile(path)
    assert job.budget.trials is not None


@pytest.mark.parametrize("name", ["branin.yaml", "steps.toml"])
def test_a_quick_example_runs(folder, name):
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, folder.path)
    result = folder.smbo("run", name, "--trials", "8", "--serial", "--no-report")
    assert result.exit_code == 0, result.output
    assert "8 complete" in result.output


@pytest.mark.parametrize("name", ["valley.yaml", "decay.yaml"])
def test_an_example_of_a_program_runs_from_any_folder(folder, name):
    result = folder.smbo("run", EXAMPLES / "command" / name, "--trials", "3", "--serial", "--no-report")
    assert result.exit_code == 0, result.output
    assert "3 complete" in result.output
