"""The GPUs of this machine as NVIDIA's driver describes them, read through NVML without CUDA.

A CUDA context takes hundreds of megabytes of a GPU, which is too much for a process that only
counts, and a process that has one cannot fork. NVML needs neither torch nor a context.
"""

import os
from collections.abc import Iterator
from ctypes import CDLL, Structure, byref, c_char_p, c_int, c_uint, c_ulonglong, c_void_p
from ctypes import create_string_buffer as buffer
from dataclasses import dataclass
from functools import cache

_LIBRARY = "libnvidia-ml.so.1"
_TEXT = 96
"""Bytes of a buffer for a name or a UUID (NVML_DEVICE_UUID_V2_BUFFER_SIZE, the largest)."""
_NOT_SUPPORTED = 3
_GONE = (15, 16)
"""The errors GPU_IS_LOST and RESET_REQUIRED: CUDA cannot open such a GPU either."""


@dataclass(frozen=True)
class Gpu:
    """A device that a worker can use: a GPU, or a MIG instance of one."""

    uuid: str
    """As the driver gives it; the number of the card such as `#2` where it does not."""
    name: str
    memory: int | None
    """Bytes; None where the driver does not give them."""


@dataclass(frozen=True)
class Card(Gpu):
    """A physical GPU of the machine."""

    instances: tuple[Gpu, ...] | None = None
    """Its MIG instances; None where MIG is off."""


@dataclass(frozen=True)
class Driver:
    """The driver of this machine, and its GPUs in the order of the PCI bus.

    CUDA uses the same order where all GPUs are of one kind, or with CUDA_DEVICE_ORDER=PCI_BUS_ID.
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
    """Return the driver and its GPUs; None without a driver. It is read once a process."""
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
    cards, troubles = [], list[str]()
    for index in range(count.value):
        try:
            cards.append(_card(library, index, troubles))
        except _Failed as error:  # a GPU that fell off the bus still counts
            troubles.append(f"GPU {index}: {error}")
    return Driver(version.value.decode(), cuda.value, tuple(cards), "; ".join(troubles))


def _card(library: CDLL, index: int, troubles: list[str]) -> Card:
    """Read a card; a property that the driver refuses does not hide the card.

    _Failed: it cannot be opened. An instance without a UUID is added to the troubles.
    """
    handle = c_void_p()
    _call(library, "nvmlDeviceGetHandleByIndex_v2", index, byref(handle))
    instances = []
    for number, part in _instances(library, handle):
        uuid = _text(library, "nvmlDeviceGetUUID", part)
        if uuid:
            instances.append(Gpu(uuid, _name(library, part), _memory(library, part)))
        else:
            troubles.append(f"GPU {index}: its MIG instance {number} has no UUID to reach it by")
    divided = bool(instances) or _is_divided(library, handle)
    uuid = _text(library, "nvmlDeviceGetUUID", handle) or f"#{index}"
    name, memory = _name(library, handle), _memory(library, handle)
    return Card(uuid, name, memory, tuple(instances) if divided else None)


def _name(library: CDLL, handle: c_void_p) -> str:
    return _text(library, "nvmlDeviceGetName", handle) or "NVIDIA GPU"


def _text(library: CDLL, function: str, handle: c_void_p) -> str:
    """Return the text that a function writes; empty where the driver refuses."""
    text = buffer(_TEXT)
    try:
        _call(library, function, handle, text, _TEXT)
    except _Failed as error:
        _refuse_gone(error)
        return ""
    return text.value.decode()


def _memory(library: CDLL, handle: c_void_p) -> int | None:
    """Return the bytes of a device; None where the driver does not give them.

    A GPU without memory of its own uses the system's.
    """
    memory = _Memory()
    try:
        _call(library, "nvmlDeviceGetMemoryInfo", handle, byref(memory))
    except _Failed as error:
        _refuse_gone(error)
        # GB10 (DGX Spark) shares the system's memory, and answers Not Supported: nvitop's issue
        # 208. A container with a MIG instance may not read the card of the instance, which answers
        # Insufficient Permissions: nvidia-container-toolkit's issue 842.
        shared = error.code == _NOT_SUPPORTED
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if shared else None
    return int(memory.total)


def _refuse_gone(error: _Failed) -> None:
    if error.code in _GONE:
        raise error


def _is_divided(library: CDLL, handle: c_void_p) -> bool:
    current, pending = c_uint(), c_uint()
    try:
        _call(library, "nvmlDeviceGetMigMode", handle, byref(current), byref(pending))
    except _Failed as error:  # no such mode before Ampere
        _refuse_gone(error)
        return False
    return bool(current.value)


def _instances(library: CDLL, handle: c_void_p) -> Iterator[tuple[int, c_void_p]]:
    """Yield the handles of a card's MIG instances, with their numbers."""
    most = c_uint()
    try:
        _call(library, "nvmlDeviceGetMaxMigDeviceCount", handle, byref(most))
    except _Failed as error:  # no such function before Ampere
        _refuse_gone(error)
        return
    for index in range(most.value):
        instance = c_void_p()
        try:
            _call(library, "nvmlDeviceGetMigDeviceHandleByIndex", handle, index, byref(instance))
        except _Failed:  # the indices of instances that were never made
            continue
        yield index, instance


def _call(library: CDLL, name: str, *arguments: object) -> None:
    """Call a function of NVML. _Failed: it is missing, or its answer is an error."""
    function = getattr(library, name, None)
    if function is None:
        raise _Failed(f"this driver does not know {name}")
    if code := function(*arguments):
        # ctypes takes every result for an int, which cuts a pointer to 32 bits.
        library.nvmlErrorString.restype = c_char_p
        raise _Failed(library.nvmlErrorString(code).decode(), code)
