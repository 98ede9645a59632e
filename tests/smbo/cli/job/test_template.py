"""`smbo init` writes a file that `smbo run` understands, and never over another."""

import pytest
from click.testing import CliRunner

from smbo.cli import main
from smbo.cli.job.schema import JobFile, read_jobfile


@pytest.fixture
def smbo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, words)


def test_the_file_that_init_writes_is_a_valid_job(smbo, tmp_path):
    assert smbo("init").exit_code == 0
    job, _ = read_jobfile(tmp_path / "job.yaml")
    assert job.study == "job"
    assert job.space["rate"] == {"real": [1e-4, 1.0], "log": True}


def test_every_key_is_there_and_valid(smbo, tmp_path):
    smbo("init", "tune.yaml")
    lines = (tmp_path / "tune.yaml").read_text().splitlines()
    optional = [line.removeprefix("# ") for line in lines if line.startswith("# ") and ": " in line]
    optional = [line for line in optional if line.split(":")[0].isidentifier()]
    stated = {line.split(":")[0] for line in [*lines, *optional]}
    assert JobFile.model_fields.keys() <= stated
    for line in optional:
        keep = [kept for kept in lines if kept.split(":")[0] != line.split(":")[0]]
        (tmp_path / "one.yaml").write_text("\n".join([*keep, line]))
        read_jobfile(tmp_path / "one.yaml")


def test_init_refuses_to_overwrite(smbo, tmp_path):
    (tmp_path / "job.yaml").write_text("mine")
    result = smbo("init")
    assert (result.exit_code, (tmp_path / "job.yaml").read_text()) == (2, "mine")
    assert "exists already" in result.output


@pytest.mark.parametrize(
    "words",
    [["init", "job.txt"], ["init", "no/such/job.yaml"], ["init", "a b.yaml"], ["init", "--study", "../x"]],
    ids=" ".join,
)
def test_init_refuses_what_it_cannot_write(smbo, tmp_path, words):
    result = smbo(*words)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_command_is_answered_with_the_one_that_was_meant(smbo):
    result = smbo("int")
    assert result.exit_code == 2
    assert "did you mean 'init'?" in result.output
