"""A network of one cable between two places, which can be cut: network namespaces, root only."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Cable:
    """Two places on a link of their own: this one, and one in a namespace.

    Args:
        number: distinguishes cables on this machine, 0 to 16383.
    """

    number: int

    @property
    def here(self) -> str:
        """The address at this end."""
        return self._address(1)

    @property
    def there(self) -> str:
        """The address at the other end."""
        return self._address(2)

    def __enter__(self):
        near, far, there = self._names
        _ip("netns", "add", there)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", there)
        _ip("addr", "add", f"{self.here}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", there, "addr", "add", f"{self.there}/30", "dev", far)
        for device in (far, "lo"):
            _ip("-n", there, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        _ip("netns", "del", self._names[2])

    def cut(self) -> None:
        """Let nothing through from now on."""
        _ip("link", "set", self._names[0], "down")

    def mend(self) -> None:
        """Let everything through again."""
        _ip("link", "set", self._names[0], "up")

    def over_there(self, command: list[str]) -> list[str]:
        """Return the command that runs one at the other end."""
        return ["ip", "netns", "exec", self._names[2], *command]

    def _address(self, host: int) -> str:
        block = self.number * 4 + host
        return f"10.213.{block // 256}.{block % 256}"

    @property
    def _names(self) -> tuple[str, str, str]:
        return f"chn{self.number}", f"chf{self.number}", f"chaos{self.number}"


def is_possible() -> bool:
    """Return whether this process may make namespaces."""
    return os.geteuid() == 0 and subprocess.run(["ip", "netns", "list"], capture_output=True).returncode == 0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
