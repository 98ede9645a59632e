"""`smbo import --from optuna` and `smbo export --to optuna`."""

from __future__ import annotations

import pytest

from smbo.cli.group import WRONG_INPUT

optuna = pytest.importorskip("optuna")


def test_a_study_is_imported_and_exported_by_commands(folder):
    study = optuna.create_study(storage=f"sqlite:///{folder.path / 'theirs.db'}", study_name="old")

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 0)
        if trial.number == 3:
            raise optuna.TrialPruned
        return x

    study.optimize(objective, n_trials=6)
    study.ask()  # still running
    told = folder.smbo("import", "--from", "optuna", "sqlite:///theirs.db", "old")
    assert told.exit_code == 0, told.output
    assert "old: 6 trials imported (5 complete, 1 pruned)" in told.stdout
    assert (
        "6 rows were there already" in folder.smbo("import", "--from", "optuna", "sqlite:///theirs.db").stdout
    )
    back = folder.smbo("export", "old", "--to", "optuna", "-o", "sqlite:///theirs.db", "--name", "new")
    assert back.exit_code == 0, back.output
    again = optuna.load_study(study_name="new", storage=f"sqlite:///{folder.path / 'theirs.db'}")
    assert [each.values for each in again.trials] == [each.values for each in study.trials[:6]]
    for arguments, words in (
        (("import", "--from", "optuna", "sqlite:///theirs.db"), "say which study; there are 'old', 'new'"),
        (("import", "--from", "optuna", "sqlite:///theirs.db", "old", "--value", "v"), "--value is about"),
        (("import", "all.csv", "old"), "name the study, --study old"),
        (("export", "old", "--to", "optuna"), "say the URL of its storage"),
        (("export", "old", "--name", "x"), "goes with --to optuna"),
    ):
        wrong = folder.smbo(*arguments)
        assert wrong.exit_code == WRONG_INPUT, wrong.output
        assert words in wrong.stderr
