"""The settings of Pythia that can be tuned, and the named spaces made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smbo.problem import ObjectiveError
from smbo.space import Real, Space

__all__ = ["PARAMETERS", "SPACES", "Parameter", "default_point", "named_space"]


@dataclass(frozen=True)
class Parameter:
    """One setting of the generator.

    Attributes:
        setting: Pythia's name of the setting.
        default: value in the Monash 2013 tune (arXiv:1404.5630), Pythia's default.
        low, high: the range of Pythia's settings database; ``readString`` refuses anything outside
            and keeps the old value.
    """

    setting: str
    default: float
    low: float
    high: float


def _parameters(group: str, **figures: tuple[float, float, float]) -> dict[str, Parameter]:
    return {name: Parameter(f"{group}:{name}", *entry) for name, entry in figures.items()}


# Defaults and ranges read from the settings database of Pythia 8.317.
PARAMETERS: Mapping[str, Parameter] = {
    **_parameters(
        "TimeShower", alphaSvalue=(0.1365, 0.06, 0.25), pTmin=(0.5, 0.1, 2.0), pTminChgQ=(0.5, 0.1, 2.0)
    ),
    **_parameters(
        "StringPT", sigma=(0.335, 0.0, 1.0), enhancedFraction=(0.01, 0.0, 1.0), enhancedWidth=(2.0, 1.0, 10.0)
    ),
    **_parameters(
        "StringZ",
        aLund=(0.68, 0.0, 2.0),
        bLund=(0.98, 0.2, 2.0),
        aExtraSQuark=(0.0, -1.0, 2.0),
        aExtraDiquark=(0.97, 0.0, 2.0),
        rFactC=(1.32, 0.0, 2.0),
        rFactB=(0.855, 0.0, 2.0),
    ),
    **_parameters(
        "StringFlav",
        probStoUD=(0.217, 0.0, 1.0),
        probQQtoQ=(0.081, 0.0, 1.0),
        probSQtoQQ=(0.915, 0.0, 1.0),
        probQQ1toQQ0=(0.0275, 0.0, 1.0),
        etaSup=(0.60, 0.0, 1.0),
        etaPrimeSup=(0.12, 0.0, 1.0),
        decupletSup=(1.0, 0.0, 1.0),
        mesonUDvector=(0.50, 0.0, 3.0),
        mesonSvector=(0.55, 0.0, 3.0),
        mesonCvector=(0.88, 0.0, 3.0),
        mesonBvector=(2.20, 0.0, 3.0),
        popcornRate=(0.5, 0.0, 2.0),
    ),
}

# Ranges of arXiv:1610.08328, which tunes in three blocks.
_SHOWER = {"alphaSvalue": (0.06, 0.25), "pTmin": (0.1, 2.0), "pTminChgQ": (0.1, 2.0)}
_FRAGMENTATION = {
    "sigma": (0.0, 1.0),
    "bLund": (0.2, 2.0),
    "aExtraSQuark": (0.0, 2.0),
    "aExtraDiquark": (0.0, 2.0),
    "rFactC": (0.0, 2.0),
    "rFactB": (0.0, 2.0),
}
_FLAVOUR = {
    "probStoUD": (0.001, 1.0),
    "probQQtoQ": (0.001, 1.0),
    "probSQtoQQ": (0.001, 1.0),
    "probQQ1toQQ0": (0.001, 1.0),
    "etaSup": (0.001, 1.0),
    "etaPrimeSup": (0.001, 1.0),
    "decupletSup": (0.001, 1.0),
    "mesonUDvector": (0.001, 3.0),
    "mesonSvector": (0.001, 3.0),
    "mesonCvector": (0.001, 3.0),
    "mesonBvector": (0.001, 3.0),
}

SPACES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "ee3": _SHOWER,
    # the six of arXiv:2505.11675, over Pythia's own ranges
    "ee6": {
        "aLund": (0.0, 2.0),
        "bLund": (0.2, 2.0),
        "probStoUD": (0.0, 1.0),
        "probQQtoQ": (0.0, 1.0),
        "alphaSvalue": (0.06, 0.25),
        "pTmin": (0.1, 2.0),
    },
    # parameters that a person would tune by hand, over plausible ranges
    "ee6n": {
        "alphaSvalue": (0.11, 0.16),
        "aLund": (0.2, 1.2),
        "bLund": (0.5, 1.5),
        "sigma": (0.2, 0.5),
        "probStoUD": (0.10, 0.35),
        "probQQtoQ": (0.04, 0.14),
    },
    "ee20": {**_SHOWER, **_FRAGMENTATION, **_FLAVOUR},
}


def named_space(name: str) -> Space:
    """Return the space of that name.

    Raises:
        ObjectiveError: there is no space of that name.
    """
    if not isinstance(name, str) or name not in SPACES:
        raise ObjectiveError(f"pythia-ee: space is {name!r}; write one of {sorted(SPACES)}")
    return Space({key: Real(low, high) for key, (low, high) in SPACES[name].items()})


def default_point(names: Iterable[str]) -> dict[str, float]:
    """Return the default tune's values of those parameters."""
    return {name: PARAMETERS[name].default for name in names}
