"""A folder with an objective, and the command line run in it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smbo.cli import main

OBJECTIVE = '''
"""A parabola, and other things that an objective may do."""


def evaluate(params):
    return (params["x"] - 0.3) ** 2


def measure(params, context):
    return {"loss": (params["x"] - 0.3) ** 2, "size": 10 * params["x"]}


def fail_often(params, context):
    if context.seed % 2:
        raise ValueError("an odd seed")
    return params["x"]


def fail(params):
    raise ValueError("no good")


not_a_function = 3
'''

JOB = """\
study: toy
objective: {python: cli_toy:evaluate}
space:
  x: {real: [0.0, 1.0]}
recipe: sobol
budget: {trials: 4}
cluster: serial
seed: 1
report: false
"""


@dataclass(frozen=True)
class Folder:
    """A folder to work in."""

    path: Path

    def write(self, name: str, text: str) -> Path:
        (self.path / name).write_text(text)
        return self.path / name

    def job(self, *lines: str, without: tuple[str, ...] = (), name: str = "job.yaml") -> Path:
        """Write a job file: the toy one, with lines instead of those of the same key."""
        keys = {line.split(":")[0] for line in lines} | set(without)
        kept, is_kept = [], True
        for line in JOB.splitlines():
            if not line.startswith(" "):
                is_kept = line.split(":")[0] not in keys
            if is_kept:
                kept.append(line)
        return self.write(name, "\n".join([*kept, *lines]) + "\n")

    def smbo(self, *words: str) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    def trials(self, study: str = "toy") -> list[dict[str, Any]]:
        result = self.smbo("export", study, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def points(self, study: str = "toy") -> list[tuple[float, float]]:
        return [(trial["params.x"], trial["value"]) for trial in self.trials(study)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, current while the test runs, with the module ``cli_toy`` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.delitem(sys.modules, "cli_toy", raising=False)
    place = Folder(tmp_path)
    place.write("cli_toy.py", OBJECTIVE)
    return place
