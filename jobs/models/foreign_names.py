"""The names that torchvision and timm give to the layers of networks that they also have.

A naming maps each of our layers (a convolution, a norm, the classifier) to theirs; the tensors
below a layer have the same names everywhere.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from compound.jobs.networks.families import FAMILIES
from compound.schemas.architecture import Architecture, BlockFamily
from compound.schemas.stages import AnyStage, LayerKind

Source = Literal["compound", "torchvision", "timm"]


class Naming(NamedTuple):
    """A library that has the network, its layers' names by ours, and its norms' epsilon."""

    source: Source
    layers: dict[str, str]
    epsilon: float
    version: int | None = None
    """The version in a state dict without which the library refuses it."""


class _Position(NamedTuple):
    """A block's position in the network: its index over all, its stage, and the repeat in it."""

    block: int
    stage: int
    repeat: int


Pair = tuple[str, str]


def _positions(architecture: Architecture) -> Iterator[tuple[_Position, AnyStage]]:
    index = 0
    for number, stage in enumerate(architecture.stages):
        for repeat in range(stage.repeats):
            yield _Position(index, number, repeat), stage
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


def _gate(ours: str, reduce: str, expand: str) -> Iterator[Pair]:
    yield f"{ours}.reduce", reduce
    yield f"{ours}.expand", expand


def _timm(architecture: Architecture) -> Iterator[Pair]:
    """Name MBConvs and separable convolutions as timm's EfficientNet does."""
    yield from _ends(architecture, ("conv_stem", "bn1"), ("conv_head", "bn2"), "classifier")
    for position, stage in _positions(architecture):
        theirs, kinds = f"blocks.{position.stage}.{position.repeat}", stage.layers
        convs = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        if "expand" not in kinds:
            convs["project"] = "conv_pw"
        norms = iter(("bn1", "bn2", "bn3"))
        for layer, kind in enumerate(kinds):
            ours = f"blocks.{position.block}.layers.{layer}"
            if kind == "gate":
                yield from _gate(ours, f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")
            else:
                yield from _pair(ours, f"{theirs}.{convs[kind]}", f"{theirs}.{next(norms)}")


def _torchvision_mbconv(architecture: Architecture) -> Iterator[Pair]:
    last = f"features.{len(architecture.stages) + 1}"
    stem, head = ("features.0.0", "features.0.1"), (f"{last}.0", f"{last}.1")
    yield from _ends(architecture, stem, head, "classifier.1")
    for position, stage in _positions(architecture):
        for layer, kind in enumerate(stage.layers):
            ours = f"blocks.{position.block}.layers.{layer}"
            theirs = f"features.{position.stage + 1}.{position.repeat}.block.{layer}"
            if kind == "gate":
                yield from _gate(ours, f"{theirs}.fc1", f"{theirs}.fc2")
            else:
                yield from _pair(ours, f"{theirs}.0", f"{theirs}.1")


def _torchvision_v2(architecture: Architecture) -> Iterator[Pair]:
    last = f"features.{architecture.depth + 1}"
    stem, head = ("features.0.0", "features.0.1"), (f"{last}.0", f"{last}.1")
    yield from _ends(architecture, stem, head, "classifier.1")
    for position, stage in _positions(architecture):
        kinds = stage.layers
        for layer, kind in enumerate(kinds):
            ours, theirs = (
                f"blocks.{position.block}.layers.{layer}",
                f"features.{position.block + 1}.conv",
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
    for position, stage in _positions(architecture):
        first = position.stage == 0
        theirs = "layers" if first else f"layers.{position.stage + 7}.{position.repeat}.layers"
        for layer, _ in enumerate(stage.layers):
            number = 3 * (layer + first)
            ours = f"blocks.{position.block}.layers.{layer}"
            yield from _pair(ours, f"{theirs}.{number}", f"{theirs}.{number + 1}")


def _resnet(architecture: Architecture) -> Iterator[Pair]:
    """Name ResNets as torchvision does, and timm too."""
    yield from _pair("stem", "conv1", "bn1")
    yield "classifier", "fc"
    for position, stage in _positions(architecture):
        ours, theirs = f"blocks.{position.block}", f"layer{position.stage + 1}.{position.repeat}"
        for layer, _ in enumerate(stage.layers):
            names = f"{theirs}.conv{layer + 1}", f"{theirs}.bn{layer + 1}"
            yield from _pair(f"{ours}.layers.{layer}", *names)
        yield from _pair(f"{ours}.shortcut", f"{theirs}.downsample.0", f"{theirs}.downsample.1")


_B4_BLOCKS = 32
"""torchvision trained EfficientNets with more blocks than B4 with the paper's epsilon."""


def _epsilon_of_size(architecture: Architecture) -> float:
    return 1e-3 if architecture.depth > _B4_BLOCKS else 1e-5


def _epsilon_of_padding(architecture: Architecture) -> float:
    """Return timm's 1e-5, or the network's own where it pads as TensorFlow does.

    timm has such EfficientNets as tf_ networks, whose epsilon is the paper's, as ours is.
    """
    if architecture.padding != "same" or architecture.family != "mbconv":
        return 1e-5
    own = architecture.norm_epsilon
    return FAMILIES[architecture.family].epsilon if own is None else own


_UNGATED = frozenset[LayerKind](("expand", "depthwise", "project"))
_INVERTED = frozenset[LayerKind](("expand", "depthwise", "gate", "project"))
_RESIDUAL = frozenset[LayerKind](("residual",))


class _Convention(NamedTuple):
    """How a source names networks of these layers and this family; None: any family."""

    source: Source
    family: BlockFamily | None
    layers: frozenset[LayerKind]
    names: Callable[[Architecture], Iterator[Pair]]
    epsilon: Callable[[Architecture], float] = lambda _: 1e-5
    version: int | None = None


_CONVENTIONS = (
    _Convention("torchvision", "resnet", _RESIDUAL, _resnet),
    _Convention("timm", "resnet", _RESIDUAL, _resnet),
    _Convention("timm", None, _INVERTED, _timm, _epsilon_of_padding),
    _Convention("torchvision", "mbconv", _INVERTED, _torchvision_mbconv, _epsilon_of_size),
    _Convention("torchvision", "mobilenet-v2", _UNGATED, _torchvision_v2),
    # Version 2 of torchvision's MNASNet scales its first layers too, and so do ours.
    _Convention("torchvision", "mnasnet", _UNGATED, _torchvision_mnasnet, version=2),
)


def namings(architecture: Architecture) -> list[Naming]:
    """Return the namings of other libraries that an architecture's weights may be stored under."""
    layers = {kind for stage in architecture.stages for kind in stage.layers}
    return [
        Naming(row.source, dict(row.names(architecture)), row.epsilon(architecture), row.version)
        for row in _CONVENTIONS
        if row.family in (None, architecture.family) and layers <= row.layers
    ]
