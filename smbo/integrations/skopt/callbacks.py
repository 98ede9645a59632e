"""Callbacks of scikit-optimize: called with the result so far; a true value ends the search."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def check_callback(callback: Any) -> list[Callable[[Any], Any]]:
    """Return callbacks as a list.

    Raises:
        ValueError: one cannot be called.
    """
    if callback is None:
        return []
    found = list(callback) if isinstance(callback, list | tuple) else [callback]
    for each in found:
        if not callable(each):
            raise ValueError(f"callback should be either a callable or a list of callables, got {each!r}")
    return found


class VerboseCallback:
    """Print each evaluation with its time and the best value."""

    def __init__(self, n_total: int, n_init: int = 0, n_random: int = 0) -> None:
        self.n_total, self.n_init, self.n_random = n_total, n_init, n_random
        self.iter_no, self._start = 0, time.perf_counter()

    def __call__(self, res: Any) -> None:
        self.iter_no += 1
        spent, self._start = time.perf_counter() - self._start, time.perf_counter()
        kind = "given" if self.iter_no <= self.n_init else "random"
        kind = kind if self.iter_no <= self.n_init + self.n_random else "proposed"
        print(
            f"{self.iter_no} of {self.n_total} ({kind} point): value {res.func_vals[-1]:.6g}, "
            f"best {res.fun:.6g}, {spent:.3f} s"
        )


class TimerCallback:
    """Keep the time between two evaluations' ends.

    Attributes:
        iter_time: seconds, one for each evaluation.
    """

    def __init__(self) -> None:
        self._time = time.perf_counter()
        self.iter_time: list[float] = []

    def __call__(self, res: Any) -> None:  # noqa: ARG002 - of the interface
        now = time.perf_counter()
        self.iter_time.append(now - self._time)
        self._time = now


class EarlyStopper:
    """Base of callbacks that end a search where ``_criterion(result)`` is true; None: it cannot be said."""

    def __call__(self, result: Any) -> bool | None:
        return self._criterion(result)

    def _criterion(self, result: Any) -> bool | None:
        raise NotImplementedError


class DeltaXStopper(EarlyStopper):
    """End where the last two points are nearer than delta."""

    def __init__(self, delta: float) -> None:
        self.delta = delta

    def _criterion(self, result: Any) -> bool | None:
        if len(result.x_iters) < 2:
            return None
        return bool(result.space.distance(result.x_iters[-2], result.x_iters[-1]) < self.delta)


class DeltaYStopper(EarlyStopper):
    """End where the n_best lowest values are within delta."""

    def __init__(self, delta: float, n_best: int = 5) -> None:
        self.delta, self.n_best = delta, n_best

    def _criterion(self, result: Any) -> bool | None:
        if len(result.func_vals) < self.n_best:
            return None
        lowest = np.sort(result.func_vals)
        return bool(lowest[self.n_best - 1] - lowest[0] < self.delta)


class HollowIterationsStopper(EarlyStopper):
    """End where the last n_iterations together improved the best value by no more than threshold."""

    def __init__(self, n_iterations: int, threshold: float = 0) -> None:
        self.n_iterations, self.threshold = n_iterations, abs(threshold)

    def _criterion(self, result: Any) -> bool | None:
        if len(result.func_vals) <= self.n_iterations:
            return False
        before = float(np.min(result.func_vals[: -self.n_iterations]))
        return bool(before - float(np.min(result.func_vals)) <= self.threshold)


class DeadlineStopper(EarlyStopper):
    """End before total_time seconds are over, if the next evaluation takes as long as the longest so far."""

    def __init__(self, total_time: float) -> None:
        self._time, self.total_time = time.perf_counter(), total_time
        self.iter_time: list[float] = []

    def _criterion(self, result: Any) -> bool | None:
        now = time.perf_counter()
        if result.x_iters:
            self.iter_time.append(now - self._time)
            self._time = now
            return float(np.max(self.iter_time)) >= self.total_time - sum(self.iter_time)
        return None


class ThresholdStopper(EarlyStopper):
    """End once a value is at most ``threshold``."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def _criterion(self, result: Any) -> bool | None:
        return bool(np.any(np.asarray(result.func_vals) <= self.threshold))


class StdStopper(EarlyStopper):
    """End where the model's standard deviation at the last point is below threshold."""

    def __init__(self, threshold: float, log_interval: int = 10) -> None:
        self.threshold, self.log_interval = threshold, log_interval

    def _criterion(self, result: Any) -> bool | None:
        if not result.models:
            return None
        _, std = result.models[-1].at([result.x_iters[-1]], return_std=True)
        return bool(std[0] < self.threshold)


class CheckpointSaver:
    """Keep the result in a file after each evaluation, by ``dump``; ``load`` returns how to go on."""

    def __init__(self, checkpoint_path: Any, **dump_options: Any) -> None:
        self.checkpoint_path, self.dump_options = checkpoint_path, dump_options

    def __call__(self, res: Any) -> None:
        from smbo.integrations.skopt.utils import dump

        dump(res, self.checkpoint_path, **self.dump_options)

    def load(self) -> dict[str, Any]:
        """Return x0, y0 and base_estimator of the kept result, for a minimise function."""
        from smbo.integrations.skopt.utils import load

        kept = load(self.checkpoint_path)
        estimator = kept.specs.get("args", {}).get("base_estimator")
        return {"x0": kept.x_iters, "y0": list(kept.func_vals), "base_estimator": estimator}
