"""A batch system of one machine: sbatch, squeue, scancel, condor_submit, condor_q, condor_rm.

The file's name is the command.  Jobs are processes; their state is in a folder, $FAKE_BATCH:

    N.pid       of job N;  N.log  of its submission script
    closed      while this file is there, jobs wait and none starts
    refuse      while this file is there, no job is taken, for the reason in this file
    away        while this file is there, no command is answered
    reason      why jobs wait; else Resources
    held        HTCondor holds jobs that wait, for the reason in this file
    lingers     HTCondor shows jobs that are over, as completed, as it does for `condor_submit -spool`
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

BOOKS = Path(os.environ["FAKE_BATCH"])


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def jobs():
    """Return the jobs that wait or run, with their pids (0: it waits)."""
    found = {int(path.stem): int(path.read_text()) for path in BOOKS.glob("*.pid")}
    return {number: pid for number, pid in sorted(found.items()) if pid == 0 or is_alive(pid)}


def submit(script, words, environment, out, err):
    """Start a process for a job, or let it wait; return its number."""
    if (BOOKS / "refuse").exists():
        reason = (BOOKS / "refuse").read_text()
        sys.exit(f"error: Batch job submission failed: {reason or 'Invalid account'}")
    number = next(n for n in range(1, 10**6) if take(BOOKS / f"{n}.script", script))
    waiting = (
        f'while [ -e "{BOOKS}/closed" ]; do sleep 0.1; done; echo $$ > "{BOOKS}/{number}.pid"; exec "$@"'
    )
    name = lambda path: str(path).replace("%J", str(number))  # noqa: E731
    with open(name(out), "ab") as output, open(name(err), "ab") as errors:
        process = subprocess.Popen(
            ["/bin/sh", "-c", waiting, "job", *(name(word) for word in words)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, start_new_session=True,
        )  # fmt: skip
    (BOOKS / f"{number}.waits").write_text(str(process.pid))
    if not (BOOKS / f"{number}.pid").exists():
        (BOOKS / f"{number}.pid").write_text("0" if (BOOKS / "closed").exists() else str(process.pid))
    return number


def take(path, text):
    try:
        with open(path, "x") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def sbatch(path):
    script = Path(path).read_text()
    told = dict(
        line.split()[1:3] for line in script.splitlines() if line.startswith("#SBATCH -") and " " in line[8:]
    )
    number = submit(script, ["/bin/bash", "-c", script], dict(os.environ), told["-o"], told["-e"])
    print(f"Submitted batch job {number}")


def condor_submit(path):
    script = Path(path).read_text()
    told = dict(
        line.split(" = ", 1) for line in script.splitlines() if " = " in line and not line.startswith("#")
    )
    words = told["Arguments"].strip()[1:-1].replace('""', '"')
    assert words.startswith("-c '"), words
    command = words[4:-1].replace("''", "'")
    logs = told["LogDirectory"]
    # unlike SLURM it hands the submitter's environment to no job
    number = submit(
        script, ["/bin/sh", "-c", command], {"PATH": os.environ["PATH"]}, f"{logs}/out", f"{logs}/err"
    )
    print(f"1 job(s) submitted to cluster {number}.")


def squeue(*_):
    for number, pid in jobs().items():
        name = re.search(r"^#SBATCH -J (\S+)", (BOOKS / f"{number}.script").read_text(), re.MULTILINE)[1]
        print(f"{number}|RUNNING|{name}|None" if pid else f"{number}|PENDING|{name}|{reason()}")


def reason():
    """Return why jobs wait, in the batch system's words."""
    return (BOOKS / "reason").read_text() if (BOOKS / "reason").exists() else "Resources"


def condor_q(*_):
    held = (BOOKS / "held").read_text() if (BOOKS / "held").exists() else None
    here = jobs()
    for number, pid in here.items():
        status, why = (2, "undefined") if pid else (1, reason()) if held is None else (5, held)
        print(f"{number}.0", status, why)
    if (BOOKS / "lingers").exists():
        for number in {int(path.stem) for path in BOOKS.glob("*.script")} - set(here):
            print(f"{number}.0", 4, "undefined")


def scancel(*numbers):
    for number in (word.partition(".")[0] for word in numbers):
        pid = int((BOOKS / f"{number}.waits").read_text())
        with (BOOKS / "cancelled").open("a") as file:
            file.write(f"{number}\n")
        if is_alive(pid):
            os.kill(pid, signal.SIGTERM)
        (BOOKS / f"{number}.pid").unlink(missing_ok=True)


if __name__ == "__main__":
    known = [sbatch, squeue, scancel, condor_submit, condor_q]
    commands = {"condor_rm": scancel, **{command.__name__: command for command in known}}
    if (BOOKS / "away").exists():
        sys.exit("Unable to contact slurm controller (connect failure)")
    commands[Path(sys.argv[0]).name](*sys.argv[1:])
