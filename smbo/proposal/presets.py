"""Recipes by name, of smbo and of installed packages, and recipes as JSON.

Other packages name surrogates, acquisitions, rules (classes, frozen dataclasses) and recipes (functions that
return a Recipe, or a Recipe) in the entry-point group ``smbo.recipes``.  The group is looked up only where a
name or a class is not one of smbo.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from smbo import acquisition, surrogates  # each name loads its module on first use
from smbo.errors import RecipeError
from smbo.problem.stored_names import with_new_classes
from smbo.proposal.auto import Auto
from smbo.proposal.recipe import Recipe
from smbo.proposal.replication import Replication
from smbo.proposal.trust_region import TrustRegion
from smbo.space.grid_design import Grid
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.subset import Subset

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "smbo.recipes"  # the group in which packages name surrogates, acquisitions and recipes

# the parts of a recipe that are named by their class, and the method that each has
_PARTS = {"surrogate": "fit", "acquisition": "build", "rule": "choose"}
_OWN_PARTS = {part.__name__: part for part in (Auto, Grid, Recipe, Replication, TrustRegion)}
# parts of surrogates that are no public names, and their modules
_INNER_PARTS = {
    "TrendSelection": "smbo.surrogates.gp.trend_selection",
    "HiddenStructure": "smbo.surrogates.multi_output.hidden_structure",
}


def _cost(budget: float | None = None) -> Recipe:
    # points of a design cost as much as others: a few show how costs vary
    return Recipe(
        Subset(GP(), n_rows=1500), acquisition.ExpectedImprovementPerCost(budget=budget), n_initial=3
    )


def _auto(
    replication: bool | Mapping[str, float] | None = None, cost: bool | Mapping[str, Any] = True
) -> Recipe:
    if not isinstance(cost, bool | Mapping):
        raise RecipeError(f"cost: {cost!r}; say false, or {{budget: 3600}} where costs are told")
    settings = cost if isinstance(cost, Mapping) else {}
    per_cost = acquisition.ExpectedImprovementPerCost(**settings) if cost is not False else None
    return Recipe(rule=Auto(per_cost=per_cost), replication=_replication(replication))


def _gp(replication: bool | Mapping[str, float] | None = None) -> Recipe:
    return Recipe(surrogate=Subset(GP(), n_rows=1500), replication=_replication(replication))


def _noisy(replication: bool | Mapping[str, float] | None = None) -> Recipe:
    return Recipe(
        Subset(GP()), acquisition.NoisyLogExpectedImprovement(), replication=_replication(replication)
    )


def _knowledge_gradient(replication: bool | Mapping[str, float] | None = None) -> Recipe:
    return Recipe(Subset(GP()), acquisition.KnowledgeGradient(), replication=_replication(replication))


def _replication(given: bool | Mapping[str, float] | None) -> Replication | None:
    if isinstance(given, Mapping):
        return Replication(**given)
    if given is None or isinstance(given, bool):
        return Replication() if given else None
    raise RecipeError(f"replication: {given!r}; say true, false or {{margin: 2}}")


PRESETS: dict[str, Callable[..., Recipe]] = {
    "auto": _auto,
    "gp": _gp,
    "thompson": lambda: Recipe(Subset(GP()), acquisition.ThompsonSampling()),
    "entropy": lambda: Recipe(Subset(GP()), acquisition.MaxValueEntropySearch()),
    "cost": _cost,
    "noisy": _noisy,
    "kg": _knowledge_gradient,
    "portfolio": lambda: Recipe(Subset(GP()), acquisition.GPHedge()),
    "trust": lambda: Recipe(surrogate=GP(), region=TrustRegion()),
    "forest": lambda: Recipe(surrogate=Subset(surrogates.Forest(), n_rows=400)),
    "extra-trees": lambda: Recipe(surrogate=Subset(surrogates.ExtraTrees())),
    "boosting": lambda: Recipe(surrogate=Subset(surrogates.Boosting())),
    "pareto": lambda: Recipe(surrogates.ModelListGP(), acquisition.LogExpectedHypervolumeImprovement()),
    "random": lambda: Recipe(design="random"),
    "sobol": lambda: Recipe(design="sobol"),
    "grid": lambda levels=3, shuffled=True: Recipe(design=Grid(levels, shuffled)),
}


def preset(recipe: str | Mapping[str, Any] | Recipe) -> Recipe:
    """Return the recipe of a name, of {name: settings} or of named parts; a Recipe is returned unchanged.

    auto chooses anew for each proposal; gp, thompson, entropy, noisy, kg, portfolio and trust use a
    Gaussian process, and pareto one for each of several objectives; forest, extra-trees and
    boosting use trees; random and sobol have no model.  cost maximises improvement per cost,
    and takes {"cost": {"budget": ...}}: see ``ExpectedImprovementPerCost``; so does auto where told costs
    vary, with {"auto": {"cost": {"budget": ...}}}, and not with {"auto": {"cost": False}}.  auto, gp, noisy
    and kg take {"auto": {"replication": True}} or {"replication": {"margin": 2}}: see ``Replication``.
    grid evaluates all combinations of a few levels, {"grid": {"levels": {"x": 5}}}: see ``Grid``.

    Named parts are those of ``Recipe``: {"surrogate": "GP", "acquisition": {"LowerConfidenceBound":
    {"weight": 3}}, "design": "lhs"}.  Installed packages add recipes and parts by the entry-point group
    ``smbo.recipes``.

    Raises:
        RecipeError: no recipe or part of that name, or one that does not take these settings.

    >>> preset({"surrogate": "Forest", "n_initial": 4}).acquisition
    LogExpectedImprovement()
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping) and recipe and recipe.keys() <= {item.name for item in fields(Recipe)}:
        return _of_parts(recipe)
    name, settings = _name_and_settings(recipe)
    make: Any = PRESETS.get(name)
    if make is None:
        entry = _installed().get(name)
        if entry is None:
            raise RecipeError(
                f"no recipe is called {recipe!r}; there are {_listed(PRESETS)}, or pass a Recipe"
            )
        make = _loaded(entry)
        if isinstance(make, type) and is_dataclass(make) and make is not Recipe:
            raise RecipeError(
                f"{name!r} is a part of a recipe; say recipe: {{surrogate: ..., acquisition: ...}} with it"
            )
    made = make if isinstance(make, Recipe) and not settings else _made(name, make, settings)
    if not isinstance(made, Recipe):
        raise RecipeError(f"the installed recipe {name!r} is {made!r}, and no Recipe")
    return made


