"""What the runner of COCO's suites does itself: which runs are left, what it refuses; COCO is not needed."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "coco"


@pytest.fixture
def coco(monkeypatch):
    """The runner's module; other benchmarks have modules called like those that it imports."""
    before = set(sys.modules)
    for name in ("problems", "peers", "torch_peers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("coco_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in set(sys.modules) - before:
        if name in ("problems", "peers", "torch_peers") or name.startswith("kinds"):
            sys.modules.pop(name)


def test_runs_that_are_complete_are_not_run_again_and_broken_ones_are(coco, tmp_path):
    chosen = argparse.Namespace(suite="bbob", out=tmp_path, dimensions="2-3", functions="1,8", instances="1")
    (tmp_path / "bbob_f01_d02_i01").mkdir()
    (tmp_path / "bbob_f08_d02_i01.part").mkdir()
    assert [key for _, key in coco.wanted(chosen)] == [(8, 2, 1), (1, 3, 1), (8, 3, 1)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--dimensions", "7"], "bbob has 2, 3, 5, 10, 20, 40"),
        (["--functions", "24-25"], "--functions 25"),
        (["--suite", "bbob-mixint", "--dimensions", "2"], "bbob-mixint has 5"),
    ],
)
def test_a_selection_that_the_suite_does_not_have_is_refused(
    coco, monkeypatch, capsys, tmp_path, given, said
):
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path), *given])
    with pytest.raises(SystemExit):
        coco.main()
    assert said in capsys.readouterr().err


def test_a_folder_without_a_complete_run_is_not_packed(coco, tmp_path):
    (tmp_path / "bbob_f08_d02_i01.part").mkdir()
    with pytest.raises(SystemExit, match="no complete run"):
        coco.pack(tmp_path)
