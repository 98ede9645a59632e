"""Recipes by name: of smbo, of named parts, and of installed packages."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys

import pytest

from smbo import GP, Recipe
from smbo.acquisition import LowerConfidenceBound, Misclassification
from smbo.errors import RecipeError
from smbo.proposal.auto import Auto
from smbo.proposal.presets import PRESETS, preset, recipe_from_json, recipe_to_json, with_new_settings
from smbo.proposal.replication import Replication
from smbo.proposal.trust_region import TrustRegion
from smbo.surrogates import Forest, LevelGP, Subset

PARTS = """
from dataclasses import dataclass

from smbo import GP, Recipe
from smbo.acquisition import LowerConfidenceBound


@dataclass(frozen=True)
class Nearest:
    n: int = 1
    scales: tuple = ()

    def fit(self, data):
        raise NotImplementedError


class Unstorable:
    def fit(self, data):
        raise NotImplementedError


bold = Recipe(GP(), LowerConfidenceBound(9.0))


def near(n=3):
    return Recipe(Nearest(n))


def no_recipe():
    return "gp"
"""
ENTRY_POINTS = """[smbo.recipes]
nearest = preset_parts:Nearest
unstorable = preset_parts:Unstorable
bold = preset_parts:bold
near = preset_parts:near
no-recipe = preset_parts:no_recipe
gone = preset_parts:gone
lost = no_such_module:Lost
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with recipes and parts on the path; returns the file of its entry points."""
    (tmp_path / "preset_parts.py").write_text(PARTS)
    info = tmp_path / "preset_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: preset-parts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield info / "entry_points.txt"
    sys.modules.pop("preset_parts", None)


def stored(recipe):
    return json.loads(json.dumps(recipe_to_json(recipe)))


@pytest.mark.parametrize(
    ("given", "recipe"),
    [
        ({"surrogate": "GP"}, Recipe(GP())),
        ({"surrogate": {"Forest": {"n_trees": 20}}}, Recipe(Forest(n_trees=20))),
        ({"surrogate": {"Forest": None}}, Recipe(Forest())),
        ({"surrogate": Subset(GP())}, Recipe(Subset(GP()))),
        (
            {"surrogate": "GP", "acquisition": {"LowerConfidenceBound": {"weight": 3.0}}, "design": "lhs"},
            Recipe(GP(), LowerConfidenceBound(3.0), design="lhs"),
        ),
        ({"surrogate": "GP", "region": {}}, Recipe(GP(), region=TrustRegion())),
        ({"rule": "Auto", "replication": True}, Recipe(rule=Auto(), replication=Replication())),
        ({"surrogate": None, "n_initial": 3}, Recipe(n_initial=3)),
    ],
    ids=str,
)
def test_a_recipe_is_made_of_named_parts(given, recipe):
    assert preset(given) == recipe
    assert recipe_from_json(stored(recipe)) == recipe


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gq", "no recipe is called 'gq'; there are auto, gp,"),
        ("", "no recipe is called ''"),
        (3, "no recipe is called 3"),
        ({}, "no recipe is called {}"),
        ({"gp": {}, "forest": {}}, "no recipe is called {'gp': {}, 'forest': {}}"),
        ({"gp": 3}, "gp does not take 3"),
        ({"gp": {"n": 3}}, "gp does not take {'n': 3}"),
        ({"surrogate": "Gp"}, "no surrogate is called 'Gp'; there are GP, "),
        ({"surrogate": "LowerConfidenceBound"}, "no surrogate is called 'LowerConfidenceBound'"),
        ({"acquisition": 7}, "no acquisition is called 7; there are ExpectedImprovement, "),
        ({"rule": "Otto"}, "no rule is called 'Otto'; there are Auto"),
        ({"surrogate": {"Forest": {"trees": 3}}}, "Forest does not take {'trees': 3}"),
        ({"surrogate": "GP", "region": {"size": 1}}, "region does not take {'size': 1}"),
        ({"surrogate": "GP", "design": "best"}, "no design is called 'best'"),
        ({"surrogate": "GP", "design": ["lhs"]}, "no design is called"),
        ({"surrogate": "GP", "replication": "often"}, "replication: 'often'"),
    ],
    ids=str,
)
def test_what_makes_no_recipe_is_refused_with_what_there_is(given, message):
    with pytest.raises(RecipeError, match=re.escape(message)):
        preset(given)


def test_what_is_installed_is_known_by_name_and_survives_json(package):
    from preset_parts import Nearest

    for given, recipe in [
        ("near", Recipe(Nearest(3))),
        ({"near": {"n": 4}}, Recipe(Nearest(4))),
        ("bold", Recipe(GP(), LowerConfidenceBound(9.0))),
        ({"surrogate": {"nearest": {"scales": [1, 2]}}}, Recipe(Nearest(1, (1, 2)))),
    ]:
        assert preset(given) == recipe
        assert recipe_from_json(stored(recipe)) == recipe


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "nearby",
            "there are auto, .* and installed: bold, gone, lost, near, nearest, no-recipe",
        ),
        ({"surrogate": "nearby"}, "no surrogate .*Subset.* and installed: bold, .*nearest"),
        ("nearest", "'nearest' is a part of a recipe"),
        ({"near": {"m": 4}}, "near does not take {'m': 4}: .*'m'"),
        ({"bold": {"n": 4}}, "bold does not take {'n': 4}"),
        ({"surrogate": {"nearest": {"m": 4}}}, "nearest does not take {'m': 4}"),
        ({"surrogate": "unstorable"}, "surrogate 'unstorable': .* is no dataclass"),
        ({"acquisition": "nearest"}, r"acquisition=Nearest\(.*\) has no build"),
        ("no-recipe", "'no-recipe' is 'gp', and no Recipe"),
        ("gone", "'gone' .preset_parts:gone. cannot be loaded"),
        ("lost", "'lost' .no_such_module:Lost. cannot be loaded: No module named 'no_such_module'"),
    ],
    ids=str,
)
def test_what_is_installed_and_makes_no_recipe_is_refused(given, message):
    with pytest.raises(RecipeError, match=message):
        preset(given)


def test_a_stored_part_that_is_not_installed_any_more_says_what_to_install(package):
    there = stored(preset("near"))
    package.write_text("")
    with pytest.raises(RecipeError, match=r"'nearest' of the package .*; pip install preset-parts"):
        recipe_from_json(there)


@pytest.mark.usefixtures("package")
def test_a_stored_part_of_other_settings_is_refused():
    there = stored(preset("near"))
    there["settings"]["surrogate"]["settings"]["radius"] = 1.0
    with pytest.raises(RecipeError, match=r"the stored nearest does not fit this version: .*radius"):
        recipe_from_json(there)


def test_nothing_installed_is_looked_up_for_what_is_ours(monkeypatch):
    def refuse(**_):
        raise AssertionError("looked up")

    monkeypatch.setattr(importlib.metadata, "entry_points", refuse)
    for name in PRESETS:
        assert recipe_from_json(stored(preset(name))) == preset(name)
    preset({"surrogate": "Forest", "acquisition": "ExpectedImprovement"})


def test_a_stored_recipe_without_a_setting_is_that_with_its_default_and_no_other():
    stored = recipe_to_json(Recipe(GP()))
    del stored["settings"]["surrogate"]["settings"]["anchor"]
    for anchor, is_same in ((0.0, True), (0.1, False)):
        wanted = recipe_to_json(Recipe(GP(anchor=anchor)))
        assert (with_new_settings(stored, wanted) == wanted) is is_same


def test_a_part_stored_by_its_text_is_taken_for_one_of_its_class_alone():
    wanted = recipe_to_json(Recipe(LevelGP()))
    name = "smbo.surrogates.gp.trend_selection:TrendSelection"
    for foreign, is_same in ((name, True), (name.replace("Trend", "Kernel"), False)):
        stored = recipe_to_json(Recipe(LevelGP()))
        stored["settings"]["surrogate"]["settings"]["process"] = {"foreign": foreign, "text": "…"}
        assert (with_new_settings(stored, wanted) == wanted) is is_same


def test_a_recipe_of_level_sets_survives_json():
    recipe = Recipe(LevelGP(), Misclassification())
    assert recipe_from_json(json.loads(json.dumps(recipe_to_json(recipe)))) == recipe
