"""Weights that others trained, loaded by name: torchvision's, timm's, or our own.

Every tensor of the file must find its place, and every tensor of the network its value; what does
not fit is listed. Files are read as data: a pickle that holds anything but tensors is refused.
"""

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from jobs.models.naming import Naming, namings
from jobs.models.numerics import NUMERICS
from schemas.architecture import Architecture
from schemas.errors import ArchitectureError

_SHOWN = 5
"""How many tensors of one kind an error names, before it counts the rest."""
_COUNTER = "num_batches_tracked"
"""A norm's counter, which older files lack and nothing here reads."""

Tensors = dict[str, Tensor]


def load_weights(
    module: nn.Module,
    architecture: Architecture,
    path: str | Path,
    *,
    classifier: bool = True,
    norm_epsilon: float | None = None,
) -> None:
    """Load a .safetensors or .pth file into the module that was built from architecture.

    `classifier=False` leaves the module's classifier as it is, for other classes. Where the file's
    norms were trained with another epsilon than ours, their running variances take the difference
    in, and the logits stay the same; `norm_epsilon` says it for a file whose epsilon its names do
    not tell (timm's tf_ networks: 1e-3, though these pad in another way as well).

    Raises ArchitectureError: unreadable, holding code, or tensors that are unknown, missing, or
    of another shape; the module is then unchanged.
    """
    path = Path(path)
    tensors = _read(path)
    wanted = module.state_dict()
    naming = _naming(tensors, wanted, architecture)
    ours = {_joined(naming.layers, name): name for name in wanted}
    found = {ours[name]: tensor for name, tensor in tensors.items() if name in ours}
    if not classifier:
        found |= {name: t for name, t in wanted.items() if name.startswith("classifier.")}
    unknown = [name for name in tensors if name not in ours]
    _require_fit(found, unknown, wanted, naming, path)
    given = naming.epsilon if norm_epsilon is None else norm_epsilon
    shift = given - NUMERICS[architecture.family].epsilon
    shifted = {n: t + shift if n.endswith("running_var") else t for n, t in found.items()}
    module.load_state_dict({**wanted, **(shifted if shift else found)})


def rename(module: nn.Module, naming: Naming) -> Tensors:
    """Return a module's tensors under the names of another source."""
    return {_joined(naming.layers, name): t for name, t in module.state_dict().items()}


def _read(path: Path) -> Tensors:
    """Read a file as data. ArchitectureError: it is none, or holds more than named tensors."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ArchitectureError(f"cannot read: {error.strerror}", where=str(path)) from None
    except pickle.UnpicklingError:
        raise ArchitectureError(
            "holds more than tensors; nothing of it was run",
            where=str(path),
            allowed="a state dict saved by torch.save, or a .safetensors file",
        ) from None
    except Exception as error:  # a damaged pickle can raise whatever its bytes happen to spell
        raise ArchitectureError(f"not a file of weights: {error}", where=str(path)) from None
    return _named_tensors(content, path)


def _named_tensors(content: object, path: Path) -> Tensors:
    named = isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )
    if not named:
        keys = ", ".join(map(str, list(content)[:_SHOWN])) if isinstance(content, Mapping) else ""
        raise ArchitectureError(
            f"holds {keys or type(content).__name__}, not tensors by name",
            where=str(path),
            allowed="the state dict itself, saved alone",
        )
    assert isinstance(content, Mapping)
    return dict(content)


def _naming(tensors: Tensors, wanted: Tensors, architecture: Architecture) -> Naming:
    """Return the naming under which most tensors of the file are known."""
    own = Naming("compound", {}, NUMERICS[architecture.family].epsilon)

    def known(naming: Naming) -> int:
        return sum(_joined(naming.layers, name) in tensors for name in wanted)

    return max((own, *namings(architecture)), key=known)


def _joined(layers: Mapping[str, str], name: str) -> str:
    """Return a tensor's name with its layer's replaced, where the naming has one for it."""
    layer, _, tensor = name.rpartition(".")
    return f"{layers.get(layer, layer)}.{tensor}"


def _require_fit(
    found: Tensors, unknown: list[str], wanted: Tensors, naming: Naming, path: Path
) -> None:
    """Refuse what differs, under the names that the file uses."""
    layers = naming.layers
    missing = [
        _joined(layers, name)
        for name in wanted
        if name not in found and not name.endswith(_COUNTER)
    ]
    misshapen = [
        f"{_joined(layers, name)} is {_shape(tensor)}, not {_shape(wanted[name])}"
        for name, tensor in found.items()
        if tensor.shape != wanted[name].shape
    ]
    kinds = (("unknown", unknown), ("missing", missing), ("of another shape", misshapen))
    listed = [f"{len(names)} {kind}: {_some(names)}" for kind, names in kinds if names]
    if listed:
        raise ArchitectureError(
            f"weights of another network ({'; '.join(listed)})",
            where=str(path),
            allowed=f"the tensors of this network, named as {naming.source} does",
        )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
