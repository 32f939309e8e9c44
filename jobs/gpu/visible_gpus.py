"""The GPUs that workers on this machine can use, and why there are not more.

Only this module counts them: the driver's list, filtered by CUDA_VISIBLE_DEVICES as CUDA does it,
and by what the installed torch can use.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from compound.jobs.gpu import nvml
from compound.jobs.gpu.nvml import Card, Driver, Gpu
from compound.schemas.machine.gpus import GPU_PARTS

AnyGpu = TypeVar("AnyGpu", bound=Gpu)

VARIABLE = "CUDA_VISIBLE_DEVICES"
NO_DRIVER = "there is no NVIDIA driver"


@dataclass(frozen=True)
class Build:
    """The torch that is installed."""

    version: str
    cuda: str | None
    """The CUDA that it was built for, such as 12.8; None for a build without."""


@dataclass(frozen=True)
class Gpus:
    """The devices that workers on this machine can use, each in a process of its own."""

    devices: tuple[Gpu, ...] = ()
    """In CUDA's order. MIG instances count one each, but a process sees no more than one."""
    lacking: str = ""
    """Why these are fewer than the machine has, or none; empty where all can be used."""

    @property
    def types(self) -> tuple[str, ...]:
        """Their kinds, each once."""
        return tuple(dict.fromkeys(gpu.name for gpu in self.devices))

    @property
    def limitation(self) -> str:
        """Why devices are lacking, as a sentence about this machine; empty where none is."""
        return f"on this machine {self.lacking}" if self.lacking else ""


def gpus_here() -> Gpus:
    """Return the GPUs of this machine that workers can use."""
    driver = nvml.driver()
    build = _build() if driver and driver.cards else Build("", None)
    return usable(driver, build, os.environ.get(VARIABLE))


def hindrance_here() -> str:
    """Return why torch can use no GPU of this machine, apart from CUDA_VISIBLE_DEVICES."""
    driver = nvml.driver()
    return hindrance(driver, _build() if driver and driver.cards else Build("", None))


def usable(driver: Driver | None, build: Build, variable: str | None) -> Gpus:
    """Filter a driver's list by what torch can use and CUDA_VISIBLE_DEVICES names."""
    if text := hindrance(driver, build):
        return Gpus(lacking=text)
    assert driver is not None, "hindrance() has a text then"
    devices = visible(driver.cards, variable)
    all_devices = visible(driver.cards, None)
    if not all_devices:
        name = driver.cards[0].name
        return Gpus(lacking=driver.trouble or f"{name} is in MIG mode and has no instances")
    if variable is None or len(devices) == len(all_devices):
        return Gpus(devices, driver.trouble)
    total = _counted(len(all_devices))
    return Gpus(devices, f"{VARIABLE} is {variable!r}, which names {len(devices)} of {total}")


def hindrance(driver: Driver | None, build: Build) -> str:
    """Return why torch can use no GPU of a machine; empty where it can."""
    if driver is None:
        return NO_DRIVER
    if not driver.cards:
        return f"the NVIDIA driver finds no GPU: {driver.trouble or 'none is there'}"
    verb = "is" if len(driver.cards) == 1 else "are"
    present = f"there {verb} {_counted(len(driver.cards))} ({driver.cards[0].name})"
    if build.cuda is None:
        return f"{present}, but torch {build.version} is a build without CUDA"
    if _major(build.cuda) > driver.cuda // 1000:
        runs = f"{driver.cuda // 1000}.{driver.cuda % 1000 // 10}"
        return (
            f"{present}, but the NVIDIA driver {driver.version} is too old: it runs CUDA up to "
            f"{runs}, and torch {build.version} is built for CUDA {build.cuda}"
        )
    return ""


def visible(cards: Sequence[Card], variable: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs of a machine that CUDA_VISIBLE_DEVICES names, in its order.

    As in CUDA: a list of indices, or of prefixes of UUIDs. An invalid entry ends the list, and a
    device that is named twice leaves none. Without the variable, MIG instances are visible only
    where no whole GPU is, since the two cannot be used together.
    """
    # CUDA's programming guide 5.2.1 has the rules for the list, torch 2.13's _parse_visible_devices
    # those for entries that are no numbers. Of a divided GPU a process gets the first instance.
    whole = [card for card in cards if card.instances is None]
    if variable is None:
        return tuple(whole or [part for card in cards for part in card.instances or ()])
    words = variable.split(",")
    if variable.startswith("MIG-"):
        instances = [part for card in cards for part in card.instances or ()]
        return _before_invalid([_by_uuid(word, "MIG-", instances) for word in words])
    if variable.startswith("GPU-"):
        return _before_invalid([_opened_device(_by_uuid(word, "GPU-", cards)) for word in words])
    return _before_invalid([_opened_device(_by_index(word, cards)) for word in words])


def _before_invalid(named: Sequence[Gpu | None]) -> tuple[Gpu, ...]:
    """Return the devices before the first None; no device where one is named twice."""
    end = named.index(None) if None in named else len(named)
    devices = [device for device in named[:end] if device is not None]
    return tuple(devices) if len(set(devices)) == len(devices) else ()


def _by_uuid(word: str, prefix: str, among: Sequence[AnyGpu]) -> AnyGpu | None:
    """Return the only device whose UUID begins like this."""
    matching = [gpu for gpu in among if word.startswith(prefix) and gpu.uuid.startswith(word)]
    return matching[0] if len(matching) == 1 else None


def _by_index(word: str, cards: Sequence[Card]) -> Card | None:
    """Return the card at the number that a word begins with: `1gpu` is 1, as for strtoul."""
    text = word.strip().removeprefix("+")
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return cards[int(digits)] if digits and int(digits) < len(cards) else None


def _opened_device(card: Card | None) -> Gpu | None:
    """Return the device that CUDA opens for a card: its first MIG instance, if it is divided."""
    if card is None or card.instances is None:
        return card
    return card.instances[0] if card.instances else None


def sharers(size: float) -> int:
    """Return how many workers of `size` GPUs share one GPU."""
    return max(1, GPU_PARTS // parts(size))


def parts(size: float) -> int:
    """Return the ten-thousandths that Ray counts of a number of GPUs: the rest is cut off."""
    return int(size * GPU_PARTS)


def part_for(number: int) -> float:
    """Return the largest part of a GPU that so many workers can each have."""
    return GPU_PARTS // number / GPU_PARTS


def is_instance(gpu: Gpu) -> bool:
    """Whether this is a MIG instance, which a process reaches by its UUID only."""
    return gpu.uuid.startswith("MIG-")


def _build() -> Build:
    # Imported here: torch takes seconds to load, which a machine without GPUs does not need.
    import torch

    return Build(str(torch.__version__), torch.version.cuda)


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _counted(number: int) -> str:
    return f"{number} GPU" + ("" if number == 1 else "s")
