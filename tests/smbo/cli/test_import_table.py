"""`smbo import`: a table becomes trials of a study, and what does not fit is named with its line."""

TABLE = "rate,loss,epochs\n0.5,1.25,3\n0.25,,4\n7,1.0,5\n"


def test_the_rows_of_a_table_become_trials_and_a_run_goes_on_from_them(folder):
    folder.job()
    folder.write("old.csv", TABLE)
    columns = ("--value", "loss", "--params", "x=rate", "--metrics", "epochs")
    told = folder.smbo("import", "old.csv", "--study", "job.yaml", *columns)
    assert told.exit_code == 2, told.output
    assert "toy: 2 trials imported (1 complete, 1 failed)" in told.stdout
    assert "old.csv, line 4: x=7" in told.stderr
    trials = folder.trials()
    assert [(trial["state"], trial["params.x"], trial["value"]) for trial in trials] == [
        ("complete", 0.5, 1.25),
        ("failed", 0.25, None),
    ]
    assert trials[0]["metrics.epochs"] == 3
    assert folder.smbo("run", "job.yaml").exit_code == 0
    assert len(folder.trials()) == 6


def test_what_was_exported_is_imported_into_another_study_and_only_once(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    folder.smbo("export", "toy", "-o", "all.csv")
    folder.write("other.yaml", (folder.path / "job.yaml").read_text().replace("study: toy", "study: other"))
    told = folder.smbo("import", "all.csv", "--study", "other.yaml")
    assert told.exit_code == 0, told.output
    assert "other: 4 trials imported (4 complete)" in told.stdout
    again = folder.smbo("import", "all.csv", "--study", "other")
    assert "other: 0 trials imported" in again.stdout
    assert "4 rows were there already" in again.stdout


def test_what_cannot_be_imported_is_one_message(folder):
    folder.job()
    folder.write("old.csv", TABLE)
    for arguments, words in (
        (("old.csv", "--study", "nobody"), "nobody"),
        (("old.csv", "--study", "job.yaml"), "say which holds it, --params x=COLUMN"),
        (("none.csv", "--study", "job.yaml"), "cannot be read"),
        (("old.csv", "--study", "job.yaml", "--params", "x="), "parameter=column"),
    ):
        result = folder.smbo("import", *arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert words in result.stderr
        assert "Traceback" not in result.output


def test_an_exported_table_of_each_format_is_a_source_of_transfer(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    job = (folder.path / "job.yaml").read_text().replace("recipe: sobol", "recipe: gp")
    for name in ("all.csv", "all.json"):
        folder.smbo("export", "toy", "-o", name)
        folder.write("next.yaml", job.replace("study: toy", f"study: {name[4:]}") + f"transfer: [{name}]\n")
        result = folder.smbo("run", "next.yaml")
        assert result.exit_code == 0, result.output
        assert "refused" not in result.output
