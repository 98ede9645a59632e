"""An ssh server on loopback for as long as its standard input is open: ``ssh_server.py FOLDER``.

FOLDER holds its host key and the key of its client; the server writes its port to FOLDER/port.  It is
sshd, in the foreground with a configuration of its own, or asyncssh where sshd is not installed.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import asyncssh

SSHD = os.environ.get("SMBO_TEST_SSHD") or shutil.which("sshd") or shutil.which("/usr/sbin/sshd")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def serve_with_sshd(folder):
    port = free_port()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it insists on it
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "user_key.pub",
        "PidFile": "none",
        "PasswordAuthentication": "no",
        "StrictModes": "no",
        "UsePAM": "no",
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    with (folder / "sshd.log").open("wb") as log:
        words = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    (folder / "port").write_text(str(port))
    sys.stdin.read()
    server.terminate()
    server.wait()


async def run_command(process):
    """Run the command of a client, with its standard input, until the command ends."""
    pipe = asyncio.subprocess.PIPE
    ran = await asyncio.create_subprocess_shell(process.command, stdin=pipe, stdout=pipe, stderr=pipe)
    await process.redirect(stdin=ran.stdin, stdout=ran.stdout, stderr=ran.stderr)
    process.exit(await ran.wait())


async def serve_with_asyncssh(folder):
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[str(folder / "host_key")],
        authorized_client_keys=str(folder / "user_key.pub"),
        process_factory=run_command,
        encoding=None,
    )
    (folder / "port").write_text(str(server.get_port()))
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    home = Path(sys.argv[1])
    if SSHD is None:
        asyncio.run(serve_with_asyncssh(home))
    else:
        serve_with_sshd(home)
    os._exit(0)