def _of_parts(given: Mapping[str, Any]) -> Recipe:
    """Return the recipe whose surrogate, acquisition and rule are named, with settings or without."""
    parts = {key: _part(key, value) if key in _PARTS else value for key, value in given.items()}
    if "replication" in parts:
        parts["replication"] = _replication(parts["replication"])
    if isinstance(parts.get("region"), Mapping):
        parts["region"] = _made("region", TrustRegion, parts["region"])
    if isinstance(parts.get("design"), Mapping):
        parts["design"] = _made("grid", Grid, parts["design"].get("grid"))
    made: Recipe = _made("Recipe", Recipe, parts)
    return made


def _part(role: str, given: Any) -> Any:
    """Return the part of a name or of {name: settings}, of smbo or of an installed package."""
    if given is None or hasattr(given, _PARTS[role]):
        return given
    name, settings = _name_and_settings(given)
    ours = _ours(name)
    if hasattr(ours, _PARTS[role]):
        return _made(name, ours, settings)
    entry = _installed().get(name)
    if entry is None:
        known = [each for each in _names() if hasattr(_ours(each), _PARTS[role])]
        raise RecipeError(f"no {role} is called {given!r}; there are {_listed(known)}")
    kind = _loaded(entry)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise RecipeError(f"{role} {name!r}: {kind!r} is no dataclass, which a study could store")
    return _made(name, kind, settings)


def _name_and_settings(given: Any) -> tuple[str, Mapping[str, Any]]:
    """Return name and settings of a name or of {name: settings}; "" for anything else."""
    if isinstance(given, Mapping) and len(given) == 1:
        ((given, settings),) = given.items()
    else:
        settings = {}
    return (given if isinstance(given, str) else ""), settings or {}


def _made(name: str, make: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
    """Return the result of a function or class called with settings."""
    try:
        plain = {**settings}
        return make(**{key: tuple(each) if isinstance(each, list) else each for key, each in plain.items()})
    except TypeError as error:  # unknown settings, or no mapping of them
        raise RecipeError(f"recipe: {name} does not take {settings!r}{_taken(make, settings)}") from error


def _taken(make: Callable[..., Any], settings: Any) -> str:
    """Return the end of a message about wrong settings: which there are."""
    if not isinstance(settings, Mapping):
        return ": write its settings as a mapping, or leave them out"
    try:
        known = [each for each in inspect.signature(make).parameters if not each.startswith("_")]
    except (TypeError, ValueError):
        return ""
    unknown = [str(each) for each in settings if each not in known]
    close = difflib.get_close_matches(unknown[0], known, n=1) if unknown else []
    if close:
        return f": did you mean {close[0]!r}?"
    strange = f"{unknown[0]!r} is unknown, " if unknown else ""
    return f": {strange}it takes {', '.join(known) or 'no settings'}"


def _installed() -> dict[str, EntryPoint]:
    """Return the entry points of installed packages, sorted by name, without importing them."""
    from importlib.metadata import entry_points

    return {each.name: each for each in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name)}


def _loaded(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"the installed {entry.name!r} ({entry.value}) cannot be loaded: {error}"
        ) from error


