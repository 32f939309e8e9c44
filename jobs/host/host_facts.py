"""Collects facts about a host: files under /proc, /sys and /dev, nvidia-smi, and torch.

A broken device can hang a call or end its process: such calls run in child processes with a limit.
"""

import os
import platform
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

from compound.jobs.gpu.compilers import compilers
from compound.jobs.host.nvidia_smi import driver_of, module_version
from compound.jobs.runtime.child_processes import child_environment, module_command
from compound.jobs.runtime.distribution import compound_version
from compound.schemas.machine.host import Driver, HostFacts, Interface, Node, TorchFacts, Trial

PACKAGES = ("ray", "torch", "pyarrow", "pydantic")
_SMI_S, _TORCH_S, _TRIAL_S = 20.0, 60.0, 60.0
"""Seconds that nvidia-smi, torch's look at its devices and a device's training may take."""
_LISTENED = ("CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "PYTORCH_", "TORCH", "OMP_", "MKL_", "KMP_")
_LISTENED_FULLY = ("LD_LIBRARY_PATH", "LD_PRELOAD", "CC", "CXX", "KUBERNETES_SERVICE_HOST")
_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into every container."""


def gather(address_of: Callable[[str], str | None] = lambda name: None) -> HostFacts:
    """Return the facts about this host. `address_of`: returns an interface's IPv4 address."""
    root = Path("/proc/driver/nvidia")
    facts = HostFacts(
        host=socket.gethostname(),
        container=_contained(),
        packages={
            "python": platform.python_version(),
            "compound": compound_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        module=module_version(_read(root / "version")),
        listed=len(list((root / "gpus").glob("*"))),
        pci=_on_the_bus(Path("/sys/bus/pci/devices")),
        nodes=_nodes(Path("/dev")),
        driver=_driver(),
        environment=_environment(),
        interfaces=tuple(
            Interface(name=name, address=address_of(name) or "")
            for _, name in socket.if_nameindex()
        ),
        shared_memory=_size(Path("/dev/shm")),  # noqa: S108 - only its size is read
        python_header=Path(sysconfig.get_path("include"), "Python.h").exists(),
    )
    names = compilers("cuda" if facts.has_gpu else "cpu")
    compiler = next(filter(None, map(shutil.which, names)), "")
    facts = facts.model_copy(update={"compiler": compiler})
    return _on_gpus(facts) if facts.has_gpu else facts


def _on_gpus(facts: HostFacts) -> HostFacts:
    """Add the slow facts: torch's devices, and a short training on all of them at the same time."""
    torch_facts = _torch()
    devices = [f"cuda:{device.index}" for device in (torch_facts.devices if torch_facts else ())]
    # At the same time: each child takes seconds to import torch.
    with ThreadPoolExecutor(max_workers=max(1, len(devices))) as pool:
        trials = tuple(pool.map(_trial, devices))
    return facts.model_copy(update={"torch": torch_facts, "trials": trials})


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _contained() -> bool:
    """Return whether this is a container of Docker, Podman, Kubernetes, LXC or Apptainer."""
    cgroups = _read(Path("/proc/1/cgroup"))
    in_cgroup = any(word in cgroups for word in ("docker", "kubepods", "containerd", "lxc"))
    variables = ("KUBERNETES_SERVICE_HOST", "container", "APPTAINER_NAME")
    return in_cgroup or any(map(os.path.exists, _MARKS)) or any(v in os.environ for v in variables)


def _on_the_bus(folder: Path) -> int:
    """Count NVIDIA's display and 3D controllers among the PCI devices."""
    devices = folder.glob("*") if folder.is_dir() else ()
    return sum(
        _read(device / "vendor").strip() == "0x10de"
        and _read(device / "class").startswith(("0x0300", "0x0302"))
        for device in devices
    )


def _nodes(folder: Path) -> tuple[Node, ...]:
    """Return the device files: the control node, unified memory, and one for each GPU."""
    names = ("nvidiactl", "nvidia-uvm", "dxg")  # WSL has dxg alone
    paths = [*(folder / name for name in names), *sorted(folder.glob("nvidia[0-9]*"))]
    return tuple(
        Node(path=str(path), usable=os.access(path, os.R_OK | os.W_OK))
        for path in paths
        if path.exists()
    )


def _size(path: Path) -> int:
    try:
        system = os.statvfs(path)
    except OSError:
        return 0
    return system.f_frsize * system.f_blocks


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(_LISTENED) or name in _LISTENED_FULLY
    }


def _driver() -> Driver | None:
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return None
    text = _output_of([smi, "-q", "-x"], _SMI_S)
    if text is None:
        return Driver(error=f"no answer within {_SMI_S:.0f} s")
    return driver_of(text, _output_of([smi, "-L"], _SMI_S) or "")


def _torch() -> TorchFacts | None:
    """Return what torch reports; where it hangs or dies, the build with an error."""
    command = module_command("compound.jobs.host.torch_facts")
    text = _output_of(command, _TORCH_S, partial=True) or ""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        return None
    facts = TorchFacts.model_validate_json(lines[-1])
    if len(lines) == 1:
        error = f"torch did not list the devices within {_TORCH_S:.0f} s"
        return facts.model_copy(update={"error": error})
    return facts


def _trial(device: str) -> Trial:
    text = _output_of(module_command("compound.jobs.host.device_trial", device), _TRIAL_S)
    lines = [line for line in (text or "").splitlines() if line.startswith("{")]
    if lines:
        return Trial.model_validate_json(lines[-1])
    ended = f"no step within {_TRIAL_S:.0f} s" if text is None else "the process died"
    return Trial(device=device, kind="worker lost", error=ended)


def _output_of(command: list[str], seconds: float, *, partial: bool = False) -> str | None:
    """Return what a command prints; at its limit None, or with `partial` what it printed."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b"").decode(errors="replace") if partial else None
    except OSError as error:
        return str(error)
    return done.stdout.decode(errors="replace")
