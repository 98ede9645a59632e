"""Initial designs by scikit-optimize's names: each with ``generate`` alone."""

from __future__ import annotations

from typing import Any

from sklearn.utils import check_random_state

from smbo.integrations.skopt.space import Space
from smbo.space.designs import design_rows


class InitialPointGenerator:
    """A design of points, for ``initial_point_generator``."""

    name = "random"
    _design = "random"

    def generate(self, dimensions: Any, n_samples: int, random_state: Any = None) -> list[list[Any]]:
        """Return n_samples points of the design."""
        space = Space(dimensions)
        own = space.as_ours()
        seed = int(check_random_state(random_state).randint(0, 2**31 - 1))
        rows = design_rows(self._design, len(own.axes), seed, 0, n_samples)
        return [space.from_ours(each) for each in own.from_unit(rows)]


class Sobol(InitialPointGenerator):
    """Sobol points, scrambled."""

    name = _design = "sobol"


class Halton(InitialPointGenerator):
    """Halton points, scrambled."""

    name = _design = "halton"


class Hammersly(Halton):
    """Our Halton points: Hammersley's spread as evenly, and need the number of points beforehand."""

    name = "hammersly"


class Lhs(InitialPointGenerator):
    """Latin hypercubes of 16 points, one after another."""

    name = _design = "lhs"


class Grid(Sobol):
    """Our Sobol points, which spread as evenly as a grid for any number of points."""

    name = "grid"
