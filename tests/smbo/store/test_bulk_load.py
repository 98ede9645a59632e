"""Trials read column by column are the trials read row by row."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from smbo.errors import DamagedStore
from smbo.store import bulk_load
from smbo.store.records import load_trial
from smbo.store.store import SqlStore
from smbo.trial import Trial

DATA = Path(__file__).parent / "data"
Row = namedtuple("Row", bulk_load.COLUMNS)


@pytest.fixture
def rows(tmp_path):
    shutil.copy(DATA / "version_2.db", tmp_path / "a.db")
    store = SqlStore(tmp_path / "a.db")
    statement = f"SELECT {', '.join(bulk_load.COLUMNS)} FROM trial"
    found = store._read(lambda at: at.exec_driver_sql(statement).fetchall())
    store.close()
    return [tuple(row) for row in found]


def fields_of(trial):
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name in Trial.__slots__
        for value in [getattr(trial, name)]
    }


def test_columns_and_rows_give_the_same_trials(rows):
    assert len(rows) > 10
    by_column = bulk_load._by_column(rows, None)
    assert [fields_of(trial) for trial in by_column] == [fields_of(load_trial(Row(*row))) for row in rows]
    assert bulk_load.load_trials([], None, Row._make) == []


@pytest.mark.parametrize("texts", [("{}, {}", ""), ("[1]", "{}"), ("{}}", "{{}"), ("1", "{}")])
def test_a_damaged_point_is_not_taken_for_two_and_is_named(rows, texts):
    damaged = [(*row[:1], text, *row[2:]) for row, text in zip(rows, texts)]
    with pytest.raises(DamagedStore, match=r"trial \d+: column params"):
        bulk_load.load_trials(damaged, None, Row._make)
