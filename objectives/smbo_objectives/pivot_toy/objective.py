"""The objective ``pivot-toy``: settings of a classifier trained against an adversary (arXiv:1611.01046)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smbo.problem import (
    Confirmation,
    Context,
    EvaluationFailed,
    Fidelity,
    Figure,
    ObjectiveError,
    Outcome,
    Problem,
)
from smbo.space import Integer, Real, Space
from smbo_objectives.pivot_toy import checkpoint, training
from smbo_objectives.pivot_toy.checkpoint import Checkpoint
from smbo_objectives.pivot_toy.training import Measured, Schedule, Settings, Training

SCHEDULES = {
    # arXiv:1611.01046, section 5.1, and the code released with it
    "paper": Schedule(
        n_train=75_000,
        n_validation=50_000,
        classifier_epochs=50,
        classifier_batch=32,
        adversary_epochs=20,
        pretraining_rate=0.01,
        batch=128,
        n_ks=200_000,
        n_reports=10,
    ),
    # a few seconds: fewer samples, and larger steps in the pre-training since there are fewer of them
    "quick": Schedule(
        n_train=20_000,
        n_validation=20_000,
        classifier_epochs=10,
        classifier_batch=64,
        adversary_epochs=10,
        pretraining_rate=0.05,
        batch=128,
        n_ks=50_000,
        n_reports=10,
    ),
}


def _space(most_r_steps: int, most_iterations: int) -> Space:
    return Space(
        {
            "lam": Real(0.1, 1000.0, log=True),
            "lr_f": Real(1e-4, 1e-1, log=True),
            "lr_r": Real(1e-4, 1e-1, log=True),
            "r_steps": Integer(1, most_r_steps, log=True),
            "iterations": Integer(10, most_iterations, log=True),
            "width_f": Integer(8, 64, log=True),
            "width_r": Integer(8, 64, log=True),
        }
    )


SPACES = {"paper": _space(600, 400), "quick": _space(150, 150)}

# With the iterations as the fidelity: the fewest that distinguish points, and those of the paper.
FIDELITIES = {
    "paper": Fidelity(14, 400, name="iterations"),
    "quick": Fidelity(6, 150, name="iterations"),
}

# The paper's settings: one epoch of the adversary (75,000 / 128 steps) after each step of the classifier.
PAPER_POINT = {
    "lam": 50.0,
    "lr_f": 0.01,
    "lr_r": 0.01,
    "r_steps": 586,
    "iterations": 200,
    "width_f": 20,
    "width_r": 20,
}


class PivotToy:
    """Adversarial training on the toy of "Learning to Pivot" (arXiv:1611.01046, section 5.1).

    A classifier f is trained against an adversary r that estimates the nuisance parameter z from
    f's output.  The parameters are λ, both learning rates, the steps of r per step of f, the number of
    such turns, and the widths.  A good training has a low classification loss (L_f) while the
    distributions of f at z = -1 and z = +1 agree (ks, their Kolmogorov distance).

    The value is ``loss`` = L_f + penalty × max(0, ks - ks_target).  The penalised form is the default
    because ks varies smoothly, so that every training informs the surrogate of it; with ``penalty=None``
    the value is L_f under the outcome constraint ks <= ks_target.
    Metrics: L_f, L_r, ks.  A training that diverges is a failed trial.

    Args:
        schedule: "paper" (half a minute and more) or "quick" (seconds).
        ks_target: distance up to which there is no penalty.
        penalty: factor on the distance beyond; at 5 the classifier without adversary (L_f 0.45, ks 0.27)
            has the value 1.5.
        device: "auto" takes a GPU if torch finds one; or any device name of torch.
        n_threads: number of threads of torch.  More than one is not faster for networks of this size.
        iterations_as_fidelity: make the number of turns the fidelity rather than a parameter: the value is
            then that of a training of the full length, and early stopping may end bad ones earlier.
        confirmation_repeats: trainings of the recommended settings, and as many of the paper's, that
            check a finished study.

    Raises:
        ObjectiveError: a setting out of its range.
    """

    def __init__(
        self,
        *,
        schedule: str = "paper",
        ks_target: float = 0.05,
        penalty: float | None = 5.0,
        device: str = "auto",
        n_threads: int = 1,
        iterations_as_fidelity: bool = False,
        confirmation_repeats: int = 3,
    ) -> None:
        if schedule not in SCHEDULES:
            raise ObjectiveError(f"pivot-toy: schedule={schedule!r}; choose one of {', '.join(SCHEDULES)}")
        if not isinstance(ks_target, int | float) or not 0.0 < ks_target <= 1.0:
            raise ObjectiveError(f"pivot-toy: ks_target={ks_target!r}; give a distance above 0, at most 1")
        if penalty is not None and (not isinstance(penalty, int | float) or not 0.0 <= penalty < math.inf):
            raise ObjectiveError(f"pivot-toy: penalty={penalty!r}; give a number, 0 or more, or null")
        if isinstance(n_threads, bool) or not isinstance(n_threads, int) or n_threads < 1:
            raise ObjectiveError(f"pivot-toy: n_threads={n_threads!r}; give a whole number, 1 or more")
        if (
            isinstance(confirmation_repeats, bool)
            or not isinstance(confirmation_repeats, int)
            or confirmation_repeats < 2
        ):
            raise ObjectiveError(
                f"pivot-toy: confirmation_repeats={confirmation_repeats!r}; give a whole number, 2 or more, "
                "for fewer have no spread"
            )
        if not isinstance(device, str) or not device:
            raise ObjectiveError(f"pivot-toy: device={device!r}; write auto, cpu, cuda, …")
        if not isinstance(iterations_as_fidelity, bool):
            raise ObjectiveError(
                f"pivot-toy: iterations_as_fidelity={iterations_as_fidelity!r}; write true or false"
            )
        self.schedule_name = schedule
        self.ks_target = float(ks_target)
        self.penalty = penalty
        self.device = device
        self.n_threads = n_threads
        self.confirmation_repeats = confirmation_repeats
        self.iterations_as_fidelity = iterations_as_fidelity
        self.problem = self._problem()

    def _problem(self) -> Problem:
        space, fidelity = SPACES[self.schedule_name], None
        if self.iterations_as_fidelity:
            fidelity = FIDELITIES[self.schedule_name]
            space = Space({name: each for name, each in space.dimensions.items() if name != fidelity.name})
        if self.penalty is None:
            bound = f"ks <= {self.ks_target!r}"
            return Problem(space, objectives={"L_f": "min"}, constraints=[bound], fidelity=fidelity)
        return Problem(space, objectives={"loss": "min"}, fidelity=fidelity)

    def requirements(self) -> dict[str, str]:
        """Return the module that training needs (see ``HasRequirements``)."""
        return {"torch": "smbo[torch]"}

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Outcome:
        """Train once, reporting the value after every tenth of the turns, and return the outcome.

        Raises:
            EvaluationFailed: the training diverged.
        """
        trained = self.train(params, context)
        return Outcome(metrics=self._metrics(trained.history[-1]))

    def train(self, params: Mapping[str, Any], context: Context) -> Training:
        """Return the training of a point and a seed, up to the context's fidelity if there is one."""
        point = dict(params)
        if context.fidelity is not None:
            point["iterations"] = int(context.fidelity)
        settings = Settings(**{name: point[name] for name in PAPER_POINT})

        def report(measured: Measured) -> None:
            metrics = self._metrics(measured)
            context.report(float(measured.iteration), metrics[self.problem.value_name])

        def keep(state: Checkpoint) -> None:
            if context.folder is not None:
                checkpoint.save(state, context.folder)

        device = training.choose_device(self.device)
        schedule = SCHEDULES[self.schedule_name]
        start = checkpoint.load(context.checkpoint, device)
        with training.threads(self.n_threads):
            return training.train(settings, schedule, context.seed, device, report, start, keep)

    def _metrics(self, measured: Measured) -> dict[str, float]:
        if not math.isfinite(measured.loss_f + measured.loss_r):
            raise EvaluationFailed("diverged")
        metrics = {"L_f": measured.loss_f, "L_r": measured.loss_r, "ks": measured.ks}
        if self.penalty is not None:
            metrics["loss"] = measured.loss_f + self.penalty * max(0.0, measured.ks - self.ks_target)
        return metrics

    def confirmation(self) -> Confirmation:
        """Return the check of a recommendation: against the paper's settings, clipped to the space."""
        known = self.problem.space.dimensions
        baseline = {
            name: min(value, getattr(known[name], "high", value))
            for name, value in PAPER_POINT.items()
            if name in known
        }
        fidelity = self.problem.fidelity
        return Confirmation(
            baseline=baseline,
            baseline_name="paper's settings",
            fidelity=None if fidelity is None else fidelity.high,
            repeats=self.confirmation_repeats,
        )

    def figures(
        self, folder: Path, results: Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
    ) -> list[Figure]:
        """Train the recommended settings once more, and draw the scores at three values of z."""
        from smbo_objectives.pivot_toy import drawing

        params = results["recommended"][0][0]
        fidelity = self.problem.fidelity
        context = Context(seed=0, fidelity=None if fidelity is None else fidelity.high)
        trained = self.train(params, context)
        return [drawing.pivot(trained, self.ks_target, training.choose_device(self.device), folder)]
