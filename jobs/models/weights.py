"""Pretrained weights, loaded by name: torchvision's, timm's, or our own.

The file and the network must have the same tensors, of the same shapes; an error lists the
differences. Floating-point numbers of other types are cast to float32.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from compound.jobs.models.build import build
from compound.jobs.models.foreign_names import Naming, Source, namings
from compound.jobs.models.numerics import NUMERICS
from compound.jobs.models.weight_file import Tensors, WeightFile, first_names, read
from compound.jobs.models.weight_values import cast_types, require_loadable
from compound.schemas.architecture import Architecture, Network
from compound.schemas.errors import ArchitectureError
from compound.schemas.factory import FactoryNetwork

_COUNTER = "num_batches_tracked"
"""A norm's counter: older files lack it, and our batch norm does not use it."""
_CLASSIFIER = "classifier."


def load_weights(
    module: nn.Module,
    architecture: Architecture,
    path: str | Path,
    *,
    classifier: bool = True,
    norm_epsilon: float | None = None,
    sha256: str = "",
) -> None:
    """Load a .safetensors or .pth file into the module that was built from architecture.

    `classifier=False` leaves the module's classifier as it is, for other classes. Where the file's
    norms were trained with another epsilon than the network's, the difference is added to their
    running variances, in float32, so the logits stay the same; `starting` gives a network the
    file's epsilon instead. `norm_epsilon` states it for a file whose epsilon does not follow from
    its names and padding.

    Raises ArchitectureError: unreadable, holding code, not the file of that sha256, or tensors
    that are unknown, missing, of another shape, of a type that is no weight's, or not finite; the
    module is then unchanged.
    """
    file = read(path)
    _require_unchanged(file, sha256)
    expected = module.state_dict()
    naming = _naming(file.tensors, expected, architecture)
    loaded = _loadable(file, expected, naming, classifier=classifier)
    shift = _epsilon(file, naming, norm_epsilon) - _own_naming(architecture).epsilon
    module.load_state_dict({**expected, **_shifted(loaded, shift)})


def starting(
    file: WeightFile, architecture: Architecture, norm_epsilon: float | None = None
) -> Architecture:
    """Return the network as the file's weights were trained: with their epsilon in batch norm.

    So training starts with their logits, gradients and running statistics.
    """
    with torch.device("meta"):
        expected = build(architecture).state_dict()
    epsilon = _epsilon(file, _naming(file.tensors, expected, architecture), norm_epsilon)
    if epsilon == _own_naming(architecture).epsilon:
        return architecture
    return architecture.model_copy(update={"norm_epsilon": epsilon})


def _epsilon(file: WeightFile, naming: Naming, stated: float | None) -> float:
    """Return a file's epsilon: as the spec says, as the file itself says, or by its names."""
    candidates = (stated, file.norm_epsilon, naming.epsilon)
    return next(epsilon for epsilon in candidates if epsilon is not None)


def _shifted(tensors: Tensors, shift: float) -> Tensors:
    """Add the difference of two epsilons to all running variances."""
    # In half precision the sum would round to the variance itself.
    return {
        name: tensor.float() + shift if shift and name.endswith("running_var") else tensor
        for name, tensor in tensors.items()
    }


def check_weights(
    file: WeightFile, architecture: Architecture, *, classifier: bool = True
) -> Counter[str]:
    """Return how many of the file's tensors are cast to float32, by their type.

    Raises the ArchitectureError of load_weights, without memory for the network.
    """
    with torch.device("meta"):
        expected = build(architecture).state_dict()
    naming = _naming(file.tensors, expected, architecture)
    loaded = _loadable(file, expected, naming, classifier=classifier)
    weights = {name: tensor for name, tensor in loaded.items() if not name.endswith(_COUNTER)}
    return cast_types(weights.values())


def exported(tensors: Tensors, architecture: Network, source: Source) -> Tensors:
    """Return a network's tensors as a source names them, with its logits there.

    Raises ArchitectureError: the source has no names for this network.
    """
    if isinstance(architecture, FactoryNetwork):
        if source != "compound":
            raise _no_names_error(source, ["compound"])
        return tensors
    by_source = {naming.source: naming for naming in _all_namings(architecture)}
    if source not in by_source:
        raise _no_names_error(source, by_source)
    naming = by_source[source]
    layers, shift = naming.layers, _own_naming(architecture).epsilon - naming.epsilon
    renamed = {_layer_renamed(layers, name): t for name, t in _shifted(tensors, shift).items()}
    return _versioned(renamed, naming.version) if naming.version else renamed


def epsilon_of(architecture: Architecture, source: Source) -> float:
    """Return batch norm's epsilon that a source builds the network with."""
    namings_of = {naming.source: naming for naming in _all_namings(architecture)}
    return namings_of[source].epsilon


