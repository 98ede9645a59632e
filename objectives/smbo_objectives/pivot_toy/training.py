"""Adversarial training (arXiv:1611.01046): pretrain classifier and adversary, then train both in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smbo_objectives.pivot_toy import networks, toy
from smbo_objectives.pivot_toy.checkpoint import Checkpoint
from smbo_objectives.pivot_toy.networks import Parameters, Tensor

Tensors: TypeAlias = tuple[Tensor, ...]


@dataclass(frozen=True)
class Schedule:
    """Fixed settings of a training, beside the tuned ones.

    Attributes:
        n_train, n_validation: numbers of samples.
        classifier_epochs, classifier_batch, adversary_epochs: of the pre-training.
        pretraining_rate: learning rate of both pre-trainings.
        batch: size of the batches of the adversary and of the turns.
        n_ks: number of samples at each of z = ±1 for the final distance.
        n_reports: number of intermediate values of a training.
    """

    n_train: int
    n_validation: int
    classifier_epochs: int
    classifier_batch: int
    adversary_epochs: int
    pretraining_rate: float
    batch: int
    n_ks: int
    n_reports: int


@dataclass(frozen=True)
class Settings:
    """The tuned settings; see ``objective.SPACES``."""

    lam: float
    lr_f: float
    lr_r: float
    r_steps: int
    iterations: int
    width_f: int
    width_r: int


@dataclass(frozen=True)
class Measured:
    """State of a training: losses on the validation sample, KS distance of the scores at z = ±1."""

    iteration: int
    loss_f: float
    loss_r: float
    ks: float


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training.

    Attributes:
        pretrained, final: classifiers before and after the turns with the adversary.
        history: losses and distances before, during and after the turns.
    """

    pretrained: Parameters
    final: Parameters
    history: list[Measured] = field(default_factory=list)


