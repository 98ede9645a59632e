"""Words for recipes: the edge at which "gp" becomes an object, and a recipe becomes JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import smbo.acquisition
import smbo.surrogates
from smbo.acquisition import (
    ExpectedImprovementPerCost,
    GPHedge,
    LogExpectedHypervolumeImprovement,
    MaxValueEntropySearch,
    NoisyLogExpectedImprovement,
    ThompsonSampling,
)
from smbo.errors import RecipeError
from smbo.problem.stored_names import with_new_classes
from smbo.proposal.auto import Auto
from smbo.proposal.recipe import Recipe
from smbo.proposal.replication import Replication
from smbo.proposal.trust_region import TrustRegion
from smbo.surrogates import GP, Boosting, ExtraTrees, Forest, ModelListGP, Subset


def _cost(budget: float | None = None) -> Recipe:
    # points of a design are as dear as any: a few show how costs vary
    return Recipe(Subset(GP(), n_rows=1500), ExpectedImprovementPerCost(budget=budget), n_initial=3)


def _auto(replication: bool | Mapping[str, float] | None = None) -> Recipe:
    return Recipe(rule=Auto(), replication=_replication(replication))


def _gp(replication: bool | Mapping[str, float] | None = None) -> Recipe:
    return Recipe(surrogate=Subset(GP(), n_rows=1500), replication=_replication(replication))


def _noisy(replication: bool | Mapping[str, float] | None = None) -> Recipe:
    return Recipe(Subset(GP()), NoisyLogExpectedImprovement(), replication=_replication(replication))


def _replication(given: bool | Mapping[str, float] | None) -> Replication | None:
    if isinstance(given, Mapping):
        return Replication(**given)
    if given is None or isinstance(given, bool):
        return Replication() if given else None
    raise RecipeError(f"replication: {given!r}; say true, false or {{margin: 2}}")


PRESETS: dict[str, Callable[..., Recipe]] = {
    "auto": _auto,
    "gp": _gp,
    "thompson": lambda: Recipe(Subset(GP()), ThompsonSampling()),
    "entropy": lambda: Recipe(Subset(GP()), MaxValueEntropySearch()),
    "cost": _cost,
    "noisy": _noisy,
    "portfolio": lambda: Recipe(Subset(GP()), GPHedge()),
    "trust": lambda: Recipe(surrogate=GP(), region=TrustRegion()),
    "forest": lambda: Recipe(surrogate=Subset(Forest(), n_rows=400)),
    "extra-trees": lambda: Recipe(surrogate=Subset(ExtraTrees())),
    "boosting": lambda: Recipe(surrogate=Subset(Boosting())),
    "pareto": lambda: Recipe(ModelListGP(), LogExpectedHypervolumeImprovement()),
    "random": lambda: Recipe(design="random"),
    "sobol": lambda: Recipe(design="sobol"),
}


def preset(recipe: str | Mapping[str, Any] | Recipe) -> Recipe:
    """Return the recipe of a name, or of {name: settings}; a Recipe stays what it is.

    auto chooses anew for each proposal; gp, thompson, entropy, noisy, portfolio and trust rest on a
    Gaussian process, and pareto on one for each of several objectives; forest, extra-trees and
    boosting on trees; random and sobol learn nothing.  cost proposes what improves most per told cost,
    and takes {"cost": {"budget": ...}}: see ``ExpectedImprovementPerCost``.  auto, gp and noisy take
    {"auto": {"replication": True}} or {"replication": {"margin": 2}}: see ``Replication``.

    Raises:
        RecipeError: no recipe of that name, or one that does not take these settings.
    """
    if isinstance(recipe, Recipe):
        return recipe
    name: Any = recipe
    settings: Any = {}
    if isinstance(recipe, Mapping) and len(recipe) == 1:
        ((name, settings),) = recipe.items()
    if isinstance(name, str) and name in PRESETS:
        try:
            return PRESETS[name](**(settings or {}))
        except TypeError:  # unknown settings, or no mapping of them
            raise RecipeError(f"recipe: {name} does not take {settings!r}") from None
    raise RecipeError(f"no recipe is called {recipe!r}; there are {', '.join(PRESETS)}, or pass a Recipe")


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain JSON values; parts that are not ours are stored by name only."""
    stored = _to_json(recipe)
    assert isinstance(stored, dict)
    if recipe.replication is None:
        del stored["settings"]["replication"]  # studies that were stored before there was one stay the same
    return stored


def recipe_from_json(data: Mapping[str, Any]) -> Recipe:
    """Return the recipe that ``recipe_to_json`` wrote.

    Raises:
        RecipeError: a part is not ours, or takes other settings in this version.
    """
    recipe = _from_json(with_new_classes(data))
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{data!r} is no stored recipe")
    return recipe


def _ours() -> dict[str, type]:
    """Return the classes that a stored recipe may name."""
    found: dict[str, type] = {part.__name__: part for part in (Auto, Recipe, Replication, TrustRegion)}
    for package in (smbo.surrogates, smbo.acquisition):
        for name in package.__all__:
            part = getattr(package, name)
            if isinstance(part, type) and is_dataclass(part):
                found[name] = part
    return found


def _to_json(part: Any) -> Any:
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, tuple | list):
        return [_to_json(member) for member in part]
    if isinstance(part, Mapping):
        return {"mapping": {str(key): _to_json(value) for key, value in part.items()}}
    kind = type(part)
    if is_dataclass(part) and _ours().get(kind.__name__) is kind:
        settings = {item.name: _to_json(getattr(part, item.name)) for item in fields(part) if item.init}
        return {"class": kind.__name__, "settings": settings}
    return {"foreign": f"{kind.__module__}:{kind.__qualname__}", "text": _text(part)}


def _text(part: Any) -> str | None:
    """Return how a part prints, unless that changes from run to run (an address in memory)."""
    text = repr(part)
    return None if " at 0x" in text else text


def _from_json(stored: Any) -> Any:
    if isinstance(stored, list):
        return tuple(_from_json(member) for member in stored)
    if not isinstance(stored, Mapping):
        return stored
    if "mapping" in stored:
        return {key: _from_json(value) for key, value in stored["mapping"].items()}
    if "foreign" in stored:
        raise RecipeError(
            f"the stored recipe uses {stored['foreign']}, which is not part of smbo; pass the recipe in code"
        )
    kind = _ours().get(str(stored.get("class")))
    if kind is None:
        raise RecipeError(
            f"the stored recipe names {stored.get('class')!r}, which this version does not know"
        )
    try:
        return kind(**{name: _from_json(value) for name, value in stored["settings"].items()})
    except TypeError as error:
        raise RecipeError(f"the stored {kind.__name__} does not fit this version: {error}") from None
