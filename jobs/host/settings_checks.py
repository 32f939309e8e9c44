"""Checks of a host's variables, shared memory and compilers that affect training."""

from collections.abc import Iterator

from compound.schemas.machine.host import Finding, HostFacts

_LEAST_SHARED = 2**30
"""Bytes of /dev/shm that are enough for NCCL and Ray; Docker's default is 64 MiB."""
_SLOW = {
    "CUDA_LAUNCH_BLOCKING": "1",
    "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",
    "NCCL_P2P_DISABLE": "1",
    "NCCL_SHM_DISABLE": "1",
    "NCCL_IB_DISABLE": "1",
    "TORCH_NCCL_BLOCKING_WAIT": "1",
}
"""Variables that slow training down."""


def settings(facts: HostFacts) -> list[Finding]:
    """Return the findings about a host's settings; without a GPU, those that affect CPU workers."""
    on_gpus = [*_precision(facts), *_slow(facts)] if facts.has_gpu else []
    return [*on_gpus, *_interfaces(facts), *_shared(facts), *_tools(facts)]


def _precision(facts: HostFacts) -> Iterator[Finding]:
    """Yield variables that set TF32: the spec's precision should decide it."""
    if facts.environment.get("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "0") not in ("", "0"):
        yield Finding(
            level="wrong",
            text="TORCH_ALLOW_TF32_CUBLAS_OVERRIDE makes products TF32 where float32 is meant",
            fix="unset TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        )
    override = facts.environment.get("NVIDIA_TF32_OVERRIDE", "")
    if override:
        does = "turns TF32 off" if override == "0" else "forces TF32"
        yield Finding(
            level="wrong",
            text=f"NVIDIA_TF32_OVERRIDE={override} {does}, and overrides the precision of a spec",
            fix="unset NVIDIA_TF32_OVERRIDE",
        )


def _interfaces(facts: HostFacts) -> Iterator[Finding]:
    names = [interface.name for interface in facts.interfaces]
    variables = (("NCCL_SOCKET_IFNAME", True), ("GLOO_SOCKET_IFNAME", False))
    for variable, by_prefix in variables if facts.has_gpu else variables[1:]:  # CPUs use gloo alone
        value = facts.environment.get(variable, "")
        if value and not _any_named(value, names, by_prefix):
            yield Finding(
                level="wrong",
                text=f"{variable}={value} names no interface of this host: {', '.join(names)}",
                fix=f"unset {variable}",
            )


def _any_named(value: str, names: list[str], by_prefix: bool) -> bool:
    """Return whether a variable names an interface.

    NCCL takes prefixes, exact names after `=`, and all but the named ones after `^`; gloo takes
    exact names.
    """
    excludes, value = value.startswith("^"), value.removeprefix("^")
    exact = value.startswith("=") or not by_prefix
    parts = tuple(part.removeprefix("=") for part in value.split(","))
    named = [n for n in names if n in parts or (not exact and n.startswith(parts))]
    return bool(set(names) - set(named)) if excludes and by_prefix else bool(named)


def _slow(facts: HostFacts) -> Iterator[Finding]:
    for name, value in _SLOW.items():
        if facts.environment.get(name) == value:
            yield Finding(
                level="note", text=f"{name}={value} makes training slower", fix=f"unset {name}"
            )


def _shared(facts: HostFacts) -> Iterator[Finding]:
    if not 0 < facts.shared_memory < _LEAST_SHARED:
        return
    users = "workers that share gradients" if facts.has_gpu else "Ray's object store"
    several = len(facts.torch.devices) > 1 if facts.torch else False
    yield Finding(
        level="wrong" if several else "note",
        text=f"shared memory (/dev/shm) is {facts.shared_memory / 2**20:.0f} MiB, which is small "
        f"for {users}",
        fix="docker run --shm-size=8g ..."
        if facts.container
        else "sudo mount -o remount,size=8G /dev/shm",
    )


def _tools(facts: HostFacts) -> Iterator[Finding]:
    """Yield whether torch.compile lacks a compiler or Python's headers.

    The generated code that launches kernels includes Python.h. Without a GPU the kernels are C++.
    """
    if facts.compiler and facts.python_header:
        return
    python = "python" + ".".join(facts.packages.get("python", "3").split(".")[:2])
    needed, package = ("a C compiler", "gcc") if facts.has_gpu else ("a C++ compiler", "g++")
    lacks = needed if not facts.compiler else "Python.h"
    yield Finding(
        level="note",
        text=f"{lacks} is not installed: a spec with compile: true is refused",
        fix=f"sudo apt-get install {package} {python}-dev",
    )
