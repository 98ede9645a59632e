"""ASHA with points proposed by a model: tune a neural network's training, few epochs first.

    python examples/mlp_asha.py [N_TRIALS]

The study is durable, so that a killed run can be resumed: the store and the checkpoints of the
paused trainings lie in one folder.  On a cluster, hand a Dask client to ``study.run``.
"""

import pickle
import sys
import tempfile

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from smbo import Budget, Fidelity, Integer, Problem, Real, Study

PROBLEM = Problem(
    {
        "learning_rate": Real(1e-5, 1e-1, log=True),
        "alpha": Real(1e-6, 10.0, log=True),
        "width": Integer(8, 128, log=True),
    },
    fidelity=Fidelity(3, 81, name="epochs"),
    early_stopping="asha",
)


def train(params, context):
    """Return the validation loss after ``context.fidelity`` epochs, continuing from a checkpoint."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, train_size=300, random_state=0)
    model, done = None, 0
    if context.checkpoint is not None:
        # written by this function in an earlier attempt at the same trial
        model, done = pickle.loads((context.checkpoint / "model").read_bytes())
    if model is None:
        model = MLPClassifier(
            (params["width"],),
            learning_rate_init=params["learning_rate"],
            alpha=params["alpha"],
            random_state=context.seed,
        )
    for _ in range(done, context.fidelity):
        model.partial_fit(X_train, y_train, classes=range(10))
    (context.folder / "model").write_bytes(pickle.dumps((model, context.fidelity)))
    return log_loss(y_test, model.predict_proba(X_test), labels=range(10))


def main(n_trials=40, url=None):
    with tempfile.TemporaryDirectory() as folder:
        url = url or f"sqlite:///{folder}/mlp.db"
        with Study.open(url, "mlp", PROBLEM, seed=1, budget=Budget(trials=n_trials)) as study:
            study.run(train)
            epochs = sum(trial.fidelity for trial in study.trials)
            n_full = sum(trial.fidelity == 81 for trial in study.trials)
            print(f"{n_trials} trials took {epochs} epochs, {n_full} of them with all 81 each")
            print(f"loss {study.best.value:.4f} with {dict(study.best.params)}")
            return study.trials


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
