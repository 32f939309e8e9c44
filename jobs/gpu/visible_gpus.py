"""The GPUs that workers on this machine can have, and why there are not more.

The one place that counts them: the driver's list, cut by CUDA_VISIBLE_DEVICES as CUDA cuts it,
and by what the torch that is installed can use.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from compound.jobs.gpu import nvml
from compound.jobs.gpu.nvml import Card, Driver, Gpu
from compound.schemas.gpus import GPU_PARTS

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
    """What workers on this machine can have, each in a process of its own."""

    devices: tuple[Gpu, ...] = ()
    """In CUDA's order. MIG instances count one each, but a process sees no more than one."""
    lacking: str = ""
    """Why these are fewer than the machine has, or none; empty where nothing is held back."""

    @property
    def types(self) -> tuple[str, ...]:
        """Their kinds, each once."""
        return tuple(dict.fromkeys(gpu.name for gpu in self.devices))

    @property
    def told(self) -> str:
        """What is lacking, as a sentence about this machine; empty where nothing is."""
        return f"on this machine {self.lacking}" if self.lacking else ""


def gpus_here() -> Gpus:
    """Return the GPUs of this machine that workers can have."""
    found = nvml.driver()
    build = _build() if found and found.cards else Build("", None)
    return usable(found, build, os.environ.get(VARIABLE))


def hindrance_here() -> str:
    """Say what keeps torch from every GPU of this machine, whatever the variable hides."""
    found = nvml.driver()
    return hindrance(found, _build() if found and found.cards else Build("", None))


def usable(found: Driver | None, build: Build, variable: str | None) -> Gpus:
    """Cut a driver's list to what torch can use and CUDA_VISIBLE_DEVICES names."""
    if text := hindrance(found, build):
        return Gpus(lacking=text)
    assert found is not None, "which would hinder"
    devices = visible(found.cards, variable)
    everything = visible(found.cards, None)
    if not everything:
        name = found.cards[0].name
        return Gpus(lacking=found.trouble or f"{name} is in MIG mode and has no instances")
    if variable is None or len(devices) == len(everything):
        return Gpus(devices, found.trouble)
    there = _counted(len(everything))
    return Gpus(devices, f"{VARIABLE} is {variable!r}, which names {len(devices)} of {there}")


def hindrance(found: Driver | None, build: Build) -> str:
    """Say what keeps torch from every GPU of a machine; nothing where it can use them."""
    if found is None:
        return NO_DRIVER
    if not found.cards:
        return f"the NVIDIA driver finds no GPU: {found.trouble or 'none is there'}"
    verb, there = "is" if len(found.cards) == 1 else "are", _counted(len(found.cards))
    there = f"there {verb} {there} ({found.cards[0].name})"
    if build.cuda is None:
        return f"{there}, but torch {build.version} is a build without CUDA"
    if _major(build.cuda) > found.cuda // 1000:
        runs = f"{found.cuda // 1000}.{found.cuda % 1000 // 10}"
        return (
            f"{there}, but the NVIDIA driver {found.version} is too old: it runs CUDA up to "
            f"{runs}, and torch {build.version} is built for CUDA {build.cuda}"
        )
    return ""


def visible(cards: Sequence[Card], variable: str | None) -> tuple[Gpu, ...]:
    """Return what CUDA_VISIBLE_DEVICES leaves of a machine's GPUs, in its order.

    As CUDA does: a list of indices, or of the beginnings of UUIDs; what it cannot make out ends it,
    and a device that is named twice leaves none. Without the variable MIG instances show only where
    no whole GPU does, as the two cannot be used together.
    """
    # CUDA's programming guide 5.2.1 has the rules for the list, torch 2.13's _parse_visible_devices
    # those for what is no number; a process that sees a divided GPU gets its first instance.
    whole = [card for card in cards if card.instances is None]
    if variable is None:
        return tuple(whole or [one for card in cards for one in card.instances or ()])
    words = variable.split(",")
    if variable.startswith("MIG-"):
        instances = [one for card in cards for one in card.instances or ()]
        return _first_known([_by_uuid(word, "MIG-", instances) for word in words])
    if variable.startswith("GPU-"):
        return _first_known([_entered(_by_uuid(word, "GPU-", cards)) for word in words])
    return _first_known([_entered(_by_index(word, cards)) for word in words])


def _first_known(named: Sequence[Gpu | None]) -> tuple[Gpu, ...]:
    """Return the devices before the first that is none; of those named twice, none at all."""
    end = named.index(None) if None in named else len(named)
    devices = [device for device in named[:end] if device is not None]
    return tuple(devices) if len(set(devices)) == len(devices) else ()


def _by_uuid(word: str, prefix: str, among: Sequence[AnyGpu]) -> AnyGpu | None:
    """Return the only device whose UUID begins like this."""
    matching = [one for one in among if word.startswith(prefix) and one.uuid.startswith(word)]
    return matching[0] if len(matching) == 1 else None


def _by_index(word: str, cards: Sequence[Card]) -> Card | None:
    """Return the card at the number that a word begins with: `1gpu` is 1, as for strtoul."""
    text = word.strip().removeprefix("+")
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return cards[int(digits)] if digits and int(digits) < len(cards) else None


def _entered(card: Card | None) -> Gpu | None:
    """Return what CUDA opens in a card: its first MIG instance, where it is divided."""
    if card is None or card.instances is None:
        return card
    return card.instances[0] if card.instances else None


def sharers(size: float) -> int:
    """Return how many workers of `size` GPUs one GPU holds."""
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
    import torch  # only where there are GPUs: it takes seconds

    return Build(str(torch.__version__), torch.version.cuda)


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _counted(number: int) -> str:
    return f"{number} GPU" + ("" if number == 1 else "s")
