"""Old names in stored studies: each leads to a name of today, and no name of a user's is touched."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path

import pytest

import smbo
from smbo import Auto, Problem
from smbo.cli.job.schema import JobFile
from smbo.fidelity import Asha
from smbo.problem.stored_names import CLASSES, KEYS, MODULES, SETTINGS, with_new_classes, with_new_keys
from smbo.proposal.presets import PRESETS, preset, recipe_from_json, recipe_to_json

CLASSES_OF_TODAY = {
    name
    for path in Path(smbo.__file__).parent.rglob("*.py")
    for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
}


@pytest.mark.parametrize(("old", "new"), CLASSES.items())
def test_a_class_of_today_stands_for_one_that_is_no_more(old, new):
    assert new in CLASSES_OF_TODAY
    assert old not in CLASSES_OF_TODAY


@pytest.mark.parametrize(("old", "new"), MODULES.items())
def test_a_module_of_today_stands_for_one_that_is_no_more(old, new):
    assert importlib.util.find_spec(new) is not None
    assert importlib.util.find_spec(old) is None


def test_a_setting_of_today_stands_for_one_that_is_no_more():
    settings = {item.name for item in fields(Auto)}
    assert set(SETTINGS.values()) <= settings
    assert not set(SETTINGS) & settings


@pytest.mark.parametrize("of_today", [{item.name for item in fields(Problem)}, set(JobFile.model_fields)])
def test_a_key_of_today_stands_for_one_that_is_no_more(of_today):
    assert set(KEYS.values()) <= of_today
    assert not set(KEYS) & of_today


def test_no_new_name_is_itself_an_old_one():
    for table in (KEYS, CLASSES, MODULES, SETTINGS):
        assert not set(table) & set(table.values())
        assert len(set(table.values())) == len(table)


def test_only_keys_at_the_top_are_renamed_and_a_dimension_keeps_its_name():
    problem = Problem({"stopping": (0.0, 1.0), "enough": (0.0, 1.0)}, early_stopping="median")
    today = problem.to_json()
    old = {"stopping" if key == "early_stopping" else key: value for key, value in today.items()}
    assert with_new_keys(old) == today
    assert with_new_keys(old)["space"] is old["space"]
    again = Problem.from_json(old)
    assert again.space.names == ("stopping", "enough")
    assert again.early_stopping == problem.early_stopping


def test_a_fidelitys_rule_is_read_under_its_old_key():
    today = Problem({"x": (0.0, 1.0)}, fidelity=smbo.Fidelity(1, 9), early_stopping=Asha(4)).to_json()
    old = {"stopping" if key == "early_stopping" else key: value for key, value in today.items()}
    assert Problem.from_json(old).early_stopping == Asha(4)


@pytest.mark.parametrize("name", PRESETS)
def test_recipes_of_today_are_left_as_they_are_and_old_ones_become_them(name):
    recipe = preset(name)
    today = recipe_to_json(recipe)
    assert with_new_classes(today) == today
    assert recipe_from_json(_under_old_names(today)) == recipe


def _under_old_names(part):
    """Return a stored recipe with every class and setting under the name of before, if it had another."""
    old_classes = {new: old for old, new in CLASSES.items()}
    old_settings = {new: old for old, new in SETTINGS.items()}
    if isinstance(part, list):
        return [_under_old_names(each) for each in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _under_old_names(value) for key, value in part.items()}
    if "class" in changed:
        changed["class"] = old_classes.get(part["class"], part["class"])
        changed["settings"] = {old_settings.get(key, key): v for key, v in changed["settings"].items()}
    return changed


def test_the_text_of_a_part_that_is_not_ours_is_read_word_by_word():
    stored = {
        "foreign": "smbo.surrogates.trended:TrendedGP",
        "text": "TrendedGP(base=VectorGPs, restless_after=3)",
    }
    assert with_new_classes(stored) == {
        "foreign": "smbo.surrogates.gp.universal_kriging:UniversalKriging",
        "text": "UniversalKriging(base=VectorGPs, exploration_after=3)",
    }
