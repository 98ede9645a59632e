"""The README is true: its Python blocks run, its commands work, its job file is one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Job files that take minutes or hours, made small: (pattern, what it becomes) in the copy that is run.
SMALLER = {
    "lep_tune.yaml": (
        (r"events: 5000\b", "events: 200, confirmation_events: 200, confirmation_repeats: 2"),
        (r"trials: 40\b", "trials: 4"),
    ),
    "higgsml_cuts.yaml": ((r"trials: 150\b", "trials: 6"),),
    "branin.yaml": ((r"trials: 25\b", "trials: 6"),),
    "pivot_toy.yaml": (
        (r"ks_target: 0.05", "ks_target: 0.05, confirmation_repeats: 2"),
        (r"trials: 40\b", "trials: 2"),
    ),
}
SMALLER_OPTIONS = {"smbo resume branin --trials 30": "smbo resume branin --trials 8"}
MARKS = {
    "lep_tune.yaml": (pytest.mark.pythia, pytest.mark.dask),
    "higgsml_cuts.yaml": (pytest.mark.dask,),
    "pivot_toy.yaml": (pytest.mark.torch,),
    "branin": (pytest.mark.dask,),
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def smbo_lines(block: str) -> list[str]:
    """Return the smbo commands of a block, without their comments and without what installs."""
    lines = []
    for line in block.splitlines():
        for command in line.partition(" #")[0].split("&&"):
            if command.strip().startswith("smbo "):
                lines.append(" ".join(command.split()))
    return lines


SHELL = [lines for block in blocks("sh") if (lines := smbo_lines(block))]


def session_params() -> list[object]:
    """Return one parameter per shell block; its lines run in turn in one folder."""
    params = []
    for lines in SHELL:
        text = "\n".join(lines)
        marks = [mark for word, found in MARKS.items() if word in text for mark in found]
        params.append(pytest.param(lines, id=lines[0], marks=marks))
    return params


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        arguments, cwd=folder, env=environment(), capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def workplace(folder: Path) -> Path:
    """Copy the examples into a folder, made small."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    for name, changes in SMALLER.items():
        path = folder / "examples" / name
        text = path.read_text(encoding="utf-8")
        for pattern, smaller in changes:
            text, n = re.subn(pattern, smaller, text)
            # a setting that is no longer there would let the test run for hours
            assert n == 1, f"{name} has {n} times {pattern!r}"
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_two_set_up_commands_stand_first_and_as_they_must() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert commands[:2] == [
        'pip install -c constraints.txt -e ".[hep,plots]" && smbo run examples/lep_tune.yaml',
        'pip install -c constraints.txt -e ".[test]" && pytest',
    ]


def test_every_smbo_line_is_found() -> None:
    written = sum(len(re.findall(r"(?:^|&& )smbo ", block, flags=re.MULTILINE)) for block in blocks("sh"))
    assert written == sum(len(lines) for lines in SHELL)
    assert written >= 5


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[0])
def test_a_python_block_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(block, encoding="utf-8")
    assert "{" in run([sys.executable, "-W", "error", "block.py"], tmp_path)  # it prints a point


@pytest.mark.parametrize("lines", session_params())
def test_the_smbo_lines_of_a_block_work_one_after_the_other(lines: list[str], tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    for line in lines:
        smaller = SMALLER_OPTIONS.get(line, line)
        run([sys.executable, "-m", "smbo.cli", *shlex.split(smaller)[1:]], folder)


def test_the_yaml_block_is_a_job_file(tmp_path: Path) -> None:
    from smbo.cli.job.schema import check_jobfile, read_jobfile

    (block,) = blocks("yaml")
    (tmp_path / "job.yaml").write_text(block, encoding="utf-8")
    _, document = read_jobfile(tmp_path / "job.yaml")
    assert check_jobfile(document).study == "branin"
