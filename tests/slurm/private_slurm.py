"""A real SLURM on this machine alone: two nodes, daemons of the one machine, on the loopback interface.

From Debian's packages (``install``); no systemd, no database, nothing of an installed SLURM is touched.  It
needs root: the daemons run as root, and so do the jobs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
NODES = ("n1", "n2")
N_CORES, N_GPUS, MEMORY_MB = 4, 2, 4000

CONFIGURATION = """\
ClusterName=smbo
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
MessageTimeout=5
KillWait=5
MinJobAge=10
SchedulerParameters=sched_interval=2,bf_interval=2
MpiDefault=none
GresTypes=gpu
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cores} RealMemory={memory} Gres=gpu:{gpus}
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cores} RealMemory={memory} Gres=gpu:{gpus}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE OverTimeLimit=0
"""  # noqa: E501 - a node is one line


def install() -> None:
    """Install the packages, without starting their services."""
    if all(shutil.which(name) for name in ("slurmctld", "slurmd", "munged", "sbatch")):
        return
    environment = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    subprocess.run(command, check=True, env=environment)


class PrivateSlurm:
    """A SLURM in a folder, while its ``with`` block lasts.

    Args:
        folder: empty, of root's, where other users can enter.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which SLURM's commands find this one."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self) -> PrivateSlurm:
        self._write()
        try:
            self._start_munge()
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            self._wait_until_idle()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all jobs and all daemons."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.call("scancel", "--user", "root", timeout=10)
            time.sleep(1)
        for name in reversed(list(self._daemons)):
            self._end(name)

    def call(self, *words: str, timeout: float = 30.0) -> str:
        """Return the output of one of SLURM's commands."""
        done = subprocess.run(
            words,
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **self.environment},
        )
        return done.stdout

    def jobs(self, form: str = "%i %T %r") -> list[str]:
        """Return a line for each job in the queue."""
        return self.call("squeue", "--noheader", f"--format={form}").splitlines()

    def start_controller(self) -> None:
        """Start the controller unless it runs, and wait until it answers."""
        if "slurmctld" in self._daemons:
            return
        self._daemons["slurmctld"] = self._spawn("slurmctld", "-D")
        self._wait_for(lambda: "UP" in self.call("scontrol", "ping", timeout=10))

    def stop_controller(self) -> None:
        """End the controller; jobs go on."""
        self._end("slurmctld")

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self._daemons[node] = self._spawn("slurmd", "-D", "-N", node)

    def stop_node(self, node: str) -> None:
        """End the daemon of a node, and all that its jobs started."""
        self._end(node)
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("SLURMD_NODENAME") == node:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    def _write(self) -> None:
        for name in ("state", "munge", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(mode=0o755)
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        ports = [listener.getsockname()[1] for listener in listeners]
        for listener in listeners:
            listener.close()
        values = {"folder": self.folder, "host": socket.gethostname(), "ports": ports, "nodes": NODES}
        sizes = {"cores": N_CORES, "gpus": N_GPUS, "memory": MEMORY_MB}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**values, **sizes))
        lines = []
        for node in NODES:
            devices = self.folder / f"devices-{node}"
            devices.mkdir()
            for number in range(N_GPUS):
                # a null device: SLURM asks for a device and takes its number from the name
                os.mknod(devices / f"nvidia{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            lines.append(f"NodeName={node} Name=gpu File={devices}/nvidia[0-{N_GPUS - 1}]\n")
        (self.folder / "gres.conf").write_text("".join(lines))
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)

    def _start_munge(self) -> None:
        place = self.folder / "munge"
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
        options = [f"--{option}={place / name}" for option, name in {**files, "seed-file": "seed"}.items()]
        self._daemons["munged"] = self._spawn("munged", "--foreground", "--force", *options)
        self._wait_for((place / "socket").exists)

    def _spawn(self, *words: str) -> subprocess.Popen[bytes]:
        with open(self.folder / "daemons.out", "ab") as log:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(15)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()

    def _wait_until_idle(self) -> None:
        self._wait_for(lambda: self.call("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * len(NODES))

    def _wait_for(self, is_so: object, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(subprocess.SubprocessError):
                if is_so():  # type: ignore[operator]
                    return
            if time.monotonic() > until:
                logs: Sequence[Path] = sorted(self.folder.glob("*.log"))
                tails = "\n".join(f"{path.name}: {path.read_text()[-800:]}" for path in logs)
                raise RuntimeError(f"SLURM did not come up within {seconds} s\n{tails}")
            time.sleep(0.2)
