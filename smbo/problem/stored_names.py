"""Names that stored studies may still bear, and the names of today: the one table of renamed things.

A study that was stored under the old names opens and continues; what is written bears the new ones.
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

# modules of parts that are stored as they print: they are no public names of theirs
MODULES = {
    "smbo.surrogates.trends": "smbo.surrogates.gp.trend_selection",
    "smbo.surrogates.trended": "smbo.surrogates.gp.universal_kriging",
}

# settings of a recipe's parts
SETTINGS = {"restless_after": "exploration_after"}


def with_new_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored problem or job with the keys of today."""
    return {KEYS.get(key, key): value for key, value in data.items()}


def with_new_classes(recipe: Any) -> Any:
    """Return a stored recipe, or a part of one, with the classes and settings of today."""
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
    """Return a class or a setting in the text of a part by its name of today."""
    word = found.group()
    return CLASSES.get(word) or SETTINGS.get(word, word)
