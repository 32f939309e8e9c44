"""Files of weights, read as data: a pickle with anything but tensors is refused, and never run."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from compound.jobs.regular_file import UnfitFileError, opened_regular
from compound.jobs.store.format.checkpoint import NORM_EPSILON
from compound.schemas.errors import ArchitectureError

LISTED_NAMES = 5
"""How many names of one kind an error lists, before it counts the rest."""

MODEL, AVERAGE = "model.", "ema."
"""What the names of the network's tensors, and of their average's, begin with in a checkpoint."""

MAX_BYTES = 2**35
"""Bytes of a file of weights: 32 GiB, of 8 billion float32 numbers."""
MAX_HEADER = 10**8
"""Bytes of a .safetensors header, as the library allows."""
_LENGTH = 8
"""Bytes of the header's length before it."""
_ZIP = b"PK"
_SAVED = (_ZIP, b"\x80")
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
        data = _bytes(path)
    except OSError as error:
        allowed = error.allowed if isinstance(error, UnfitFileError) else ""
        problem = f"cannot read: {error.strerror}"
        raise ArchitectureError(problem, where=str(path), allowed=allowed) from None
    tensors = _decoded(data, path)
    if all(name.startswith((MODEL, AVERAGE)) for name in tensors):
        tensors = evaluated(tensors)
    return WeightFile(path, hashlib.sha256(data).hexdigest(), tensors, _stated_epsilon(path, data))


def _bytes(path: Path) -> bytes:
    """Return a file's bytes, once its first ones say that all of it is weights."""
    with opened_regular(path, MAX_BYTES) as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(_LENGTH)
        if path.suffix == ".safetensors":
            _check_header(path, size, head + file.read(min(_int(head), MAX_HEADER)))
        elif not head.startswith(_SAVED):
            raise _no_weights(path, "torch.save did not write it")
        file.seek(0)
        return file.read(size)


def _check_header(path: Path, size: int, begin: bytes) -> None:
    """Raise ArchitectureError where a .safetensors file is not as long as its header says."""
    length = _int(begin[:_LENGTH])
    if length > MAX_HEADER:
        problem = f"its header would have {length:,} bytes"
        raise _no_weights(path, problem, f"a header of at most {MAX_HEADER:,} bytes")
    try:
        entries = {**json.loads(begin[_LENGTH:])}
        entries.pop("__metadata__", None)
        ends = [int(entry["data_offsets"][1]) for entry in entries.values()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _no_weights(path, "its header cannot be read") from None
    expected = _LENGTH + length + max(ends, default=0)
    if size != expected:
        raise _no_weights(path, f"it has {size:,} bytes, and its header names {expected:,}")


def _int(data: bytes) -> int:
    return int.from_bytes(data[:_LENGTH], "little")


def _no_weights(path: Path, problem: str, allowed: str = "") -> ArchitectureError:
    return ArchitectureError(f"not a file of weights: {problem}", where=str(path), allowed=allowed)


def _check_packed(data: bytes) -> None:
    """Raise ValueError where the parts of a zip archive would be larger than the archive itself."""
    # torch.save packs nothing: what is packed may be a small file of gigabytes of zeros.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    if total > len(data) or any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError(f"an archive of {len(data):,} bytes that unpacks to {total:,}")


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
        if data.startswith(_ZIP):
            _check_packed(data)
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
        raise _no_weights(path, reason) from None
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
