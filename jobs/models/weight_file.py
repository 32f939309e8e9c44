"""Files of weights, read as data: a pickle with anything but tensors is refused, and never run."""

import hashlib
import io
import json
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from compound.jobs.store.format.checkpoint import NORM_EPSILON
from compound.schemas.errors import ArchitectureError

LISTED_NAMES = 5
"""How many names of one kind an error lists, before it counts the rest."""

MODEL, AVERAGE = "model.", "ema."
"""What the names of the network's tensors, and of their average's, begin with in a checkpoint."""

_SAVED = (b"PK", b"\x80")
"""What torch.save begins with: a zip archive, or the bare pickle of older files."""

Tensors = dict[str, Tensor]


class WeightFile(NamedTuple):
    """The tensors of a file by name, and the digest of the bytes that they were read from."""

    path: Path
    sha256: str
    tensors: Tensors
    norm_epsilon: float | None = None
    """Batch norm's epsilon, where the file itself says it."""


def first_names(names: Iterable[str]) -> str:
    """List names for an error, and count those after the first few."""
    # A name in a file may have any character; a new line would end the message's line.
    names = [name if name.isprintable() else repr(name)[1:-1] for name in names]
    more = len(names) - LISTED_NAMES
    return ", ".join(names[:LISTED_NAMES]) + (f" and {more} more" if more > 0 else "")


def read(path: str | Path) -> WeightFile:
    """Read a .safetensors file, or a state dict that torch.save wrote.

    Of a store's checkpoint it returns the evaluated network: the average where there is one.
    Raises ArchitectureError: unreadable, damaged, or with more than named tensors.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArchitectureError(f"cannot read: {error.strerror}", where=str(path)) from None
    tensors = _decoded(data, path)
    if all(name.startswith((MODEL, AVERAGE)) for name in tensors):
        tensors = evaluated(tensors)
    return WeightFile(path, hashlib.sha256(data).hexdigest(), tensors, _stated_epsilon(path, data))


def _stated_epsilon(path: Path, data: bytes) -> float | None:
    """Return the epsilon in the metadata of a .safetensors file that could be decoded."""
    if path.suffix != ".safetensors":
        return None
    end = 8 + int.from_bytes(data[:8], "little")
    stated = json.loads(data[8:end]).get("__metadata__", {}).get(NORM_EPSILON)
    return None if stated is None else float(stated)


def evaluated(checkpoint: Mapping[str, Tensor]) -> Tensors:
    """Return the network of a checkpoint, averaged where the recipe did so."""
    return {**below(MODEL, checkpoint), **below(AVERAGE, checkpoint)}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return the tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _decoded(data: bytes, path: Path) -> Tensors:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(data)
        if not data.startswith(_SAVED):
            raise ValueError("torch.save did not write it")
        # weights_only refuses any pickle that would call code (torch's own unpickler checks it).
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ArchitectureError(
            "contains more than tensors; no code of it was run",
            where=str(path),
            allowed="a state dict saved by torch.save, or a .safetensors file",
        ) from None
    # A damaged pickle can raise any exception: its bytes are instructions of pickle's machine.
    except Exception as error:
        reason = str(error).strip().split("\n")[0].split(". ")[0]
        raise ArchitectureError(f"not a file of weights: {reason}", where=str(path)) from None
    return _named_tensors(content, path)


def _named_tensors(content: object, path: Path) -> Tensors:
    named = isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )
    if not named:
        keys = (
            ", ".join(map(str, list(content)[:LISTED_NAMES]))
            if isinstance(content, Mapping)
            else ""
        )
        raise ArchitectureError(
            f"contains {keys or type(content).__name__}, not tensors by name",
            where=str(path),
            allowed="the state dict itself, saved alone",
        )
    assert isinstance(content, Mapping)
    return dict(content)
