"""`smbo init`: a commented job file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from smbo.cli.job.schema import check_study_name
from smbo.errors import JobFileError

TEMPLATE = """\
# A job for `smbo run {file}`.  Every key that is commented out shows its default or an example.
study: {study}                    # its name in the store; letters, digits, '.', '_' and '-'
# store: sqlite:///{study}.db     # where results are kept; the same command resumes from there
# spool: /shared/me/smbo        # where results wait; a folder that the workers of a cluster reach too

# What is evaluated: one of these, or any name that `smbo objectives` lists.
objective:
  python: mymodule:evaluate       # in mymodule.py beside this file: evaluate(alpha, …) or (params)
  # command: ["./simulate", "--alpha={{alpha}}", "--out={{result}}"]   # beside this file
  # pythia-ee: {{space: ee6n, events: 5000}}

# Where to search.  An objective that knows its own space needs none here.
space:
  alpha: {{real: [0.11, 0.16]}}
  rate: {{real: [1e-4, 1.0], log: true}}
  n: {{integer: [1, 9]}}
  mode: {{choice: [fast, careful]}}
  # width: {{real: [1e-3, 1.0], log: true, active_when: "mode == 'careful'"}}
  # rest: {{expression: "1 - rate", low: 0}}   # derived: a value that follows from others

# constraints: ["alpha * n <= 1"]   # on parameters (never proposed) or on measured metrics (infeasible)
# objectives: {{significance: max}}  # which of the returned metrics counts, and its direction
# maximize: false                   # for an objective that returns one number

# reference: {{significance: 1.0}}   # of several objectives: from where on a value is of no interest
# weights: {{significance: 2}}      # likewise: how much each counts for what is recommended
# level_set: {{level: 0.05, of: [cls_exp, cls_obs]}}   # where functions have a value, in place of objectives

# Prior knowledge.  A prior density goes into a dimension: {{real: [0, 1], prior: {{normal: [0.3, 0.1]}}}}
# try_first: [{{alpha: 0.118, rate: 0.1, n: 3, mode: fast}}]   # before any other points
# transfer: [old.csv]              # source studies: CSV, Parquet, {{study: name, store: sqlite:///old.db}}
# step_limits: {{alpha: 0.01, rate: 2}}   # how far each may move in a step; a factor where it is log
# context: {{parameters: [rate], command: [./read-sensors]}}   # observed before each ask, not chosen
# fixed: {{mode: fast}}               # of this run's new trials; --fix mode=fast, and --free mode again

# fidelity: {{name: epochs, low: 3, high: 81}}   # evaluations that are cheaper at a low one
# early_stopping: asha              # how trials are promoted: asha, hyperband, model; median ends some

recipe: auto                        # how to propose: auto, gp, forest, cost, sobol, random, …
seed: 1                             # repeats the study in serial runs; leave it out for a fresh one
budget: {{trials: 40}}                # also time: 2h, cost: 3600, and failures: 10 (give up after so many)
# termination: {{plateau: 20}}             # end the study after so many evaluations without a gain
cluster: {{local: {{workers: 2}}}}      # or serial, slurm, pbs, allocation, ssh, address, client, NAME, …
# lease: 5min                       # how long a worker elsewhere may miss its heartbeats
# isolation: process                # one warm child process a slot; fresh: a new one each time; thread
# limits: {{time: 30min, memory: 4GB}}  # of one evaluation
# retries: {{lost: 3}}                # run again when a worker was lost
# resources: {{cores: 4}}           # what one evaluation occupies; {{GPU: 1}} too
# report: {study}-report            # folder of the report; false for none
"""


@click.command(name="init")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="job.yaml")
@click.option("--study", default=None, help="Name of the study; by default that of the file.")
def command(file: Path, study: str | None) -> None:
    """Write a commented job file to start from (job.yaml unless named otherwise)."""
    if file.suffix not in (".yaml", ".yml"):
        raise JobFileError(f"{file}: the job file that init writes is YAML; end its name in .yaml")
    try:
        name = check_study_name(study if study is not None else file.stem)
    except ValueError as error:
        raise JobFileError(f"{error} (--study NAME sets it)") from None
    try:
        with file.open("x", encoding="utf-8") as stream:  # "x": never over an existing file
            stream.write(TEMPLATE.format(study=name, file=file.name))
    except FileExistsError:
        raise JobFileError(f"{file}: exists already; move it away or give another name") from None
    except (OSError, ValueError) as error:
        raise JobFileError(f"{str(file)!r}: cannot be written: {error}") from None
    click.echo(f"wrote {file}; edit it, then: smbo run {file}")
