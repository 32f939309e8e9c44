"""What NVIDIA's driver says of this machine's GPUs, read through NVML: CUDA stays untouched.

CUDA would take hundreds of megabytes of a GPU for a process that only counts, and a process that
has touched it cannot fork. NVML needs neither torch nor a context.
"""

from collections.abc import Iterator
from ctypes import CDLL, Structure, byref, c_char_p, c_int, c_uint, c_ulonglong, c_void_p
from ctypes import create_string_buffer as buffer
from dataclasses import dataclass
from functools import cache

_LIBRARY = "libnvidia-ml.so.1"
_UNTOLD = (3, 4)
"""NVML_ERROR_NOT_SUPPORTED and NO_PERMISSION: the memory of a GPU that shares the host's (GB10),
or of a divided one in a container that was given an instance. The device works all the same."""
_TEXT = 96
"""Bytes that NVML asks for where it writes a name."""


@dataclass(frozen=True)
class Gpu:
    """What a worker can be given: a GPU, or a MIG instance of one."""

    uuid: str
    name: str
    memory: int
    """Bytes; 0 where the driver does not tell them."""


@dataclass(frozen=True)
class Card(Gpu):
    """A GPU as it sits in the machine."""

    instances: tuple[Gpu, ...] | None = None
    """Its MIG instances; None where MIG is off."""


@dataclass(frozen=True)
class Driver:
    """The driver of this machine, and its GPUs in their order on the bus.

    CUDA numbers them so too where all are of one kind, or under CUDA_DEVICE_ORDER=PCI_BUS_ID.
    """

    version: str
    cuda: int
    """The newest CUDA that it runs: 12040 for 12.4."""
    cards: tuple[Card, ...]
    trouble: str = ""
    """Why some or all GPUs do not answer, in the driver's words."""


class _Memory(Structure):
    _fields_ = (("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong))


class _Failed(Exception):
    """NVML answered with an error; the text is its own."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


@cache
def driver() -> Driver | None:
    """Return what the driver says; None where there is none. It is asked once a process."""
    try:
        library = CDLL(_LIBRARY)
    except OSError:
        return None
    try:
        _call(library, "nvmlInit_v2")
        return _read(library)
    except _Failed as error:
        return Driver("", 0, (), str(error))


def _read(library: CDLL) -> Driver:
    version, cuda, count = buffer(_TEXT), c_int(), c_uint()
    _call(library, "nvmlSystemGetDriverVersion", version, _TEXT)
    # _v2 asks the libcuda that a process would load, which may be newer than the driver's own.
    _call(library, "nvmlSystemGetCudaDriverVersion_v2", byref(cuda))
    _call(library, "nvmlDeviceGetCount_v2", byref(count))
    cards, troubles = [], []
    for index in range(count.value):
        try:
            cards.append(_card(library, index))
        except _Failed as error:  # a GPU that fell off the bus still counts
            troubles.append(f"GPU {index}: {error}")
    return Driver(version.value.decode(), cuda.value, tuple(cards), "; ".join(troubles))


def _card(library: CDLL, index: int) -> Card:
    handle = c_void_p()
    _call(library, "nvmlDeviceGetHandleByIndex_v2", index, byref(handle))
    gpu = _gpu(library, handle)
    instances = tuple(_instances(library, handle)) if _is_divided(library, handle) else None
    return Card(gpu.uuid, gpu.name, gpu.memory, instances)


def _gpu(library: CDLL, handle: c_void_p) -> Gpu:
    uuid, name = buffer(_TEXT), buffer(_TEXT)
    _call(library, "nvmlDeviceGetUUID", handle, uuid, _TEXT)
    _call(library, "nvmlDeviceGetName", handle, name, _TEXT)
    return Gpu(uuid.value.decode(), name.value.decode(), _memory(library, handle))


def _memory(library: CDLL, handle: c_void_p) -> int:
    memory = _Memory()
    try:
        _call(library, "nvmlDeviceGetMemoryInfo", handle, byref(memory))
    except _Failed as error:
        if error.code not in _UNTOLD:
            raise
        return 0
    return int(memory.total)


def _is_divided(library: CDLL, handle: c_void_p) -> bool:
    current, pending = c_uint(), c_uint()
    try:
        _call(library, "nvmlDeviceGetMigMode", handle, byref(current), byref(pending))
    except _Failed:  # no such mode before Ampere
        return False
    return bool(current.value)


def _instances(library: CDLL, handle: c_void_p) -> Iterator[Gpu]:
    most = c_uint()
    _call(library, "nvmlDeviceGetMaxMigDeviceCount", handle, byref(most))
    for index in range(most.value):
        instance = c_void_p()
        try:
            _call(library, "nvmlDeviceGetMigDeviceHandleByIndex", handle, index, byref(instance))
        except _Failed:  # the indices of instances that were never made
            continue
        yield _gpu(library, instance)


def _call(library: CDLL, name: str, *arguments: object) -> None:
    """Call a function of NVML. _Failed: it is missing, or its answer is an error."""
    function = getattr(library, name, None)
    if function is None:
        raise _Failed(f"this driver does not know {name}")
    if code := function(*arguments):
        library.nvmlErrorString.restype = c_char_p
        raise _Failed(library.nvmlErrorString(code).decode(), code)
