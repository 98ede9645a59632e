"""The settings of Pythia that shape soft pp collisions, and the conditional space made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smbo.space import Categorical, Real, Space

__all__ = ["DEFAULTS", "SETTINGS", "minimum_bias_space"]

# By parameter: Pythia's setting and its default, the Monash 2013 tune (arXiv:1404.5630), read from the
# settings database of Pythia 8.317.
_KNOWN: Mapping[str, tuple[str, float]] = {
    "pT0Ref": ("MultipartonInteractions:pT0Ref", 2.28),
    "ecmPow": ("MultipartonInteractions:ecmPow", 0.215),
    "alphaSvalue": ("MultipartonInteractions:alphaSvalue", 0.130),
    "bProfile": ("MultipartonInteractions:bProfile", 3),
    "expPow": ("MultipartonInteractions:expPow", 1.85),
    "coreRadius": ("MultipartonInteractions:coreRadius", 0.4),
    "coreFraction": ("MultipartonInteractions:coreFraction", 0.5),
    "range": ("ColourReconnection:range", 1.8),
}
SETTINGS: Mapping[str, str] = {name: setting for name, (setting, _) in _KNOWN.items()}
DEFAULTS: Mapping[str, float] = {name: default for name, (_, default) in _KNOWN.items()}

OVERLAP, DOUBLE_GAUSSIAN = 3, 2  # values of bProfile


def minimum_bias_space(n_energies: int) -> Space:
    """Return the space of a minimum-bias tune, conditional on the matter profile.

    ``ecmPow``, the power of pT0 in the energy, is a parameter only with data of two energies or more.
    """
    dimensions: dict[str, Any] = {
        "pT0Ref": Real(1.8, 2.8),
        "alphaSvalue": Real(0.10, 0.15),
        "range": Real(0.5, 6.0),
        "bProfile": Categorical((OVERLAP, DOUBLE_GAUSSIAN)),
        "expPow": Real(1.0, 3.0, active_when=f"bProfile == {OVERLAP}"),
        "coreRadius": Real(0.3, 0.8, active_when=f"bProfile == {DOUBLE_GAUSSIAN}"),
        "coreFraction": Real(0.2, 0.8, active_when=f"bProfile == {DOUBLE_GAUSSIAN}"),
    }
    if n_energies > 1:
        dimensions["ecmPow"] = Real(0.15, 0.30)
    return Space(dimensions)
