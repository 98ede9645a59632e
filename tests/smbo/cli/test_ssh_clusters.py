"""Jobs on hosts that are reached by ssh, whose keys must be known."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

asyncssh = pytest.importorskip("asyncssh")

SERVER = Path(__file__).parents[2] / "stand_ins" / "ssh_server.py"


@dataclass(frozen=True)
class SshServer:
    """An ssh server on loopback."""

    folder: Path
    port: int

    def cluster(self, *hosts: str) -> str:
        """Return the key ``cluster`` of a job file for some of its names."""
        return (
            f"cluster: {{ssh: {{hosts: [{', '.join(hosts)}], host: 127.0.0.1, ssh_port: {self.port}, "
            f"key: '{self.folder}/user_key', known_hosts: '{self.folder}/known_hosts'}}}}"
        )


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host_key", "user_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(folder / name))
        (folder / name).chmod(0o600)
        key.write_public_key(str(folder / f"{name}.pub"))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(folder)], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 300
        while not (folder / "port").exists() or not (folder / "port").read_text():
            assert time.monotonic() < until, (folder / "log").read_text()
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        found = SshServer(folder, int((folder / "port").read_text()))
        public = (folder / "host_key.pub").read_text()
        names = ("127.0.0.1", "localhost")
        (folder / "known_hosts").write_text("".join(f"[{name}]:{found.port} {public}" for name in names))
        yield found
    finally:
        process.stdin.close()
        process.wait(30)


def hosts_at_work(folder):
    """Return the processes that look after the workers of a folder's cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "smbo_scheduler.clusters.host_agent" in words and any(str(folder) in word for word in words):
            found.append(process)
    return found


@pytest.mark.dask
def test_a_job_runs_on_the_hosts_that_ssh_reaches_and_leaves_nothing_there(folder, server):
    folder.write("where.py", "import os\n\n\ndef evaluate(params):\n    return os.getpid() * params['x']\n")
    ran = folder.smbo(
        "run", folder.job(server.cluster("127.0.0.1", "localhost"), "objective: {python: where:evaluate}")
    )
    assert ran.exit_code == 0, ran.output
    assert "4 complete" in ran.output
    until = time.monotonic() + 300
    while at_work := hosts_at_work(folder.path):
        assert time.monotonic() < until, at_work
        time.sleep(0.1)


@pytest.mark.dask
def test_a_host_whose_key_is_not_the_known_one_is_refused(folder, server):
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (server.folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {stranger}")
    ran = folder.smbo("run", folder.job(server.cluster("127.0.0.1")))
    assert ran.exit_code == 2, ran.output
    assert "no host starts a worker" in ran.output
    assert "not trusted" in ran.output


def test_asyncssh_is_asked_for_before_anything_is_written(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "asyncssh" else name)
    ran = folder.smbo("run", folder.job("cluster: {ssh: {hosts: [a]}}"))
    assert ran.exit_code == 2
    assert "pip install 'smbo[ssh]'" in ran.output
    assert not os.listdir(folder.path) or not list(folder.path.glob("*.db"))
