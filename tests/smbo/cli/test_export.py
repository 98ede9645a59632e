"""`smbo export` writes CSV and JSON, and no value in them runs anything."""

import csv
import io
import json

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@x",
    "; touch pwned",
    "$(touch pwned)",
    "../../x",
    "a\nb\x1b[2J",
]


def test_hostile_values_run_nothing_and_escape_nowhere(folder):
    choices = json.dumps(HOSTILE)
    folder.write("hostile.py", "def evaluate(params):\n    return len(params['c'])\n")
    folder.job(
        "objective: {python: hostile:evaluate}",
        f"space: {{c: {{choice: {choices}}}}}",
        "budget: {trials: 8}",
        "report: out",
    )
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(folder.smbo("export", "toy").stdout)))
    assert sorted(row["params.c"].removeprefix("'") for row in rows) == sorted(HOSTILE)
    assert not any(row["params.c"].startswith(("=", "+", "-", "@")) for row in rows)
    assert sorted(row["params.c"] for row in folder.trials()) == sorted(HOSTILE)
    assert "\x1b" not in folder.smbo("show", "toy").output
    assert not list(folder.path.rglob("pwned"))
    assert not (folder.path.parent / "x").exists()


def test_export_writes_a_file_whose_suffix_says_the_format(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    assert folder.smbo("export", "toy", "-o", "all.json").exit_code == 0
    assert len(json.loads((folder.path / "all.json").read_text())) == 4
    assert folder.smbo("export", "toy", "-o", "all.csv").exit_code == 0
    assert len((folder.path / "all.csv").read_text().splitlines()) == 5
