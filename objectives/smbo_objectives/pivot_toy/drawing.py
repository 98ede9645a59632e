"""Figure of a training: distributions of the scores at three values of z, before and after the adversary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smbo.problem import Figure
from smbo_objectives.pivot_toy import networks, toy
from smbo_objectives.pivot_toy.training import Training

_N_SAMPLES = 100_000
_COLOURS = {-1.0: "#2b5c8a", 0.0: "#7a7a7a", 1.0: "#c1272d"}


def pivot(training: Training, ks_target: float, device: str, folder: Path) -> Figure:
    """Draw score distributions at z = -1, 0, 1 before and after the turns, and the losses during them."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(13.0, 4.2), layout="constrained")
    before, after, losses = figure.subplots(1, 3)
    for axis, f, title in (
        (before, training.pretrained, "classifier alone"),
        (after, training.final, "after the adversary"),
    ):
        _scores(axis, f, device)
        axis.set_title(title)
        axis.set_xlabel("score f(x)")
    before.set_ylabel("probability density")
    before.legend(frameon=False)
    _history(losses, training, ks_target)
    stem = folder / "pivot_scores"
    figure.savefig(stem.with_suffix(".png"), dpi=150)
    figure.savefig(stem.with_suffix(".pdf"))
    first, last = training.history[0], training.history[-1]
    return Figure(
        stem=stem,
        title="The classifier before and after its adversary",
        caption="Distribution of the score at three values of the nuisance parameter, for one training "
        f"with the recommended settings: distance between z = -1 and z = +1 {first.ks:.3f} before and "
        f"{last.ks:.3f} after; classification loss {first.loss_f:.3f} and {last.loss_f:.3f}. "
        "Right: how both went with the turns.",
    )


def _scores(axis: Any, f: networks.Parameters, device: str) -> None:
    import torch

    rng = np.random.default_rng(0)
    edges = np.linspace(0.0, 1.0, 51)
    for z, colour in _COLOURS.items():
        x = torch.from_numpy(toy.draw(_N_SAMPLES, rng, z=z).x).to(device)
        with torch.no_grad():
            scores = networks.score(f, x).cpu().numpy()[:, 0]
        density, _ = np.histogram(scores, edges, density=True)
        axis.stairs(density, edges, color=colour, linewidth=1.5, label=f"z = {z:+g}" if z else "z = 0")
    axis.set_xlim(0.0, 1.0)


def _history(axis: Any, training: Training, ks_target: float) -> None:
    iterations = [m.iteration for m in training.history]
    axis.plot(iterations, [m.loss_f for m in training.history], "o-", color="#222222", label="$L_f$")
    axis.plot(
        iterations, [m.ks for m in training.history], "s-", color="#c1272d", label="KS distance, z = ±1"
    )
    axis.axhline(ks_target, color="#c1272d", linestyle=":", label="target of the distance")
    axis.set_ylim(0.0, None)
    axis.set_xlabel("turn")
    axis.legend(frameon=False, loc="center right")
