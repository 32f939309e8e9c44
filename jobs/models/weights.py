"""Weights that others trained, loaded by name: torchvision's, timm's, or our own.

Every tensor of the file must find its place, and every tensor of the network its value; what does
not fit is listed.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from compound.jobs.models.build import build
from compound.jobs.models.foreign_names import Naming, Source, namings
from compound.jobs.models.numerics import NUMERICS
from compound.jobs.models.weight_file import SHOWN, Tensors, WeightFile, read
from compound.schemas.architecture import Architecture, Network
from compound.schemas.errors import ArchitectureError
from compound.schemas.factory import FactoryNetwork

_COUNTER = "num_batches_tracked"
"""A norm's counter, which older files lack and nothing here reads."""
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
    norms were trained with another epsilon than ours, their running variances take the difference
    in, and the logits stay the same; `norm_epsilon` says it for a file whose epsilon its names do
    not tell (timm's tf_ networks: 1e-3, though these pad in another way as well).

    Raises ArchitectureError: unreadable, holding code, not the file of that sha256, or tensors
    that are unknown, missing, or of another shape; the module is then unchanged.
    """
    file = read(path)
    _require_unchanged(file, sha256)
    wanted = module.state_dict()
    naming = _naming(file.tensors, wanted, architecture)
    found = _fitting(file, wanted, naming, classifier=classifier)
    given = naming.epsilon if norm_epsilon is None else norm_epsilon
    shift = given - _own(architecture).epsilon
    shifted = {n: t + shift if n.endswith("running_var") else t for n, t in found.items()}
    module.load_state_dict({**wanted, **(shifted if shift else found)})


def check_weights(file: WeightFile, architecture: Architecture, *, classifier: bool = True) -> None:
    """Raise the ArchitectureError that loading would, without building the network."""
    with torch.device("meta"):
        wanted = build(architecture).state_dict()
    _fitting(file, wanted, _naming(file.tensors, wanted, architecture), classifier=classifier)


def exported(tensors: Tensors, architecture: Network, source: Source) -> Tensors:
    """Return a network's tensors as a source names them, with its logits there.

    Raises ArchitectureError: the source has no names for this network.
    """
    if isinstance(architecture, FactoryNetwork):
        if source != "compound":
            raise _nameless(source, ["compound"])
        return tensors
    known = {naming.source: naming for naming in _all_namings(architecture)}
    if source not in known:
        raise _nameless(source, known)
    layers, shift = known[source].layers, _own(architecture).epsilon - known[source].epsilon
    return {
        _joined(layers, name): t + shift if shift and name.endswith("running_var") else t
        for name, t in tensors.items()
    }


def _nameless(source: Source, known: Iterable[str]) -> ArchitectureError:
    what = f"{source} has no names for this network"
    return ArchitectureError(what, allowed=", ".join(known))


def rename(module: nn.Module, naming: Naming) -> Tensors:
    """Return a module's tensors under the names of another source."""
    return {_joined(naming.layers, name): t for name, t in module.state_dict().items()}


def _require_unchanged(file: WeightFile, sha256: str) -> None:
    if sha256 and file.sha256 != sha256:
        raise ArchitectureError(
            f"not the file that was planned: its sha256 is {file.sha256[:12]}, not {sha256[:12]}",
            where=str(file.path),
            next_step="plan again to start from this one",
        )


def _naming(tensors: Tensors, wanted: Tensors, architecture: Architecture) -> Naming:
    """Return the naming under which most tensors of the file are known."""

    def known(naming: Naming) -> int:
        return sum(_joined(naming.layers, name) in tensors for name in wanted)

    return max(_all_namings(architecture), key=known)


def _all_namings(architecture: Architecture) -> list[Naming]:
    return [_own(architecture), *namings(architecture)]


def _own(architecture: Architecture) -> Naming:
    return Naming("compound", {}, NUMERICS[architecture.family].epsilon)


def _fitting(file: WeightFile, wanted: Tensors, naming: Naming, *, classifier: bool) -> Tensors:
    """Return the file's tensors by our names. ArchitectureError: they are not those wanted."""
    ours = {_joined(naming.layers, name): name for name in wanted}
    found = {ours[name]: tensor for name, tensor in file.tensors.items() if name in ours}
    if not classifier:
        found |= {name: t for name, t in wanted.items() if name.startswith(_CLASSIFIER)}
    unknown = [name for name in file.tensors if name not in ours]
    _require_fit(found, unknown, wanted, naming, file.path)
    return found


def _joined(layers: Mapping[str, str], name: str) -> str:
    """Return a tensor's name with its layer's replaced, where the naming has one for it."""
    layer, _, tensor = name.rpartition(".")
    return f"{layers.get(layer, layer)}.{tensor}"


def _require_fit(
    found: Tensors, unknown: list[str], wanted: Tensors, naming: Naming, path: Path
) -> None:
    """Refuse what differs, under the names that the file uses."""
    missing = [name for name in wanted if name not in found and not name.endswith(_COUNTER)]
    misshapen = [name for name, tensor in found.items() if tensor.shape != wanted[name].shape]
    named = {name: _joined(naming.layers, name) for name in (*missing, *misshapen)}
    shapes = [f"{named[n]} is {_shape(found[n])}, not {_shape(wanted[n])}" for n in misshapen]
    kinds = (
        ("unknown", unknown),
        ("missing", [named[name] for name in missing]),
        ("of another shape", shapes),
    )
    listed = [f"{len(names)} {kind}: {_some(names)}" for kind, names in kinds if names]
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


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
