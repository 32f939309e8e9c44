"""What a host has for training, and what is wrong with it."""

from typing import Literal

from pydantic import Field

from compound.schemas.base import Model


class MigInstance(Model):
    """A part of a GPU that its driver shows as a device of its own."""

    uuid: str = ""
    """Empty where the driver does not report it."""
    profile: str = ""
    """Such as 2g.20gb: slices of compute, and memory."""
    memory: int = 0
    """Bytes."""


class GpuUser(Model):
    """A process that uses a GPU."""

    pid: int
    name: str
    memory: int | None = None
    """Bytes; None where the driver does not report it, as under MIG or in a container."""


class Gpu(Model):
    """A GPU as its driver describes it."""

    name: str
    uuid: str = ""
    bus: str = ""
    memory: int = 0
    """Bytes."""
    used: int | None = None
    """Bytes in use by any process; None where the driver does not report it."""
    mig: bool = False
    instances: tuple[MigInstance, ...] = ()
    compute_mode: str = "Default"
    uncorrected_errors: int = 0
    """ECC errors since the driver was loaded that could not be corrected."""
    failed_rows: bool = False
    """Whether rows of its memory could not be replaced."""
    pending_rows: bool = False
    """Whether rows are to be replaced at its next reset."""
    users: tuple[GpuUser, ...] = ()


class Driver(Model):
    """What nvidia-smi reports."""

    version: str = ""
    cuda: str = ""
    """The newest CUDA that this driver supports."""
    gpus: tuple[Gpu, ...] = ()
    error: str = ""
    """Its error message, where it fails."""


class Node(Model):
    """A file under /dev by which programs reach the driver."""

    path: str
    usable: bool
    """Whether this user may read and write it."""


class TorchDevice(Model):
    """A GPU as torch sees it."""

    index: int
    name: str
    capability: tuple[int, int]
    memory: int
    """Bytes."""
    free: int | None = None
    """Bytes; None where asking for them fails."""
    error: str = ""
    """Why asking for them failed."""


class TorchFacts(Model):
    """The build of torch, and what it can reach."""

    version: str
    cuda: str = ""
    """The CUDA that it was built with; empty: none."""
    rocm: str = ""
    cudnn: str = ""
    nccl: str = ""
    architectures: tuple[str, ...] = ()
    """For which GPUs it has kernels, such as sm_90; compute_90 is compiled for newer ones."""
    devices: tuple[TorchDevice, ...] = ()
    peers: tuple[tuple[int, int], ...] = ()
    """Pairs of devices of which one cannot reach the other's memory."""
    convolutions_tf32: bool = False
    products_tf32: bool = False
    error: str = ""
    """torch's message where it finds no device, or why it was stopped."""


class Trial(Model):
    """Training steps of a small network on one device."""

    device: str
    steps: float = 0.0
    """A second; 0: it failed."""
    kind: str = ""
    """Of the failure, as of a job's."""
    error: str = ""


class Interface(Model):
    """A network interface with its IPv4 address."""

    name: str
    address: str = ""


class HostFacts(Model):
    """Everything that the doctor looks at on one host."""

    host: str
    address: str = ""
    container: bool = False
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions by name; empty: not installed."""
    module: str = ""
    """The version of the NVIDIA kernel module; empty: it is not loaded."""
    listed: int = 0
    """GPUs that the kernel module lists."""
    pci: int = 0
    """NVIDIA GPUs on the bus, with or without a driver."""
    nodes: tuple[Node, ...] = ()
    driver: Driver | None = None
    """None: there is no nvidia-smi."""
    torch: TorchFacts | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that CUDA, NCCL, gloo and torch read."""
    interfaces: tuple[Interface, ...] = ()
    shared_memory: int = 0
    """Bytes of /dev/shm."""
    compiler: str = ""
    """Path of the compiler that torch.compile needs: C, or C++ for CPUs; empty: there is none."""
    python_header: bool = True
    """Whether Python.h is installed: triton compiles its launchers with it."""
    trials: tuple[Trial, ...] = ()
    counted: float | None = None
    """GPUs that Ray counts here; None without Ray."""

    @property
    def has_gpu(self) -> bool:
        """Whether bus, kernel module, device files or driver show an NVIDIA GPU."""
        return bool(self.pci or self.module or self.nodes or (self.driver and self.driver.gpus))


class Finding(Model):
    """One result of `compound doctor`."""

    level: Literal["wrong", "note"]
    """`wrong`: training on the GPUs would fail, or compute something else than the spec says."""
    text: str
    fix: str = ""
    """What to type, or to change."""
    host: str = ""
