"""Checkpoints: safetensors for the model and for the optimiser's slots, JSON beside them."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError

from jobs.store import tensors
from jobs.store.files import Content, Files
from jobs.store.manifest import CheckpointFiles
from jobs.store.sealed import SCHEMA_VERSION, damaged, refuse_newer
from jobs.store.verified import read_verified

if TYPE_CHECKING:  # torch takes seconds to import, and only those who train or restore need it
    from torch import Tensor

Extra = dict[str, int | float | str]

_MODEL, _OPTIMIZER, _STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_TORCH_OPTIMIZER = "optimizer.pt"
"""What the optimiser's state was called while torch.save wrote it."""


class _State(BaseModel):
    """What is sure to be in a checkpoint's record of its state."""

    schema_version: int
    extra: Extra


class Position(NamedTuple):
    """How far training has come."""

    epoch: int
    """Whole epochs."""
    step: int
    """Optimiser steps since the start of training."""
    epoch_step: int = 0
    """Of these, the ones after the last whole epoch."""


class Saved(NamedTuple):
    """What a checkpoint holds."""

    model: "Mapping[str, Tensor]"
    optimizer: "Mapping[str, Tensor]"
    extra: Extra


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. It holds the very bytes that were verified."""

    stored: CheckpointFiles
    data: dict[str, bytes | memoryview]

    @property
    def epoch(self) -> int:
        """Whole epochs before it."""
        return self.stored.epoch

    @property
    def step(self) -> int:
        """Optimiser steps since the start of training."""
        return self.stored.step

    @property
    def epoch_step(self) -> int:
        """Optimiser steps since the last whole epoch."""
        return self.stored.epoch_step

    @property
    def attempt(self) -> int:
        """The attempt that took it."""
        return self.stored.attempt

    def model(self) -> "dict[str, Tensor]":
        """Return the model's tensors by name, on the CPU: views of what was read.

        Raises DamagedError, as `optimizer` does: these are no tensors, though a manifest says so.
        """
        return self._read(_MODEL, tensors.decode)

    def optimizer(self) -> "dict[str, Tensor]":
        """Return the optimiser's slots by name, on the CPU: views of what was read."""
        if _OPTIMIZER in self.data:
            return self._read(_OPTIMIZER, tensors.decode)
        return self._read(_TORCH_OPTIMIZER, _unpickled)

    def _read(
        self, name: str, decode: "Callable[[bytes | memoryview], dict[str, Tensor]]"
    ) -> "dict[str, Tensor]":
        try:
            return decode(self.data[name])
        except Exception as error:  # torch raises of every kind for bytes that it cannot read
            where = f"{self.stored.folder}/{name}"
            raise damaged(f"it cannot be read ({type(error).__name__})", where) from error

    @property
    def extra(self) -> Extra:
        """The numbers and texts that were saved beside the tensors."""
        extra: Extra = json.loads(bytes(self.data[_STATE]))["extra"]
        return extra


def _unpickled(data: bytes | memoryview) -> "dict[str, Tensor]":
    import torch

    state: dict[str, Tensor] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return state


def encode(saved: Saved, state: Mapping[str, Any]) -> dict[str, Content]:
    """Return the files of a checkpoint by name. The tensors' bytes are views of CPU tensors."""
    record = {"schema_version": SCHEMA_VERSION, **state, "extra": saved.extra}
    return {
        _MODEL: tensors.encode(saved.model),
        _OPTIMIZER: tensors.encode(saved.optimizer),
        _STATE: json.dumps(record, allow_nan=False).encode(),
    }


def load(files: Files, stored: CheckpointFiles) -> Checkpoint:
    """Read a checkpoint and verify every byte; DamagedError names the file that does not hold."""
    data = {name: read_verified(files, file) for name, file in stored.files.items()}
    where = files.locate(stored.folder)
    if data.keys() not in ({_MODEL, _OPTIMIZER, _STATE}, {_MODEL, _TORCH_OPTIMIZER, _STATE}):
        raise damaged(f"it should hold {_MODEL}, {_OPTIMIZER} and {_STATE}", where)
    refuse_newer(_version(data[_STATE], where), where)
    return Checkpoint(stored, data)


def _version(state: bytes | memoryview, where: str) -> int:
    """Return the schema that a checkpoint was written with; DamagedError: it does not tell."""
    try:
        return _State.model_validate_json(bytes(state)).schema_version
    except ValidationError:
        raise damaged(f"{_STATE} is no record of a checkpoint", where) from None
