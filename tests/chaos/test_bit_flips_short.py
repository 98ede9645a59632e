"""A few damaged stores under the commands that read them, and a product that reads what it is given."""

from __future__ import annotations

import bit_flips

from smbo.store import bulk_load, records


def test_commands_on_damaged_stores_end_with_a_result_or_one_message(tmp_path):
    faults, counts = bit_flips.damage(tmp_path, 8, seed=2, share=0.0)
    assert faults == []
    assert counts["status exit 2"] > 1
    assert counts["status exit 0"] > 1


def test_a_product_that_takes_text_for_numbers_is_found_out(tmp_path, monkeypatch):
    (sound := tmp_path / "sound").mkdir()
    path = bit_flips.stores(sound)[0]
    raw = bit_flips.sqlite3.connect(path)
    with raw:
        raw.execute("UPDATE trial SET sem = 'abc' WHERE number = 3")
    raw.close()
    counts = bit_flips.Counter()
    assert bit_flips.faults_of(path, tmp_path, reports=False, counts=counts) == []
    assert counts["status exit 2"] == 1
    for module in (bulk_load, records):
        monkeypatch.setattr(module, "NUMBERS", frozenset({int, float, str, type(None)}))
    counts = bit_flips.Counter()
    faults = bit_flips.faults_of(path, tmp_path, reports=False, counts=counts)
    assert faults or counts["export exit 0"]
