"""What torchvision and timm call the layers of the networks that they share with us.

A naming maps each of our layers (a convolution, a norm, the classifier) to theirs; the tensors
below a layer have the same names everywhere.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from compound.schemas.architecture import AnyStage, Architecture

Source = Literal["compound", "torchvision", "timm"]


class Naming(NamedTuple):
    """Where weights come from, the names of its layers by ours, and its norms' epsilon."""

    source: Source
    layers: dict[str, str]
    epsilon: float


class _Place(NamedTuple):
    """A block's place in the network: its index over all, its stage, and the repeat in it."""

    block: int
    stage: int
    repeat: int


Pair = tuple[str, str]


def namings(architecture: Architecture) -> list[Naming]:
    """Return the namings by others under which an architecture's weights may be stored."""
    family, stages = architecture.family, architecture.stages
    if family == "resnet" and all(stage.block in ("basic", "bottleneck") for stage in stages):
        layers = dict(_resnet(architecture))
        return [Naming("torchvision", layers, 1e-5), Naming("timm", layers, 1e-5)]
    if not all(stage.block in ("mbconv", "separable") for stage in stages):
        return []
    found = [Naming("timm", dict(_timm(architecture)), 1e-5)]
    gated = any(stage.block == "mbconv" and stage.se for stage in stages)
    if family == "mbconv":
        epsilon = 1e-3 if architecture.depth > _B4_BLOCKS else 1e-5
        found.append(Naming("torchvision", dict(_torchvision_mbconv(architecture)), epsilon))
    elif family == "mobilenet-v2" and not gated:
        found.append(Naming("torchvision", dict(_torchvision_v2(architecture)), 1e-5))
    elif family == "mnasnet" and not gated:
        found.append(Naming("torchvision", dict(_torchvision_mnasnet(architecture)), 1e-5))
    return found


_B4_BLOCKS = 32
"""torchvision trained EfficientNets with more blocks than B4 with the paper's epsilon."""


def _places(architecture: Architecture) -> Iterator[tuple[_Place, AnyStage]]:
    index = 0
    for number, stage in enumerate(architecture.stages):
        for repeat in range(stage.repeats):
            yield _Place(index, number, repeat), stage
            index += 1


def _pair(ours: str, conv: str, norm: str) -> Iterator[Pair]:
    """Name a convolution with its norm."""
    yield f"{ours}.0", conv
    yield f"{ours}.1", norm


def _ends(architecture: Architecture, stem: Pair, head: Pair, classifier: str) -> Iterator[Pair]:
    yield from _pair("stem", *stem)
    if architecture.head:
        yield from _pair("head", *head)
    yield "classifier", classifier


def _kinds(stage: AnyStage) -> tuple[str, ...]:
    """Return what a block's layers are, in order: expand, depthwise, gate, project."""
    if stage.block != "mbconv":
        return ("depthwise", "project")
    kinds = ("expand",) if stage.expand > 1 else ()
    return (*kinds, "depthwise", *(("gate",) if stage.se else ()), "project")


def _gate(ours: str, reduce: str, expand: str) -> Iterator[Pair]:
    yield f"{ours}.reduce", reduce
    yield f"{ours}.expand", expand


def _timm(architecture: Architecture) -> Iterator[Pair]:
    """Name MBConvs and separable convolutions as timm's EfficientNet does."""
    yield from _ends(architecture, ("conv_stem", "bn1"), ("conv_head", "bn2"), "classifier")
    for place, stage in _places(architecture):
        theirs, kinds = f"blocks.{place.stage}.{place.repeat}", _kinds(stage)
        convs = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        if "expand" not in kinds:
            convs["project"] = "conv_pw"
        norms = iter(("bn1", "bn2", "bn3"))
        for layer, kind in enumerate(kinds):
            ours = f"blocks.{place.block}.layers.{layer}"
            if kind == "gate":
                yield from _gate(ours, f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")
            else:
                yield from _pair(ours, f"{theirs}.{convs[kind]}", f"{theirs}.{next(norms)}")


def _torchvision_mbconv(architecture: Architecture) -> Iterator[Pair]:
    last = f"features.{len(architecture.stages) + 1}"
    stem, head = ("features.0.0", "features.0.1"), (f"{last}.0", f"{last}.1")
    yield from _ends(architecture, stem, head, "classifier.1")
    for place, stage in _places(architecture):
        for layer, kind in enumerate(_kinds(stage)):
            ours = f"blocks.{place.block}.layers.{layer}"
            theirs = f"features.{place.stage + 1}.{place.repeat}.block.{layer}"
            if kind == "gate":
                yield from _gate(ours, f"{theirs}.fc1", f"{theirs}.fc2")
            else:
                yield from _pair(ours, f"{theirs}.0", f"{theirs}.1")


def _torchvision_v2(architecture: Architecture) -> Iterator[Pair]:
    last = f"features.{architecture.depth + 1}"
    stem, head = ("features.0.0", "features.0.1"), (f"{last}.0", f"{last}.1")
    yield from _ends(architecture, stem, head, "classifier.1")
    for place, stage in _places(architecture):
        kinds = _kinds(stage)
        for layer, kind in enumerate(kinds):
            ours, theirs = (
                f"blocks.{place.block}.layers.{layer}",
                f"features.{place.block + 1}.conv",
            )
            if kind == "project":
                yield from _pair(ours, f"{theirs}.{layer}", f"{theirs}.{layer + 1}")
            else:
                yield from _pair(ours, f"{theirs}.{layer}.0", f"{theirs}.{layer}.1")


def _torchvision_mnasnet(architecture: Architecture) -> Iterator[Pair]:
    """Name layers by their index among convolutions, norms and activations, three a layer."""
    last = len(architecture.stages) + 7
    head = (f"layers.{last}", f"layers.{last + 1}")
    yield from _ends(architecture, ("layers.0", "layers.1"), head, "classifier.1")
    for place, stage in _places(architecture):
        first = place.stage == 0
        theirs = "layers" if first else f"layers.{place.stage + 7}.{place.repeat}.layers"
        for layer, _ in enumerate(_kinds(stage)):
            number = 3 * (layer + first)
            ours = f"blocks.{place.block}.layers.{layer}"
            yield from _pair(ours, f"{theirs}.{number}", f"{theirs}.{number + 1}")


def _resnet(architecture: Architecture) -> Iterator[Pair]:
    """Name ResNets as torchvision does, and timm too."""
    yield from _pair("stem", "conv1", "bn1")
    yield "classifier", "fc"
    for place, stage in _places(architecture):
        ours, theirs = f"blocks.{place.block}", f"layer{place.stage + 1}.{place.repeat}"
        for layer in range(2 if stage.block == "basic" else 3):
            names = f"{theirs}.conv{layer + 1}", f"{theirs}.bn{layer + 1}"
            yield from _pair(f"{ours}.layers.{layer}", *names)
        yield from _pair(f"{ours}.shortcut", f"{theirs}.downsample.0", f"{theirs}.downsample.1")
