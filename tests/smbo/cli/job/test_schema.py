"""A job file is refused, with file, line, key and a remedy, unless every word of it is understood."""

import pytest

from smbo.cli.job.document import Document
from smbo.cli.job.schema import JobFile, check_jobfile
from smbo.errors import JobFileError

BASE = "study: a\nobjective: {python: m:f}\nbudget: {trials: 4}\n"


REFUSED = {
    "misspelt key": ("sede: 1", "4: sede: unknown key; did you mean 'seed'?"),
    "misspelt nested key": ("limits: {tme: 3s}", "4: limits.tme: unknown key; did you mean 'time'?"),
    "misspelt deep key": (
        "cluster: {local: {worker: 2}}",
        "4: cluster.local.worker: unknown key; did you mean 'workers'?",
    ),
    "short name of early stopping": ("stopping: asha", "unknown key; did you mean 'early_stopping'?"),
    "other word for termination": ("enough: {plateau: 9}", "unknown key; did you mean 'termination'?"),
    "other word for transfer": ("earlier: [old.csv]", "unknown key; did you mean 'transfer'?"),
    "strange key": ("zzz: 1", "unknown key; known are budget"),
    "boolean seed": ("seed: false", "4: seed: a whole number is needed; got False"),
    "negative seed": ("seed: -1", "greater than or equal to 0"),
    "huge seed": (f"seed: {2**63}", "less than"),
    "fractional seed": ("seed: 1.5", "whole number"),
    "word for a boolean": ("maximize: yes", "maximize: true or false is needed; got 'yes'"),
    "unknown unit": ("limits: {time: 3 fortnights}", "the unit 'fortnights' is not one of"),
    "no duration": ("limits: {time: soon}", "'soon' is not a duration such as"),
    "infinite duration": ("limits: {time: .inf}", "not a positive, finite duration"),
    "boolean duration": ("limits: {time: true}", "no duration"),
    "boolean size": ("limits: {memory: true}", "no size"),
    "no size": ("limits: {memory: much}", "is not a size such as"),
    "zero size": ("limits: {memory: 0}", "not a size that a process could have"),
    "boolean resource": ("resources: {GPU: true}", "resources.GPU: a number is needed; got True"),
    "no cluster": ("cluster: sirial", "'sirial' is no cluster"),
    "two clusters": ("cluster: {local: {}, address: x}", "exactly one of"),
    "empty cluster": ("cluster: {}", "exactly one of"),
    "no workers": ("cluster: {local: {workers: 0}}", "greater than or equal to 1"),
    "misspelt batch key": (
        "cluster: {slurm: {workers: 2, memory: 1GB, walltime: 1h, accont: x}}",
        "4: cluster.slurm.accont: unknown key; did you mean 'account'?",
    ),
    "batch without memory": ("cluster: {htcondor: {workers: 2}}", "the key 'memory' is missing"),
    "batch without walltime": (
        "cluster: {slurm: {workers: 2, memory: 1GB}}",
        "cluster.slurm: the key 'walltime' is missing",
    ),
    "fewest above most": (
        "cluster: {slurm: {workers: {min: 3, max: 2}, memory: 1GB, walltime: 1h}}",
        "4: cluster.slurm.workers: min=3 is above max=2",
    ),
    "misspelt bound": (
        "cluster: {htcondor: {workers: {mx: 2}, memory: 1GB}}",
        "4: cluster.htcondor.workers.mx: unknown key; did you mean 'max'?",
    ),
    "no batch workers": (
        "cluster: {slurm: {workers: 0, memory: 1GB, walltime: 1h}}",
        "4: cluster.slurm.workers.max: ",
    ),
    "workers as text": (
        "cluster: {slurm: {workers: many, memory: 1GB, walltime: 1h}}",
        "4: cluster.slurm.workers: 'many' is no number of workers; write one, or {min: 0, max: 40}",
    ),
    "life beyond the walltime": (
        "cluster: {slurm: {workers: 2, memory: 1GB, walltime: 1h, lifetime: 2h}}",
        "lifetime (7200 s) is not below walltime",
    ),
    "directive that is none": (
        "cluster: {slurm: {workers: 2, memory: 1GB, walltime: 1h, directives: [qos=long]}}",
        "'qos=long' is no option of sbatch",
    ),
    "directive of two lines": (
        'cluster: {htcondor: {workers: 2, memory: 1GB, directives: {a: "1\\nexecutable = /bin/rm"}}}',
        "on one line",
    ),
    "prologue of two lines": (
        'cluster: {slurm: {workers: 2, memory: 1GB, walltime: 1h, prologue: ["a\\nb"]}}',
        "4: cluster.slurm.prologue.0: 'a\\nb' is not one line of text",
    ),
    "host named twice": ("cluster: {ssh: {hosts: [a, a]}}", "a host is named twice"),
    "no hosts": ("cluster: {ssh: {hosts: []}}", "cluster.ssh.hosts: "),
    "host and interface": ("cluster: {ssh: {hosts: [a], host: b, interface: ib0}}", "not both"),
    "certificates of ours": (
        "cluster: {local: {}, tls: {ca: a, cert: b, key: c}}",
        "tls goes with address or scheduler_file",
    ),
    "unknown direction": ("objectives: {a: up}", "'min' or 'max'"),
    "constraint as text": ("constraints: a <= 1", "constraints: a list is needed"),
    "fidelity": (
        "fidelity: {events: [1, 2]}",
        "fidelity.events: unknown key; known are averages, high, integer, low",
    ),
    "fidelity upside down": ("fidelity: {low: 9, high: 3}", "0 < low < high is needed"),
    "fidelity as text": ("fidelity: {low: 1, high: '9'}", "fidelity.high: a number is needed"),
    "unknown stopping": ("early_stopping: halving", "there are asha, hyperband, model, median"),
    "unknown setting of stopping": ("early_stopping: {asha: {ratio: 3}}", "it takes eta"),
    "report as number": ("report: 3", "report: text is needed"),
    "space as list": ("space: [1, 2]", "space: a mapping is needed"),
    "nan": ("retries: {lost: .nan}", "whole number"),
}


