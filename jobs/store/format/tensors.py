"""The safetensors format, written from and read into views: no byte is copied on the way.

A file is the length of a JSON header in 8 bytes, the header, and the tensors' bytes one after
another; the header names every tensor with its type, shape and place. Format:
https://github.com/huggingface/safetensors
"""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch takes seconds to import, and only those who train or restore need it
    from torch import Tensor, dtype

_NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
"""torch's name of a type, and the format's."""

_TYPES = {short: name for name, short in _NAMES.items()}
_LENGTH = 8


def storable(kind: "dtype") -> bool:
    """Whether the format has a name for a type of torch."""
    return str(kind).removeprefix("torch.") in _NAMES


def encode(
    tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None
) -> tuple[memoryview, ...]:
    """Return a file as views of CPU tensors; dense ones are not copied.

    Tensors of large types come first, so that each is aligned for its type.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    views, end = [], 0
    ordered = sorted(tensors.items(), key=lambda item: -item[1].element_size())
    for name, tensor in ordered:
        view, start = _bytes(tensor), end
        end += len(view)
        dtype = _NAMES[str(tensor.dtype).removeprefix("torch.")]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [start, end]}
        views.append(view)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    return memoryview(len(text).to_bytes(_LENGTH, "little") + text), *views


def _bytes(tensor: "Tensor") -> memoryview:
    import torch

    # numpy has no bfloat16, so the bytes are viewed as uint8 before they are handed to numpy.
    flat = tensor.detach().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())  # type: ignore[arg-type]


def decode(data: bytes | memoryview) -> "dict[str, Tensor]":
    """Return the tensors of a file by name, as views of it.

    ValueError, KeyError or TypeError: these are not the bytes of such a file.
    """
    # A writable copy: torch.frombuffer warns about read-only memory such as bytes.
    buffer = data if isinstance(data, memoryview) else memoryview(bytearray(data))
    start = _LENGTH + int.from_bytes(buffer[:_LENGTH], "little")
    header = json.loads(bytes(buffer[_LENGTH:start]))
    return {name: _tensor(buffer, start, e) for name, e in header.items() if name != "__metadata__"}


def _tensor(buffer: memoryview, start: int, entry: dict[str, Any]) -> "Tensor":
    import torch

    dtype: torch.dtype = getattr(torch, _TYPES[entry["dtype"]])
    first, end = entry["data_offsets"]
    count = (end - first) // dtype.itemsize
    if not 0 <= first <= end or math.prod(entry["shape"]) != count:
        raise ValueError(f"{entry['shape']} is not the shape of bytes {first} to {end}")
    # torch.frombuffer refuses a length of 0.
    if not count:
        return torch.empty(entry["shape"], dtype=dtype)
    flat = torch.frombuffer(buffer, dtype=dtype, count=count, offset=start + first)
    return flat.view(entry["shape"])