def choose_device(device: str) -> str:
    """Return the device's name; for "auto", the GPU if there is one."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Limit torch to n threads in the block: networks of this size are not faster with more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    settings: Settings,
    schedule: Schedule,
    seed: int,
    device: str,
    report: Callable[[Measured], None],
    start: Checkpoint | None = None,
    keep: Callable[[Checkpoint], None] | None = None,
) -> Training:
    """Return the training of one seed: the same seed, device and torch version give the same numbers.

    Args:
        start: checkpoint of a training with these settings and fewer iterations; the result is bit for bit
            that of an uninterrupted training.
        keep: function called at the end with the checkpoint.
    """
    import torch

    rng = np.random.default_rng(seed)
    # no graph is recorded except in step_pivot
    with torch.no_grad():
        sample = _on_device(toy.draw(schedule.n_train, rng), device)
        validation = _Validation(schedule, rng, device)
        stream = _Stream(sample, schedule.batch, rng)
        if start is None:
            f = networks.classifier(settings.width_f, rng, device)
            r = networks.adversary(settings.width_r, rng, device)
            _pretrain(f, r, sample, schedule, rng)
            training = Training([parameter.clone() for parameter in f], f, [validation.measure(0, f, r)])
        else:
            f, r = start.f, start.r
            training = Training(start.pretrained, f, [_measured(row) for row in start.history])
            stream.restore(start)
        done = training.history[-1].iteration
        every = max(1, settings.iterations // schedule.n_reports)
        for iteration in range(done + 1, settings.iterations + 1):
            _turn(f, r, stream, settings)
            if iteration % every == 0 or iteration == settings.iterations:
                measured = validation.measure(iteration, f, r)
                training.history.append(measured)
                report(measured)
        if keep is not None:
            history = np.array([(m.iteration, m.loss_f, m.loss_r, m.ks) for m in training.history])
            keep(Checkpoint(training.pretrained, f, r, stream.random_state, stream.rows_left, history))
    return training


def _measured(row: NDArray[np.float64]) -> Measured:
    iteration, loss_f, loss_r, ks = (float(number) for number in row)
    return Measured(int(iteration), loss_f, loss_r, ks)


def _pretrain(
    f: Parameters, r: Parameters, sample: Tensors, schedule: Schedule, rng: np.random.Generator
) -> None:
    """Train f on the labels, then r on the scores of f."""
    x, y, z = sample
    rate = schedule.pretraining_rate
    for xs, ys in _epochs((x, y), schedule.classifier_batch, schedule.classifier_epochs, rng):
        networks.step_classifier(f, xs, ys, rate)
    for ss, zs in _epochs((networks.score(f, x), z), schedule.batch, schedule.adversary_epochs, rng):
        networks.step_adversary(r, ss, zs, rate)


def _turn(f: Parameters, r: Parameters, stream: _Stream, settings: Settings) -> None:
    """Take one step of f against r, then r_steps of r."""
    networks.step_pivot(f, r, stream.take(1), settings.lam, settings.lr_f)
    x, _, z = stream.take(settings.r_steps)
    # f is fixed while r is trained, so all of its scores are computed at once
    for ss, zs in zip(networks.score(f, x).split(stream.size), z.split(stream.size), strict=True):
        networks.step_adversary(r, ss, zs, settings.lr_r)


class _Stream:
    """Endless batches: each epoch passes over the sample in a new random order."""

    def __init__(self, sample: Tensors, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self._sample = sample
        self._rng = rng
        self._left = np.empty(0, dtype=np.int64)

    @property
    def random_state(self) -> dict[str, Any]:
        """State of the random-number generator, plain JSON values."""
        return dict(self._rng.bit_generator.state)

    @property
    def rows_left(self) -> NDArray[np.int64]:
        """Rows of the current epoch that are not taken yet."""
        return self._left

    def restore(self, start: Checkpoint) -> None:
        """Continue as the stream of an interrupted training on the same sample."""
        self._rng.bit_generator.state = start.random_state
        self._left = start.rows_left

    def take(self, n_batches: int) -> Tensors:
        """Return the rows of the next n_batches, shape (n_batches * size, …) each."""
        wanted = n_batches * self.size
        while len(self._left) < wanted:
            self._left = np.concatenate([self._left, self._rng.permutation(len(self._sample[0]))])
        rows, self._left = self._left[:wanted], self._left[wanted:]
        return tuple(column[_index(rows, column)] for column in self._sample)


def _epochs(
    columns: Tensors, size: int, n_epochs: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the batches of n_epochs passes, each in a new random order and gathered at once."""
    for _ in range(n_epochs):
        order = _index(rng.permutation(len(columns[0])), columns[0])
        yield from zip(*(column[order].split(size) for column in columns), strict=True)


class _Validation:
    """Samples that a training is measured on: a validation sample, and points at z = ±1."""

    def __init__(self, schedule: Schedule, rng: np.random.Generator, device: str) -> None:
        self._x, self._y, self._z = _on_device(toy.draw(schedule.n_validation, rng), device)
        self._below = _on_device(toy.draw(schedule.n_ks, rng, z=-1.0), device)[0]
        self._above = _on_device(toy.draw(schedule.n_ks, rng, z=1.0), device)[0]

    def measure(self, iteration: int, f: Parameters, r: Parameters) -> Measured:
        """Return losses and distance after an iteration."""
        return Measured(
            iteration=iteration,
            loss_f=float(networks.classifier_loss(f, self._x, self._y)),
            loss_r=float(networks.adversary_loss(r, networks.score(f, self._x), self._z)),
            ks=toy.ks_distance(
                networks.score(f, self._below).cpu().numpy()[:, 0],
                networks.score(f, self._above).cpu().numpy()[:, 0],
            ),
        )


def _on_device(sample: toy.Sample, device: str) -> Tensors:
    """Return x, y, z as tensors that stay on the device for the whole training."""
    import torch

    return tuple(torch.from_numpy(column).to(device) for column in (sample.x, sample.y, sample.z))


def _index(rows: NDArray[np.int64], like: Tensor) -> Tensor:
    import torch

    return torch.from_numpy(rows).to(like.device)