@pytest.mark.parametrize(("line", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_understood_is_refused_at_its_line(read, line, message):
    with pytest.raises(JobFileError) as caught:
        read(BASE + line + "\n")
    assert message in str(caught.value)
    assert "job.yaml:4: " in str(caught.value)


def test_missing_keys_are_all_named_at_once(read):
    with pytest.raises(JobFileError) as caught:
        read("seed: 1\n")
    for key in ("study", "objective", "budget"):
        assert f"the key '{key}' is missing" in str(caught.value)


def test_a_budget_that_never_ends_is_refused(read):
    with pytest.raises(JobFileError, match="would never end"):
        read("study: a\nobjective: {python: m:f}\nbudget: {failures: 3}\n")


def test_a_section_that_misses_a_key_is_placed_at_its_own_line(read):
    with pytest.raises(JobFileError, match=r"job\.yaml:2: objective: name exactly one objective"):
        read("study: a\nobjective: {}\nbudget: {trials: 1}\n")


HOSTILE_NAMES = [
    "; rm -rf /",
    "$(touch pwned)",
    "`id`",
    "../../x",
    "a/b",
    "a\nb",
    "a\n",
    "",
    ".",
    "-x",
    "x" * 10_240,
    "x" * 101,
    "é",
    "a\x00b",
    "<script>",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=[repr(name[:20]) for name in HOSTILE_NAMES])
def test_a_hostile_study_name_is_refused_in_few_words(name):
    data = {"study": name, "objective": {"python": "m:f"}, "budget": {"trials": 1}}
    with pytest.raises(JobFileError, match="cannot name a study") as caught:
        check_jobfile(Document("job.json", data))
    assert len(str(caught.value)) < 300


def test_a_job_survives_the_trip_through_json(read):
    job = read(
        BASE
        + "space: {x: {real: [1e-3, 1], log: true}}\nlimits: {time: 30min, memory: 4GB}\n"
        + "cluster: {local: {workers: 2}}\nresources: {GPU: 1}\nseed: 3\nreport: false\n"
    )
    assert JobFile.model_validate(job.model_dump(mode="json")) == job
    assert (job.limits.time, job.limits.memory) == (1800.0, 4 * 10**9)


def test_the_store_and_the_report_are_named_after_the_study_unless_said_otherwise(read):
    job = read(BASE)
    assert job.store_url == "sqlite:///a.db"
    assert str(job.report_folder) == "a-report"
    assert read(BASE + "report: false\n").report_folder is None
    assert read(BASE + "report: out/\nstore: sqlite:///b.db\n").store_url == "sqlite:///b.db"
