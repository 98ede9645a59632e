"""A tune in words and lines, for people to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smbo.report.wording import number, plus_minus
from smbo.tuning import AutomaticWeights, SlopeCheck, Tune

# A mean squared pull that a tune to the observable alone should reach: twice what errors would make it.
HOPELESS = 2.0


def level_text(tune: Tune) -> str:
    """Return what one standard deviation stands for."""
    ratio = f"χ²/ndf = {tune.chi2:.1f}/{tune.ndf:.1f} = {tune.chi2 / tune.ndf:.2f}"
    how = {
        "pdg": "max(1, χ²/ndf): the scale factor of the Particle Data Group",
        "residuals": "χ²/ndf: the errors are taken to be as large as the residuals say",
    }.get(str(tune.settings.level), "as asked for")
    return f"{ratio}; one standard deviation is a rise by Δχ² = {tune.level:.3g} ({how})"


def remarks_of(tune: Tune) -> list[str]:
    """Return what a reader must know of single parameters, and of what was left out."""
    lines = []
    for each in tune.parameters:
        if each.bound:
            lines.append(
                f"{each.name} ends on the {each.bound} bound of its range: the range decided there, "
                "not the data"
            )
        if not each.is_constrained:
            lines.append(
                f"{each.name} is not constrained by these data: its error is about that of a flat "
                "distribution over the range"
            )
    if tune.statistic.left_out:
        lines.append(
            f"{', '.join(tune.statistic.left_out)}: left out of χ², being the same measurement as another "
            "observable there"
        )
    cut = [str(number) for number, each in enumerate(tune.eigentunes, 1) if each.is_cut]
    if cut:
        lines.append(f"eigentunes cut at the bounds of the ranges: {', '.join(cut)}")
    return lines


def tune_lines(tune: Tune, baseline: Mapping[str, Any] | None = None, name: str = "default") -> list[str]:
    """Return a tune as lines of text."""
    width = max((len(each.name) for each in tune.parameters), default=0)
    lines = [f"tune: {level_text(tune)}"]
    for each in tune.parameters:
        parts = ", ".join(f"{key} {number(value, 2)}" for key, value in each.parts.items())
        mark = " ⚠ on a bound" if each.bound else ""
        mark += "" if each.is_constrained else "  not constrained"
        beside = ""
        if baseline and isinstance(baseline.get(each.name), int | float):
            beside = f"  {name} {number(float(baseline[each.name]))}"
        lines.append(f"  {each.name:<{width}}  {plus_minus(each.value, each.error)}  ({parts}){beside}{mark}")
    others = {key: value for key, value in tune.params.items() if key not in tune.names}
    lines += [f"  {key:<{width}}  {number(value)}  (chosen, not fitted)" for key, value in others.items()]
    for choice, lowest in tune.alternatives:
        said = ", ".join(f"{key} = {value}" for key, value in choice.items())
        lines.append(f"  lowest expected χ² with {said}: {lowest:.1f}")
    return lines


def slope_lines(found: Sequence[SlopeCheck], events: int) -> list[str]:
    """Return in lines how the simulator's slopes compare with the model's."""
    lines = [
        f"slopes at the tune, {events} events reweighted, in units of the model's (1: as the errors say)"
    ]
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        said = f"not known: {each.reason}" if each.reason else plus_minus(each.ratio, each.error)
        lines.append(f"  {each.name:<{width}}  {said}")
    return lines


def weights_text(found: AutomaticWeights) -> str:
    """Return by which rule weights were found, and what they cannot mend."""
    how = {
        "robust": "An observable whose mean squared pull exceeds 1 has the inverse of that for its weight: "
        "its errors count as underestimated by its own scale factor.",
        "bilevel": "The weights are those whose tune has the lowest portfolio score, mean plus standard "
        "deviation of the mean squared pulls over the observables.",
    }[found.method]
    hopeless = [name for name, square in found.alone.items() if square > HOPELESS]
    tail = ""
    if hopeless:
        tail = (
            f" No setting within the ranges describes {', '.join(hopeless)}: a tune to it alone leaves a "
            f"mean squared pull above {HOPELESS:g}."
        )
    return f"{how} {found.n_fits} fits of the model, no evaluation.{tail}"


def weight_lines(found: AutomaticWeights) -> list[str]:
    """Return automatic weights as lines of text, the lowest first."""
    width = max(map(len, found.weights))
    before = found.equal.params
    moved = ", ".join(
        f"{each.name} {number(float(before[each.name]))} → {number(each.value)}"
        for each in found.tune.parameters
        if each.name in before
    )
    lines = [f"automatic weights ({found.method}): {weights_text(found)}"]
    for name, weight in sorted(found.weights.items(), key=lambda pair: pair[1]):
        lines.append(f"  {name:<{width}}  {weight:.3g}  (tuned to it alone: {found.alone[name]:.2f})")
    return [*lines, f"  they move {moved}"]