def other_padding(architecture: Network, source: Source) -> str:
    """Say what gives a source's network the logits of one with `padding: same`; "" for others.

    By default no library pads so, except timm's tf_ networks.
    """
    if not isinstance(architecture, Architecture) or architecture.padding == "half":
        return ""
    if source == "compound":
        return ""
    if source == "timm" and architecture.family != "resnet":
        epsilon = epsilon_of(architecture, source)
        return (
            f"the network has `padding: same`: in timm build it with pad_type='same' and "
            f"bn_eps={epsilon:g}, as its tf_ networks are with 0.001"
        )
    return (
        f"the network has `padding: same`, and {source} pads by half a kernel: there it has "
        "other logits, unless the padding is changed"
    )


def _versioned(tensors: Tensors, version: int) -> Tensors:
    """Return a state dict with the version of its network where torch's own dicts have it."""
    # A class of our own would be code to torch.load, which then refuses the file.
    state = OrderedDict(tensors)
    state._metadata = OrderedDict({"": {"version": version}})  # type: ignore[attr-defined]
    return state


def _no_names_error(source: Source, sources: Iterable[str]) -> ArchitectureError:
    message = f"{source} has no names for this network"
    return ArchitectureError(message, allowed=", ".join(sources))


def rename(module: nn.Module, naming: Naming) -> Tensors:
    """Return a module's tensors under the names of another source."""
    return {_layer_renamed(naming.layers, name): t for name, t in module.state_dict().items()}


def _require_unchanged(file: WeightFile, sha256: str) -> None:
    if sha256 and file.sha256 != sha256:
        raise ArchitectureError(
            f"not the file that was planned: its sha256 is {file.sha256[:12]}, not {sha256[:12]}",
            where=str(file.path),
            next_step="plan again to start from this one",
        )


def _naming(tensors: Tensors, expected: Tensors, architecture: Architecture) -> Naming:
    """Return the naming that fits most tensors of the file."""

    def matches(naming: Naming) -> int:
        return sum(_layer_renamed(naming.layers, name) in tensors for name in expected)

    return max(_all_namings(architecture), key=matches)


def _all_namings(architecture: Architecture) -> list[Naming]:
    return [_own_naming(architecture), *namings(architecture)]


def _own_naming(architecture: Architecture) -> Naming:
    own = architecture.norm_epsilon
    return Naming("compound", {}, NUMERICS[architecture.family].epsilon if own is None else own)


def _loadable(file: WeightFile, expected: Tensors, naming: Naming, *, classifier: bool) -> Tensors:
    """Return the file's tensors by our names. ArchitectureError: they are not the network's."""
    ours = {_layer_renamed(naming.layers, name): name for name in expected}
    loaded = {ours[name]: tensor for name, tensor in file.tensors.items() if name in ours}
    if not classifier:
        loaded |= {name: t for name, t in expected.items() if name.startswith(_CLASSIFIER)}
    unknown = [name for name in file.tensors if name not in ours]
    _require_fit(loaded, unknown, expected, naming, file.path)
    from_file = {name for name in ours if loaded.get(ours[name]) is not expected[ours[name]]}
    tensors = {name: tensor for name, tensor in file.tensors.items() if name in from_file}
    _require_values(tensors, file.path)
    return loaded


def _require_values(tensors: Tensors, path: Path) -> None:
    counters = {name: tensor for name, tensor in tensors.items() if name.endswith(_COUNTER)}
    weights = {name: tensor for name, tensor in tensors.items() if name not in counters}
    require_loadable(weights, counters, path)


def _layer_renamed(layers: Mapping[str, str], name: str) -> str:
    """Return a tensor's name under another naming; layers without an entry keep their name."""
    layer, _, tensor = name.rpartition(".")
    return f"{layers.get(layer, layer)}.{tensor}"


def _require_fit(
    loaded: Tensors, unknown: list[str], expected: Tensors, naming: Naming, path: Path
) -> None:
    """Raise an ArchitectureError that lists the differences, under the names of the file."""
    missing = [name for name in expected if name not in loaded and not name.endswith(_COUNTER)]
    misshapen = [name for name, tensor in loaded.items() if tensor.shape != expected[name].shape]
    named = {name: _layer_renamed(naming.layers, name) for name in (*missing, *misshapen)}
    shapes = [f"{named[n]} is {_shape(loaded[n])}, not {_shape(expected[n])}" for n in misshapen]
    kinds = (
        ("unknown", unknown),
        ("missing", [named[name] for name in missing]),
        ("of another shape", shapes),
    )
    listed = [f"{len(names)} {kind}: {first_names(names)}" for kind, names in kinds if names]
    if listed:
        other_classes = not unknown and _classifier_only([*missing, *misshapen])
        raise ArchitectureError(
            f"weights of another network ({'; '.join(listed)})",
            where=str(path),
            allowed=f"the tensors of this network, named as {naming.source} does",
            next_step=_OTHER_CLASSES if other_classes else "",
        )


_OTHER_CLASSES = "`classifier: new` starts the classifier at random and loads all the rest"


def _classifier_only(names: Iterable[str]) -> bool:
    return all(name.startswith(_CLASSIFIER) for name in names)


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
