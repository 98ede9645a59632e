"""Former names in stored studies, and the present ones: the one table of renamed things.

A study that was stored under former names opens and continues; everything written has the present ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# keys of a problem, and of a job file, at their top level
KEYS = {"stopping": "early_stopping", "enough": "termination", "earlier": "transfer"}

# classes of a recipe's parts
CLASSES = {
    "OfTrends": "TrendSelection",
    "TrendedGP": "UniversalKriging",
    "CurveGP": "MultiFidelityGP",
    "OfKernels": "KernelSelection",
    "PerCost": "ExpectedImprovementPerCost",
    "Portfolio": "GPHedge",
    "RandomScalarisation": "RandomScalarization",
    "SeveralGP": "ModelListGP",
    "VectorGP": "CompositeGP",
}

# modules of parts that are stored as they print, since they have no public name
MODULES = {
    "smbo.surrogates.trends": "smbo.surrogates.gp.trend_selection",
    "smbo.surrogates.trended": "smbo.surrogates.gp.universal_kriging",
}

# settings of a recipe's parts
SETTINGS = {"restless_after": "exploration_after"}


def with_new_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored problem or job with the present keys."""
    return {KEYS.get(key, key): value for key, value in data.items()}


def with_new_classes(recipe: Any) -> Any:
    """Return a stored recipe, or a part of one, with the present classes and settings."""
    if isinstance(recipe, list | tuple):
        return [with_new_classes(part) for part in recipe]
    if not isinstance(recipe, Mapping):
        return recipe
    changed = {key: with_new_classes(value) for key, value in recipe.items()}
    if "foreign" in changed:
        module, _, kind = changed["foreign"].partition(":")
        changed["foreign"] = f"{MODULES.get(module, module)}:{CLASSES.get(kind, kind)}"
        changed["text"] = changed["text"] and re.sub(r"\w+", _new_word, changed["text"])
    if "class" in changed:
        changed["class"] = CLASSES.get(changed["class"], changed["class"])
        settings = changed.get("settings", {})
        changed["settings"] = {SETTINGS.get(name, name): value for name, value in settings.items()}
    return changed


def _new_word(found: re.Match[str]) -> str:
    """Return the present name of a class or a setting in the text of a part."""
    word = found.group()
    return CLASSES.get(word) or SETTINGS.get(word, word)
