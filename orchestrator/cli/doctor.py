"""`compound doctor`: is all that training needs there, on this machine and on every host?"""

import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from compound.jobs.host.gpu_checks import check
from compound.jobs.host.host_differences import differences
from compound.jobs.host.host_facts import PACKAGES, gather
from compound.jobs.host.users_compound import WAY_OUT, users_compound
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import is_terminal, print_json, print_table, say
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import ClusterError, CompoundError, after_check, end_with
from compound.schemas.machine.host import Finding, HostFacts, TorchDevice

GIB = 2**30
_OPTIONAL = {
    "compound": "not installed: this is a checkout on Python's path",
    "ray": "not installed: only `--runner local` works here",
}
_COLUMNS = ("device", "name", "sm", ">GiB", ">free", ">steps/s", "MIG")
_NARROW = 80
"""Columns where stdout is no terminal."""


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    what: str
    ok: bool
    found: str


def doctor(store: str, address: str | None, *, as_json: bool) -> None:
    """Check machine, store and cluster; exit 1 where something would not work."""
    facts = gather(_address_of)
    hosts: list[HostFacts] = []
    findings: list[Finding] = []
    checks = [
        Check("python", True, f"{platform.python_version()} on {platform.machine()}"),
        *(_package(name, facts.packages[name]) for name in PACKAGES),
        Check("cores", True, str(os.cpu_count())),
        _check(f"store {store}", lambda: f"writable: {ArtifactStore.open(store).uri}"),
        _check("ray", lambda: _cluster(address, hosts, findings)),
    ]
    hosts = hosts or [facts]
    findings += [finding for host in hosts for finding in check(host)]
    findings += differences(hosts)
    if hiding := users_compound(Path()):
        findings.append(Finding(level="note", text=hiding, fix=WAY_OUT))
    findings.sort(key=lambda finding: finding.level, reverse=True)  # what is wrong comes first
    right = all(item.ok for item in checks) and not any(f.level == "wrong" for f in findings)
    if as_json:
        print_json(_answer(checks, hosts, findings, right))
    else:
        _show(checks, hosts, findings)
    end_with(after_check(sound=right))


def _answer(
    checks: Sequence[Check], hosts: Sequence[HostFacts], findings: Sequence[Finding], right: bool
) -> dict[str, object]:
    return {
        "ok": right,
        "checks": [asdict(item) for item in checks],
        "findings": [finding.model_dump(mode="json") for finding in findings],
        "hosts": [host.model_dump(mode="json") for host in hosts],
    }


def _package(name: str, version: str) -> Check:
    if version:
        return Check(name, True, version)
    return Check(name, name in _OPTIONAL, _OPTIONAL.get(name, f"not installed: pip install {name}"))


def _check(subject: str, find: Callable[[], str]) -> Check:
    try:
        return Check(subject, True, find())
    except CompoundError as error:
        # One cell of a table: a line break in it would be printed as its escape.
        return Check(subject, False, "; ".join(line.strip() for line in str(error).splitlines()))


def _address_of(interface: str) -> str | None:
    """Return an interface's address where Ray is there, whose own is looked for among them."""
    if not find_spec("ray"):
        return None
    from compound.cluster.network_interface import address_of

    return address_of(interface)


def _cluster(address: str | None, hosts: list[HostFacts], findings: list[Finding]) -> str:
    """Join the cluster that a run would use, and look at its hosts; none is fine."""
    if not (address or os.environ.get("RAY_ADDRESS")):
        return "no cluster named: `compound run` starts a local one"
    from compound.cluster.host_checks import facts_of_hosts
    from compound.cluster.ray_session import connect

    with connect(address) as session:
        nodes = session.nodes
        if not nodes:
            raise ClusterError("the cluster has no live node", where=address or "RAY_ADDRESS")
        looked_at, missing = facts_of_hosts()
        hosts += looked_at
        findings += missing
        cpus, gpus = sum(n.cpus for n in nodes), sum(n.gpus for n in nodes)
        return (
            f"{counted(len(nodes), 'host')}, {cpus:g} CPUs, {gpus:g} GPUs, {session.dashboard_url}"
        )


def _show(checks: Sequence[Check], hosts: Sequence[HostFacts], findings: Sequence[Finding]) -> None:
    rows = [["ok" if item.ok else "bad", item.what, item.found] for item in checks]
    print_table("doctor", ("state", "what", "|found"), rows)
    for host in hosts:
        _show_host(host)
    several = len(hosts) > 1
    for finding in findings:
        say()
        text = f"{finding.level}: {f'{finding.host}: ' if several and finding.host else ''}"
        _wrapped(text + finding.text, "  ")
        if finding.fix:
            # Not wrapped: a line break would spoil a command that is copied.
            say(f"  next: {finding.fix}")


def _show_host(host: HostFacts) -> None:
    say()
    if not host.has_gpu:
        say(f"{host.host}: no NVIDIA GPU, so jobs train on its CPU")
        return
    devices = host.torch.devices if host.torch else ()
    if devices:
        rows = [_device(host, device) for device in devices]
        print_table(f"{host.host}: GPUs as torch sees them", _COLUMNS, rows)
    else:
        names = ", ".join(gpu.name for gpu in host.driver.gpus) if host.driver else ""
        say(f"{host.host}: torch sees no GPU; the driver lists {names or host.listed}")
    for line in _lines(host):
        _wrapped(line, "    ")


def _device(host: HostFacts, device: TorchDevice) -> list[str]:
    trials = {trial.device: trial for trial in host.trials}
    trial = trials.get(f"cuda:{device.index}")
    speed = "?" if trial is None else "failed" if trial.error else f"{trial.steps:.0f}"
    return [
        f"cuda:{device.index}",
        device.name.removeprefix("NVIDIA "),
        "{}.{}".format(*device.capability),
        f"{device.memory / GIB:.0f}",
        "?" if device.free is None else f"{device.free / GIB:.0f}",
        speed,
        "on" if host.driver and any(gpu.mig for gpu in host.driver.gpus) else "off",
    ]


def _lines(host: HostFacts) -> list[str]:
    """Say in lines what is the same for all devices of a host."""
    build = host.torch
    versions = [f"driver {host.module or (host.driver.version if host.driver else '') or 'none'}"]
    if build:
        versions += [f"torch {build.version}", f"CUDA {build.cuda or 'none'}"]
        versions += [f"cuDNN {build.cudnn or 'none'}", f"NCCL {build.nccl or 'none'}"]
    lines = [", ".join(versions)]
    if build and build.devices:
        pairs = (
            "all reach each other"
            if not build.peers
            else f"{counted(len(build.peers), 'pair')} of GPUs without it"
        )
        lines += [f"direct access: {pairs}"] if len(build.devices) > 1 else []
        on = [name for name, is_on in _tf32(host) if is_on]
        lines.append(f"TF32 by default: {' and '.join(on) or 'off'}")
    interfaces = [f"{item.name} {item.address}".strip() for item in host.interfaces]
    lines.append(f"interfaces: {', '.join(interfaces)}")
    variables = [f"{k}={v}" for k, v in host.environment.items() if k.startswith(("NCCL", "GLOO"))]
    return [*lines, f"NCCL and gloo: {' '.join(variables)}"] if variables else lines


def _tf32(host: HostFacts) -> list[tuple[str, bool]]:
    assert host.torch
    build = host.torch
    return [("convolutions", build.convolutions_tf32), ("products", build.products_tf32)]


def _wrapped(text: str, indent: str) -> None:
    width = shutil.get_terminal_size((_NARROW, 0)).columns if is_terminal(sys.stdout) else _NARROW
    for line in textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ):
        say(line)
