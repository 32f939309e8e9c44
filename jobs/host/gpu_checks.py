"""Checks of a host's GPUs, driver and torch: pure functions from facts to findings."""

from collections.abc import Callable, Iterable, Iterator

from compound.jobs.host.board_checks import boards, sharing
from compound.jobs.host.host_findings import counted, gpus_of, note, wrong
from compound.jobs.host.settings_checks import settings
from compound.schemas.machine.host import Finding, HostFacts, TorchFacts

_OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
"""The oldest branch of the driver for each CUDA; a newer driver runs older CUDAs too
(CUDA Compatibility, table 1)."""
_NEWEST = max(_OLDEST_DRIVER)


def check(facts: HostFacts) -> tuple[Finding, ...]:
    """Return the findings about a host; an earlier one may be the cause of later ones.

    Where the driver is not reached, nothing that depends on it is checked.
    """
    findings = list(_driver(facts)) if facts.has_gpu else []
    if not findings and facts.has_gpu:
        checks: tuple[Callable[[HostFacts], Iterable[Finding]], ...] = (
            _build,
            _count,
            boards,
            sharing,
            _trials,
            _ray,
        )
        findings = [finding for run in checks for finding in run(facts)]
    findings += settings(facts)
    return tuple(finding.model_copy(update={"host": facts.host}) for finding in findings)


def _driver(facts: HostFacts) -> Iterator[Finding]:
    """Yield why programs do not reach the driver, if they do not."""
    gpus = [node for node in facts.nodes if node.path[-1].isdigit()]
    version = facts.module or (facts.driver.version if facts.driver else "")
    if not version and not facts.nodes:
        yield wrong(
            f"{counted(facts.pci)} on the bus, and no NVIDIA driver{_in_container(facts)}",
            _install_driver(facts),
        )
    elif any(node.path == "/dev/dxg" for node in facts.nodes):
        return  # WSL has no other node
    elif not gpus and facts.container:
        yield wrong("the driver is loaded, and this container was given no GPU", _pass_gpus(facts))
    elif not gpus:
        yield wrong(
            "the driver is loaded, and /dev has no GPU of it", "sudo nvidia-modprobe -u -c=0"
        )
    elif refused := [node.path for node in facts.nodes if not node.usable]:
        yield wrong(
            f"this user may not open {', '.join(refused)}",
            f'sudo usermod -aG "$(stat -c %G {refused[0]})" "$USER", then log in again',
        )
    elif not any(node.path.endswith("nvidia-uvm") for node in facts.nodes):
        yield wrong("/dev/nvidia-uvm is missing, which CUDA opens", "sudo nvidia-modprobe -u -c=0")
    elif facts.driver and facts.driver.error:
        yield wrong(f"nvidia-smi: {facts.driver.error}", _driver_fix(facts))


def _install_driver(facts: HostFacts) -> str:
    if facts.container:
        return _pass_gpus(facts)
    branch = _OLDEST_DRIVER[_NEWEST]
    return f"install a driver of branch {branch} or newer (https://www.nvidia.com/drivers), reboot"


def _pass_gpus(facts: HostFacts) -> str:
    if "KUBERNETES_SERVICE_HOST" in facts.environment:
        return "ask for them in the pod: resources: {limits: {nvidia.com/gpu: 1}}"
    return "start it with its GPUs: docker run --gpus all ... (NVIDIA Container Toolkit)"


def _in_container(facts: HostFacts) -> str:
    return " in this container" if facts.container else ""


def _driver_fix(facts: HostFacts) -> str:
    assert facts.driver
    text = facts.driver.error
    if "mismatch" in text:
        return "the driver was updated under the running module: sudo reboot"
    if facts.container and ("Unknown Error" in text or "Insufficient" in text):
        return "the container has lost its devices: restart it"
    return "sudo dmesg | grep -i -E 'nvrm|xid', then sudo reboot"


def _build(facts: HostFacts) -> Iterator[Finding]:
    """Check whether torch's build fits the driver and the devices."""
    build = facts.torch
    if build is None:
        yield wrong("torch could not be started", "python -c 'import torch'")
        return
    if build.rocm:
        yield wrong(f"torch {build.version} is a build for AMD's GPUs", _wheel(facts))
    elif not build.cuda:
        yield wrong(f"torch {build.version} is a build for CPUs", _wheel(facts))
    elif not _serves(facts, int(build.cuda.partition(".")[0])):
        least = _OLDEST_DRIVER[int(build.cuda.partition(".")[0])]
        text = f"driver {_version(facts)} is too old for CUDA {build.cuda} of torch {build.version}"
        yield wrong(f"{text}, which needs {least} or newer", f"{_wheel(facts)}, or a newer driver")
    for device in build.devices:
        if not runs(device.capability, build.architectures):
            name = f"cuda:{device.index} {device.name}"
            has = " ".join(build.architectures)
            text = (
                f"torch {build.version} has no kernels for {name}, sm_{_digits(device.capability)}"
            )
            yield wrong(f"{text}; it has {has}", _wheel(facts, older=device.capability < (7, 5)))


