"""The level-set part of a report: headline, key figures, figures, and contour points as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from smbo.analysis.contours import BAND, Contour
from smbo.history.table import plain
from smbo.plots import contour_figures, save
from smbo.problem import Figure
from smbo.problem.level_set import LevelSet
from smbo.trial import Trial

_LINES_CAPTION = (
    "Where each function equals its level. Line: the function is above and below its level with equal "
    f"probability. Band: the probability of being above is between {100 * BAND[0]:.0f} and "
    f"{100 * BAND[1]:.0f} %, one standard deviation to either side. Dots: evaluations."
)
_PAIRS_CAPTION = (
    "Probability that the function is above its level, averaged over all parameters but the two of a "
    "panel. Dots: evaluations."
)


def level_set_text(level_set: LevelSet) -> str:
    """Return the levels of a level set as text, such as "where a = 0.05, b = 120"."""
    return "where " + ", ".join(
        f"{name} = {level:g}" for name, level in zip(level_set.names, level_set.levels)
    )


def contour_headline(level_set: LevelSet, contour: Contour | None) -> tuple[str, str]:
    """Return a sentence on the uncertainty of the contours, and one on the data that it is estimated from."""
    if contour is None:
        return (
            "There are too few evaluations for a contour yet.",
            "Fewer than two evaluations are complete; failed evaluations and their reasons are listed below.",
        )
    worst = max(contour.misclassified, key=lambda name: contour.misclassified[name])
    wrong = _percent(contour.misclassified[worst])
    of = f" ({worst})" if len(contour.names) > 1 else ""
    tolerance = level_set.tolerance
    met = ""
    if tolerance is not None:
        met = f" The tolerance of {_percent(tolerance)} is {'met' if contour.is_done else 'not met'}."
    return (
        f"{wrong} of the space is expected to be on the wrong side of the contour{of}.{met}",
        f"Level set: {level_set_text(level_set)}. The estimate is from "
        f"{contour.n_evaluations} evaluations, by all models that they make likely, and allows for structure "
        "between evaluations that none has shown.",
    )


def contour_cards(contour: Contour | None) -> list[tuple[str, str, str]]:
    """Return (label, figure, remark) for the row of key figures."""
    if contour is None:
        return []
    return [
        (
            f"{name} > {level:g}",
            f"{_percent(contour.volume_above[name])} of the space",
            f"{_percent(contour.misclassified[name])} expected on the wrong side, "
            f"{_percent(contour.band[name])} within the band",
        )
        for name, level in zip(contour.names, contour.level_set.levels)
    ]


def draw_contours(folder: Path, contour: Contour | None, trials: Sequence[Trial]) -> list[Figure]:
    """Draw contours into a folder and return the figures."""
    if contour is None:
        return []
    drawn = []
    for stem, figure in contour_figures(contour, trials):
        save(figure, folder / stem)
        is_lines = stem == "contour"
        title = (
            "The contour"
            if is_lines
            else f"Where {contour.names[int(stem.rpartition('-')[2])]} is above its level"
        )
        drawn.append(Figure(folder / stem, title, _LINES_CAPTION if is_lines else _PAIRS_CAPTION))
    return drawn


def contour_json(contour: Contour) -> str:
    """Return points of each contour with their standard deviations as a JSON object by function."""
    found = {
        name: {
            "level": level,
            "expected_wrong": contour.misclassified[name],
            "points": [
                {key: plain(value) for key, value in point.items()} for point in contour.points(name, 400)
            ],
        }
        for name, level in zip(contour.names, contour.level_set.levels)
    }
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