def _listed(ours: Iterable[str]) -> str:
    installed = ", ".join(_installed())
    return ", ".join(ours) + (f", and installed: {installed}" if installed else "")


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain JSON values.

    Parts of installed packages are stored by their name in the entry-point group ``smbo.recipes``, with
    their settings; of parts outside smbo and the group, only the class's name is stored.
    """
    stored = _to_json(recipe)
    assert isinstance(stored, dict)
    if recipe.replication is None:
        del stored["settings"]["replication"]  # so that studies stored before it existed stay the same
    return stored


def recipe_from_json(data: Mapping[str, Any]) -> Recipe:
    """Return the recipe that ``recipe_to_json`` wrote.

    Raises:
        RecipeError: a part is neither of smbo nor installed, or takes other settings in this version.
    """
    recipe = _from_json(with_new_classes(data))
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{data!r} is no stored recipe")
    return recipe


def _names() -> list[str]:
    """Return the names that may be those of a part of smbo."""
    return [*_OWN_PARTS, *surrogates.__all__, *acquisition.__all__]


def _ours(name: str) -> Any:
    """Return the class of smbo that a stored recipe may name, None if there is none; no other is loaded."""
    part: Any = _OWN_PARTS.get(name)
    if name in _INNER_PARTS:
        part = getattr(importlib.import_module(_INNER_PARTS[name]), name)
    for package in (surrogates, acquisition):
        if name in package.__all__:
            part = getattr(package, name)
    return part if isinstance(part, type) and is_dataclass(part) else None


def _to_json(part: Any) -> Any:
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, tuple | list):
        return [_to_json(member) for member in part]
    if isinstance(part, Mapping):
        return {"mapping": {str(key): _to_json(value) for key, value in part.items()}}
    kind = type(part)
    if is_dataclass(part):
        settings = {item.name: _to_json(getattr(part, item.name)) for item in fields(part) if item.init}
        if _ours(kind.__name__) is kind:
            return {"class": kind.__name__, "settings": settings}
        entry = _entry_of(kind)
        if entry is not None:
            package = entry.dist.name if entry.dist else kind.__module__
            return {"installed": entry.name, "package": package, "settings": settings}
    return {"foreign": f"{kind.__module__}:{kind.__qualname__}", "text": _text(part)}


def with_new_settings(stored: Any, wanted: Any) -> Any:
    """Return a stored recipe, or a part of one, as this version would have stored it.

    Settings that its classes had not when it was stored have their defaults, as where it is loaded.  A
    part of smbo that was stored by its text, for want of a name, is taken for the wanted one of its class.

    Args:
        stored: as JSON, with the present classes.
        wanted: the recipe, or the part, that it is to be compared with, as JSON.
    """
    if isinstance(stored, list | tuple):
        others = (
            wanted
            if isinstance(wanted, list | tuple) and len(wanted) == len(stored)
            else [None] * len(stored)
        )
        return [with_new_settings(part, other) for part, other in zip(stored, others)]
    if not isinstance(stored, Mapping):
        return stored
    other = wanted if isinstance(wanted, Mapping) else {}
    if str(stored.get("foreign")).startswith("smbo.") and "class" in other:
        return wanted if stored["foreign"].endswith(f":{other['class']}") else stored
    part = {key: with_new_settings(value, other.get(key)) for key, value in stored.items()}
    kind = _ours(str(stored.get("class")))
    if kind is not None:
        known = other.get("settings", {})
        added = {name: value for name, value in _default_settings(kind).items() if name in known}
        part["settings"] = {**added, **part["settings"]}
    return part


def _default_settings(kind: type) -> dict[str, Any]:
    """Return the settings of a class that have defaults, as JSON."""
    settings = {}
    for item in fields(kind):
        if item.default is not MISSING:
            settings[item.name] = _to_json(item.default)
        elif item.default_factory is not MISSING:
            settings[item.name] = _to_json(item.default_factory())
    return settings


def _entry_of(kind: type) -> EntryPoint | None:
    """Return the entry point that names a class; only the class's own package is imported."""
    root = kind.__module__.partition(".")[0]
    for entry in _installed().values():
        if entry.module.partition(".")[0] == root:
            with contextlib.suppress(RecipeError):  # another part of the package, with a missing dependency
                if _loaded(entry) is kind:
                    return entry
    return None


def _text(part: Any) -> str | None:
    """Return the repr of a part, None if it changes from run to run (an address in memory)."""
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
            f"the stored recipe uses {stored['foreign']}, which is neither part of smbo nor named in the "
            f"entry-point group {ENTRY_POINTS}; pass the recipe in code"
        )
    name = str(stored.get("installed", stored.get("class")))
    if "installed" in stored:
        entry = _installed().get(name)
        if entry is None:
            raise RecipeError(
                f"the stored recipe uses {name!r} of the package {stored.get('package')!r}, which is not "
                f"installed; pip install {stored.get('package')}"
            )
        kind = _loaded(entry)
    else:
        kind = _ours(name)
    if kind is None:
        raise RecipeError(f"the stored recipe names {name!r}, which this version does not know")
    try:
        return kind(**{key: _from_json(value) for key, value in stored["settings"].items()})
    except TypeError as error:
        raise RecipeError(f"the stored {name} does not fit this version: {error}") from None