def runs(capability: tuple[int, int], architectures: Iterable[str]) -> bool:
    """Return whether a build has kernels for a device; True for a build that lists none."""
    # CUDA's rules: machine code (sm_XY) runs on the same major version with that minor or a later
    # one, PTX (compute_XY) on every later version, and code with an `a` on exactly that version.
    listed = list(architectures)
    return not listed or any(_fits(capability, name) for name in listed)


def _fits(capability: tuple[int, int], name: str) -> bool:
    kind, _, digits = name.partition("_")
    number = digits.rstrip("af")
    built = (int(number[:-1]), int(number[-1]))
    if digits.endswith("a"):
        return built == capability
    if kind == "compute" and not digits.endswith("f"):
        return capability >= built
    return built[0] == capability[0] and capability >= built


def _digits(capability: tuple[int, int]) -> str:
    return f"{capability[0]}{capability[1]}"


def _serves(facts: HostFacts, cuda: int) -> bool:
    branch = _version(facts).partition(".")[0]
    return not branch.isdigit() or int(branch) >= _OLDEST_DRIVER.get(cuda, 0)


def _version(facts: HostFacts) -> str:
    return facts.module or (facts.driver.version if facts.driver else "")


def _wheel(facts: HostFacts, *, older: bool = False) -> str:
    """Return the command for a build that this driver serves; `older`: for GPUs before Turing."""
    tag = "cu130" if _serves(facts, 13) and not older else "cu126"
    pin = facts.packages.get("torch", "").partition("+")[0]
    name = f"torch=={pin}" if pin else "torch"
    return (
        f"pip install --force-reinstall {name} --index-url https://download.pytorch.org/whl/{tag}"
    )


def _count(facts: HostFacts) -> Iterator[Finding]:
    """Compare the devices of torch with those of the driver."""
    build, listed = facts.torch, _listed(facts)
    if build is None or not build.cuda or not _serves(facts, int(build.cuda.partition(".")[0])):
        return
    chosen = facts.environment.get("CUDA_VISIBLE_DEVICES")
    count = len(build.devices)
    if chosen is not None:
        yield from _chosen(facts, build, chosen, listed)
    elif count == 0:
        reason = f": {build.error}" if build.error else ""
        yield wrong(f"torch finds none of {counted(listed)}{reason}", _kernel_log())
    elif count < listed and not any(gpu.mig for gpu in gpus_of(facts)):
        yield wrong(
            f"torch finds {count} of {counted(listed)} that the driver lists", _kernel_log()
        )


def _chosen(facts: HostFacts, build: TorchFacts, chosen: str, listed: int) -> Iterator[Finding]:
    """Check CUDA_VISIBLE_DEVICES: CUDA ignores the list from the first invalid entry on."""
    entries = [entry.strip() for entry in chosen.split(",")] if chosen.strip() else []
    valid = [entry for entry in entries if _names(facts, entry, listed)]
    count, variable = len(build.devices), f"CUDA_VISIBLE_DEVICES={chosen or '(empty)'}"
    if len(valid) < len(entries) and entries != ["-1"]:
        bad = next(entry for entry in entries if entry not in valid)
        yield wrong(
            f"{variable} names {bad or 'nothing'}, which is not a GPU of this host", _unset()
        )
    elif count == 0:
        yield wrong(f"{variable} hides all GPUs of this host", _unset())
    elif count < len(set(valid)):
        yield wrong(
            f"{variable} names {len(set(valid))} devices, and torch finds {count}", _mig(facts)
        )
    elif count < listed:
        yield note(f"{variable}: {count} of {counted(listed)} are used")


def _names(facts: HostFacts, entry: str, listed: int) -> bool:
    """Return whether an entry names a device: by a number, or by a prefix of its UUID."""
    if entry.isdigit():
        return int(entry) < listed
    uuids = [gpu.uuid for gpu in gpus_of(facts)]
    uuids += [part.uuid for gpu in gpus_of(facts) for part in gpu.instances]
    return bool(entry) and (entry.startswith("MIG-GPU-") or any(u.startswith(entry) for u in uuids))


def _unset() -> str:
    return "unset CUDA_VISIBLE_DEVICES"


def _mig(facts: HostFacts) -> str:
    if any(gpu.mig for gpu in gpus_of(facts)):
        return "name one MIG instance: CUDA shows a process no more than one"
    return _kernel_log()


def _kernel_log() -> str:
    return "sudo dmesg | grep -i -E 'nvrm|xid', and nvidia-smi -q | grep -i mode"


def _trials(facts: HostFacts) -> Iterator[Finding]:
    for trial in facts.trials:
        if not trial.error:
            continue
        text = f"{trial.device} cannot train, {trial.kind}: {trial.error}"
        full = "see which processes hold its memory: nvidia-smi"
        yield wrong(text, full if trial.kind == "out of memory" else _kernel_log())


def _ray(facts: HostFacts) -> Iterator[Finding]:
    build = facts.torch
    if facts.counted is None or build is None or facts.counted == len(build.devices):
        return
    text = f"Ray counts {facts.counted:g} GPUs on this host, and torch finds {len(build.devices)}"
    yield wrong(text, f"let this host join Ray with --num-gpus={len(build.devices)}")


def _listed(facts: HostFacts) -> int:
    """Return how many GPUs the driver lists to this host or container."""
    return len(gpus_of(facts)) or facts.listed
