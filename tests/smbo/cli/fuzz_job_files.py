"""Mutate job files in ways that make them invalid: each is to be refused with exit code 2 and one message.

    python tests/smbo/cli/fuzz_job_files.py --jobs 5000          # in process; a slice is in the suite
    python tests/smbo/cli/fuzz_job_files.py --jobs 100 --command  # through the installed command
    python tests/smbo/cli/fuzz_job_files.py --only 1234           # one job again, with its file and output

Each job is a valid one with one to three keys replaced by values that are known to be invalid there, written
as YAML, JSON or TOML; or a text that is no job file at all.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from invalid_job_values import BASES, INVALID, NO_JOBS, UNKNOWN, Keys

from smbo.cli import main

OBJECTIVE = "def evaluate(params):\n    return params.get('x', 0.0)\n"


def mutated(rng: random.Random) -> tuple[str, str, str]:
    """Return what is wrong with a job, the ending of its file, and its text."""
    if rng.random() < 0.05:
        text = rng.choice(NO_JOBS)
        return f"no job: {text!r}", rng.choice([".yaml", ".json", ".toml"]), text
    job = copy.deepcopy(rng.choice(BASES))
    wrong = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if rng.random() < 0.15 and at(job, ("budget",)) is not None:
            key, place = rng.choice(UNKNOWN), rng.choice([(), ("budget",)])
            if key not in job and (place == () or key not in ("time", "trials")):
                at(job, place)[key] = rng.choice([1, "a", [0, 1], {"a": 1}, None])
                wrong.append(f"{(*place, key)}")
            continue
        path = rng.choice(list(INVALID))
        names = path
        if path[-1] == "*":
            names = (*path[:-1], rng.choice(list(job["space"] if isinstance(job["space"], dict) else ["x"])))
        value = copy.deepcopy(rng.choice(INVALID[path]))
        parent = at(job, names[:-1])
        if parent is not None:
            parent[names[-1]] = value
            wrong.append(f"{names}: {value!r:.60}")
    if not wrong:
        return mutated(rng)
    ending = rng.choice([".yaml", ".yaml", ".json", ".toml"])
    text = toml_of(job) if ending == ".toml" else written(job)
    if text is None:
        ending, text = ".yaml", written(job)
    return "; ".join(wrong), ending, text


def at(job: Any, path: Keys) -> Any:
    """Return the mapping at a path, None if there is none."""
    for key in path:
        job = job.get(key) if isinstance(job, dict) else None
    return job if isinstance(job, dict) else None


def written(job: Any) -> str:
    """Return a job as JSON, which is YAML but for NaN and infinity."""
    text = json.dumps(job)
    return re.sub(r"\b(NaN|Infinity)\b", lambda match: {"NaN": ".nan", "Infinity": ".inf"}[match[1]], text)


def toml_of(job: Any) -> str | None:
    """Return a job as TOML, None where it cannot be written so."""
    try:
        return "\n".join(f"{json.dumps(key)} = {_toml(value)}" for key, value in job.items())
    except TypeError:
        return None


def _toml(value: Any) -> str:
    if value is None:
        raise TypeError
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """Work in a folder with the objective in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fuzz_toy.py").write_text(OBJECTIVE)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        try:
            yield folder
        finally:
            os.chdir(before)
            sys.path.remove(str(folder))
            sys.modules.pop("fuzz_toy", None)


def run(path: Path, *, by_command: bool) -> tuple[int, str]:
    """Return exit code and output of `smbo run`."""
    if by_command:
        smbo = [sys.executable, "-m", "smbo.cli"] if shutil.which("smbo") is None else ["smbo"]
        done = subprocess.run([*smbo, "run", str(path)], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr
    result = CliRunner().invoke(main, ["run", str(path)])
    output = result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        output += f"\nTraceback: {result.exception!r}"
    return result.exit_code, output


_DOUBLED = re.compile(r"(?:^|[ :])([\w.]+): \1: ")


def complaint(folder: Path, code: int, output: str) -> str | None:
    """Return what is wrong with an answer; None if it is a refusal as it should be."""
    if "Traceback" in output:
        return "a traceback"
    if code != 2:
        return f"exit code {code}"
    if sum(line.lower().startswith("error: ") for line in output.splitlines()) != 1:
        return "not one message"
    if len(output) > 3000:
        return f"{len(output)} characters"
    if _DOUBLED.search(output):
        return "a doubled prefix"
    if not all(char.isprintable() or char == "\n" for char in output):
        return "control characters"
    left = [each.name for each in folder.iterdir() if each.name not in ("fuzz_toy.py", "__pycache__")]
    left = [name for name in left if not name.startswith("job.")]
    return f"files were left: {left}" if left else None


def fuzz(seeds: range, *, by_command: bool = False) -> list[tuple[int, str, str, str]]:
    """Return (seed, what was mutated, complaint, output) of every job that is not refused well."""
    found = []
    with working_folder() as folder:
        for seed in seeds:
            wrong, ending, text = mutated(random.Random(seed))
            path = folder / f"job{ending}"
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            code, output = run(Path(path.name), by_command=by_command)
            path.unlink()
            said = complaint(folder, code, output)
            if said is not None:
                found.append((seed, wrong, said, output))
                for each in folder.glob("*.db*"):
                    shutil.rmtree(each) if each.is_dir() else each.unlink()
            if len(seeds) == 1:
                print(wrong, text, output, sep="\n")
    return found


def command() -> None:
    """Fuzz from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--start", type=int, default=0, help="seed of the first")
    parser.add_argument("--only", type=int, help="seed of one job")
    parser.add_argument("--command", action="store_true", help="through the installed command")
    given = parser.parse_args()
    seeds = range(given.start, given.start + given.jobs)
    if given.only is not None:
        seeds = range(given.only, given.only + 1)
    found = fuzz(seeds, by_command=given.command)
    for seed, wrong, said, output in found[:40]:
        print(f"--- {seed}: {said}: {wrong}\n{output[-600:]}")
    print(
        f"{len(seeds)} jobs, {len(found)} not refused as they should be: {Counter(each[2] for each in found)}"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    command()
