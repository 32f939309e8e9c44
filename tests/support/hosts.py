"""Hosts as network namespaces on one machine, each with a Ray of its own."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pytest

RAY = Path(sys.executable).parent / "ray"


def command(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=300)


def require_namespaces() -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2")


@dataclass(frozen=True)
class Hosts:
    """So many hosts on a bridge; the first is the head.

    Their names hold the process that made them, since the same tests may run twice on a machine.
    The bridge has no address, so that others may have the same subnet.
    """

    kind: str
    """At most three letters: the kernel takes no more than 15 for an interface."""
    subnet: str
    count: int = 3
    process: int = field(default_factory=os.getpid)

    @property
    def name(self) -> str:
        return f"{self.kind}{self.process}"

    @cached_property
    def addresses(self) -> dict[str, str]:
        return {f"{self.name}-h{n}": f"{self.subnet}.{n}" for n in range(1, self.count + 1)}

    @property
    def head(self) -> str:
        return next(iter(self.addresses))

    @property
    def last(self) -> str:
        return list(self.addresses)[-1]

    @property
    def ray(self) -> str:
        """The address of the cluster."""
        return f"{self.addresses[self.head]}:6379"

    def lay(self) -> None:
        """Make a bridge, and a veth pair and an address for each host."""
        self._clear_abandoned()
        bridge = self._interface(0)
        command("ip", "link", "add", bridge, "type", "bridge")
        command("ip", "link", "set", bridge, "up")
        for number, (host, address) in enumerate(self.addresses.items(), start=1):
            outside = self._interface(number)
            command("ip", "netns", "add", host)
            command("ip", "link", "add", outside, "type", "veth", "peer", "e0", "netns", host)
            command("ip", "link", "set", outside, "master", bridge, "up")
            inside = ("ip", "-n", host)
            command(*inside, "addr", "add", f"{address}/24", "dev", "e0")
            command(*inside, "link", "set", "e0", "up")
            command(*inside, "link", "set", "lo", "up")

    def clear(self) -> None:
        """End what runs in the namespaces, then the namespaces."""
        for number, host in enumerate(self.addresses, start=1):
            self.end_all(host)
            command("ip", "netns", "delete", host, check=False)
            command("ip", "link", "delete", self._interface(number), check=False)
        command("ip", "link", "delete", self._interface(0), check=False)

    def _interface(self, number: int) -> str:
        """Name a host's cable, or the bridge (0)."""
        return f"{self.name}-{number}"

    def _clear_abandoned(self) -> None:
        """Clear the hosts of processes that were killed before they could."""
        names = command("ip", "netns", "list").stdout
        for process in set(re.findall(rf"^{self.kind}(\d+)-h", names, re.MULTILINE)):
            if not Path(f"/proc/{process}").exists():
                replace(self, process=int(process)).clear()

    def end_all(self, host: str) -> None:
        """End everything that runs on a host."""
        for pid in command("ip", "netns", "pids", host, check=False).stdout.split():
            end(int(pid))

    def pids(self, host: str, title: str) -> list[int]:
        """Return the processes on a host whose command line holds some text."""
        found = map(int, command("ip", "netns", "pids", host).stdout.split())
        return [pid for pid in found if title in _command_line(pid)]

    def cable(self, host: str, state: str) -> None:
        """Plug a host in (`up`) or out (`down`)."""
        number = list(self.addresses).index(host) + 1
        command("ip", "link", "set", self._interface(number), state)

    def on(self, host: str, *words: str) -> subprocess.CompletedProcess[str]:
        return command("ip", "netns", "exec", host, *words, check=False)

    def start_ray(self, host: str, folder: str, *wrapped: str, cpus: int = 1) -> None:
        """Start Ray on a host, with files of its own as on a machine of its own."""
        memory = ("--object-store-memory", str(100 * 2**20))
        common = (*memory, "--disable-usage-stats", "--include-log-monitor", "false")
        join = ("--address", self.ray, "--num-cpus", str(cpus))
        lead = ("--head", "--port", "6379", "--num-cpus", "0")
        own = ("--node-ip-address", self.addresses[host], "--temp-dir", folder)
        role = lead if host == self.head else join
        started = self.on(host, *wrapped, str(RAY), "start", *role, *own, *common)
        assert started.returncode == 0, started.stdout + started.stderr


@dataclass
class Cluster:
    """A Ray of three hosts with token mode on, whose head has no CPU to give."""

    hosts: Hosts
    folder: Path
    away: set[str] = field(default_factory=set)
    """Hosts that a test has taken away, and not brought back."""

    @property
    def private(self) -> Path:
        """A folder of which only the last host sees the content."""
        return self.folder / "private"

    def start(self, host: str) -> None:
        """Start Ray on a host, with files of its own for each start."""
        hide = ("sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(self.private))
        wrapped = hide if host == self.hosts.last else ()
        starts = len(list(self.folder.iterdir()))
        self.hosts.start_ray(host, f"{self.folder}/{host[-2:]}-{starts}", *wrapped)

    def cut_off(self, host: str) -> None:
        """Plug a host out."""
        self.away.add(host)
        self.hosts.cable(host, "down")

    def bring_back(self, host: str) -> None:
        """End what is left on a host, plug it in and start its Ray anew."""
        self.hosts.end_all(host)
        self.hosts.cable(host, "up")
        self.start(host)
        self.away.discard(host)


@contextmanager
def cluster_of_three(hosts: Hosts) -> Iterator[Cluster]:
    """Start the hosts and their Ray; end all of it."""
    require_namespaces()
    folder = Path(tempfile.mkdtemp(prefix="ch-", dir="/tmp"))  # short: socket paths have a limit
    cluster = Cluster(hosts, folder)
    cluster.private.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_AUTH_MODE", "token")
        # Another Ray of this process may have made one before, which it needs to its end.
        patch.setenv("RAY_AUTH_TOKEN", os.environ.get("RAY_AUTH_TOKEN", secrets.token_hex(16)))
        try:
            hosts.lay()
            for host in hosts.addresses:
                cluster.start(host)
            yield cluster
        finally:
            hosts.clear()
            shutil.rmtree(folder, ignore_errors=True)


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""
