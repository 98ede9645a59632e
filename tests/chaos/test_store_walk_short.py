"""A short walk over the store, on each database, and the mutants that it must catch."""

from __future__ import annotations

import pytest
import store_walk


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_short_walk_finds_nothing(database, tmp_path, request):
    url = f"sqlite:///{tmp_path}/a.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    walker = store_walk.walk(url, 300, seed=7)
    assert len(walker.steps) >= 11  # all moves but the rarest


@pytest.mark.parametrize("mutant", sorted(store_walk.MUTANTS))
def test_a_mutant_does_not_survive_the_walk(mutant, tmp_path, monkeypatch):
    store_walk.MUTANTS[mutant](monkeypatch.setattr)
    with pytest.raises(AssertionError, match=r"step \d+ of seed 7"):
        store_walk.walk(f"sqlite:///{tmp_path}/a.db", 1500, seed=7)
