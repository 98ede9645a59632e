"""`smbo replay` compares proposals computed again with the stored ones."""


def test_an_untouched_study_is_replayed_without_a_difference(folder):
    folder.job("recipe: gp", "budget: {trials: 7}")
    folder.smbo("run", "job.yaml")
    result = folder.smbo("replay", "toy")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("toy: ")
