"""What tests of several packages share: a batch system of one machine, a database server."""

import os
import signal
import stat
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from private_postgres import PrivatePostgres, add_schema, binaries, with_schema

FAKE_BATCH = Path(__file__).with_name("stand_ins") / "fake_batch.py"
COMMANDS = ("sbatch", "squeue", "scancel", "condor_submit", "condor_q", "condor_rm")


@dataclass(frozen=True)
class BatchSystem:
    """What the fake batch system was told, and what became of it."""

    books: Path

    @property
    def submitted(self) -> list[str]:
        """The scripts of all jobs, in the order in which they came."""
        paths = sorted(self.books.glob("*.script"), key=lambda path: int(path.stem))
        return [path.read_text() for path in paths]

    @property
    def cancelled(self) -> list[int]:
        path = self.books / "cancelled"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def pids(self) -> list[int]:
        """The processes of the jobs that run."""
        found = [int(path.read_text()) for path in self.books.glob("*.pid")]
        return [pid for pid in found if pid and _is_alive(pid)]

    def close(self) -> None:
        """Let jobs wait from now on."""
        (self.books / "closed").touch()

    def open(self) -> None:
        """Let them start."""
        (self.books / "closed").unlink()


@pytest.fixture
def batch_system(tmp_path, monkeypatch):
    """A batch system that speaks SLURM and HTCondor, found through PATH."""
    commands, books = tmp_path / "batch-bin", tmp_path / "batch-books"
    commands.mkdir()
    books.mkdir()
    for name in COMMANDS:
        path = commands / name
        path.write_text(f"#!{sys.executable} -IS\n{FAKE_BATCH.read_text()}")
        path.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_BATCH", str(books))
    yield BatchSystem(books)
    for path in books.glob("*.waits"):
        pid = int(path.read_text())
        if _is_alive(pid):
            os.kill(pid, signal.SIGTERM)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="session")
def postgres_server_url():
    """The URL of a PostgreSQL server: SMBO_TEST_PG_URL, or one that is started here."""
    given = os.environ.get("SMBO_TEST_PG_URL")
    if given:
        yield given
        return
    if binaries() is None:
        message = "no PostgreSQL server: set SMBO_TEST_PG_URL, or apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with PrivatePostgres() as server:
        yield server.url()


@pytest.fixture
def postgres_url(postgres_server_url):
    """The URL of an empty store in PostgreSQL, of one test alone."""
    schema = f"test_{uuid.uuid4().hex[:12]}"
    add_schema(postgres_server_url, schema)
    return with_schema(postgres_server_url, schema)
