"""Figures of a study, drawn with matplotlib's object interface, which is loaded on first use.

Nothing here touches matplotlib.pyplot or keeps global state: a figure can be drawn in any thread
and without a screen.  Names are drawn as plain text: a dollar sign in a name does not start a formula.
"""

from smbo.plots.contours import contour_figures
from smbo.plots.fronts import front_figure, hypervolume_figure
from smbo.plots.history import convergence_figure
from smbo.plots.pairs import pairs_figure
from smbo.plots.slices import slices_figure
from smbo.plots.style import save, shorten

__all__ = [
    "contour_figures",
    "convergence_figure",
    "front_figure",
    "hypervolume_figure",
    "pairs_figure",
    "save",
    "shorten",
    "slices_figure",
]
