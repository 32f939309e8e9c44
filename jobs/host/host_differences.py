"""Differences among the hosts of a cluster that should not exist."""

from collections.abc import Callable, Sequence
from typing import Literal

from compound.schemas.machine.host import Finding, HostFacts

Level = Literal["wrong", "note"]


def differences(hosts: Sequence[HostFacts]) -> tuple[Finding, ...]:
    """Return findings for versions that differ: the ranks of one job run on several hosts."""
    checks: tuple[tuple[str, Level, Callable[[HostFacts], str], bool], ...] = (
        ("python", "wrong", lambda host: host.packages.get("python", ""), False),
        ("compound", "wrong", lambda host: host.packages.get("compound", ""), False),
        ("torch", "wrong", lambda host: host.packages.get("torch", ""), False),
        ("NCCL", "wrong", lambda host: host.torch.nccl if host.torch else "", True),
        ("the CUDA of torch", "wrong", lambda host: host.torch.cuda if host.torch else "", True),
        ("the NVIDIA driver", "note", lambda host: host.module, True),
        ("GPUs", "note", _names, True),
    )
    findings = []
    for name, level, value, on_gpus in checks:
        relevant = [host for host in hosts if host.has_gpu] if on_gpus else hosts
        finding = _difference(name, level, [(host.host, value(host)) for host in relevant])
        findings += [finding] if finding else []
    return tuple(findings)


def _names(host: HostFacts) -> str:
    gpus = host.driver.gpus if host.driver else ()
    return ", ".join(sorted({gpu.name for gpu in gpus}))


def _difference(name: str, level: Level, values: list[tuple[str, str]]) -> Finding | None:
    hosts: dict[str, list[str]] = {}
    for host, value in values:
        hosts.setdefault(value or "none", []).append(host)
    if len(hosts) < 2:
        return None
    parts = "; ".join(f"{value} on {_few(names)}" for value, names in hosts.items())
    same = "install the same on every host"
    slow = "jobs whose workers share a host are not slowed by it"
    return Finding(
        level=level, text=f"{name} differ: {parts}", fix=same if level == "wrong" else slow
    )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
