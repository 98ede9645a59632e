"""The example of ASHA runs, on small settings."""

import runpy
from pathlib import Path


def test_the_example_of_asha_gives_up_most_trainings_early(capsys):
    example = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "mlp_asha.py"))
    trials = example["main"](6)
    assert "6 trials took" in capsys.readouterr().out
    assert sorted({trial.fidelity for trial in trials})[-1] == 81
    assert sum(trial.fidelity == 81 for trial in trials) < 3
