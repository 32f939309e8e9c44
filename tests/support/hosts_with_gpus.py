"""Facts of hosts with GPUs, sound and broken, for tests of the doctor."""

from typing import Any

from compound.schemas.machine.host import (
    Driver,
    Gpu,
    GpuUser,
    HostFacts,
    Interface,
    MigInstance,
    Node,
    TorchDevice,
    TorchFacts,
    Trial,
)

GIB = 2**30
GPUS = 2
H200 = "NVIDIA H200"


def gpu(number: int = 0, **update: Any) -> Gpu:
    """Return what a driver says of an idle H200."""
    made = Gpu(name=H200, uuid=f"GPU-{number}a", memory=141 * GIB, used=0)
    return made.model_copy(update=update)


def gpus(**update: Any) -> Driver:
    """Return what a driver says of two GPUs of which the first is changed."""
    return Driver(version="580.82.07", cuda="13.0", gpus=(gpu(0, **update), gpu(1)))


def torch_facts(count: int = GPUS, **update: Any) -> TorchFacts:
    """Return what torch 2.13 for CUDA 13 says of H200s."""
    devices = tuple(
        TorchDevice(index=i, name=H200, capability=(9, 0), memory=141 * GIB, free=140 * GIB)
        for i in range(count)
    )
    made = TorchFacts(
        version="2.13.0+cu130",
        cuda="13.0",
        cudnn="91900",
        nccl="2.28.9",
        architectures=("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"),
        devices=devices,
        convolutions_tf32=True,
    )
    return made.model_copy(update=update)


def nodes(*names: str, usable: bool = True) -> tuple[Node, ...]:
    """Return files under /dev."""
    return tuple(Node(path=f"/dev/{name}", usable=usable) for name in names)


ALL_NODES = ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1")


def host(**update: Any) -> HostFacts:
    """Return a sound host with two GPUs, changed."""
    made = HostFacts(
        host="node-1",
        packages={"python": "3.12.3", "torch": "2.13.0+cu130", "compound": "0.1.0"},
        module="580.82.07",
        listed=GPUS,
        pci=GPUS,
        nodes=nodes(*ALL_NODES),
        driver=gpus(),
        torch=torch_facts(),
        interfaces=(Interface(name="lo"), Interface(name="eth0", address="10.0.0.5")),
        shared_memory=64 * GIB,
        compiler="/usr/bin/gcc",
        trials=tuple(Trial(device=f"cuda:{i}", steps=400.0) for i in range(GPUS)),
    )
    return made.model_copy(update=update)


def mig(*profiles: str) -> Driver:
    """Return what a driver says of an H200 in MIG mode and of one that is not."""
    parts = tuple(
        MigInstance(uuid=f"MIG-{i}b", profile=profile, memory=18 * GIB)
        for i, profile in enumerate(profiles)
    )
    return gpus(mig=True, instances=parts)


def crowded(used: int) -> Driver:
    """Return what a driver says of a GPU that another process uses."""
    return gpus(used=used, users=(GpuUser(pid=4711, name="/usr/bin/python3", memory=used),))
