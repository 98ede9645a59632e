"""What the commands of all scenarios have in common: a seed, a mutant, and an account at the end."""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Sequence
from pathlib import Path

from rig import ledger, mutants
from rig.audit import Account, audit, read_store
from rig.fleet import Fleet

MOST_SHOWN = 20


def parser_of(doc: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all scenarios take."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--mutant", choices=["", *sorted(mutants.MUTANTS)], default="")
    return parser


def begin(options: argparse.Namespace) -> random.Random:
    """Print the seed, break the product in what is started if that is asked for; return the dice."""
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    os.environ[mutants.VARIABLE] = options.mutant
    return random.Random(seed)


def begin_ledger(root: Path) -> None:
    """Have the processes that are started keep their ledger in a folder."""
    os.environ[ledger.VARIABLE] = str(root / "ledger")


def account_of(url: str, study: str, root: Path, n_asked: int, **how: bool) -> Account:
    """Hold what is stored of a study against the ledger; see ``audit``."""
    return audit(read_store(url, study), ledger.read(root / "ledger"), n_asked, **how)


def note_output(account: Account, fleet: Fleet) -> Account:
    """Add what the processes said, where there is a fault."""
    if account.faults:
        said = fleet.log.read_text()[-3000:] if fleet.log.exists() else "nothing"
        account.faults.append(f"exit codes {fleet.exits}; the drivers said:\n{said}")
    return account


def show(faults: Sequence[str]) -> None:
    """Print the first faults."""
    for fault in faults[:MOST_SHOWN]:
        print(f"    {fault}", flush=True)


def end(faults: Sequence[str]) -> int:
    """Print the first faults and their number; return the exit code."""
    show(faults)
    print(f"{len(faults)} faults")
    return 1 if faults else 0
