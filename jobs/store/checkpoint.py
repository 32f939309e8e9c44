"""Checkpoints: safetensors for the model, a weights-only torch file for the optimiser, JSON."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.store.files import Files
from jobs.store.manifest import CheckpointFiles, StoredFile
from jobs.store.sealed import SCHEMA_VERSION, damaged, refuse_newer, sha256

if TYPE_CHECKING:  # torch takes seconds to import, and only those who train or restore need it
    from torch import Tensor

Extra = dict[str, int | float | str]

_MODEL, _OPTIMIZER, _STATE = "model.safetensors", "optimizer.pt", "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. It holds the very bytes that were verified."""

    stored: CheckpointFiles
    data: dict[str, bytes]

    @property
    def epoch(self) -> int:
        """The epoch after which it was taken, counted from 1."""
        return self.stored.epoch

    @property
    def step(self) -> int:
        """Optimiser steps since the start of training."""
        return self.stored.step

    @property
    def attempt(self) -> int:
        """The attempt that took it."""
        return self.stored.attempt

    def model(self) -> "dict[str, Tensor]":
        """Return the model's tensors by name, on the CPU."""
        import safetensors.torch

        return safetensors.torch.load(self.data[_MODEL])

    def optimizer(self) -> dict[str, Any]:
        """Return the optimiser's state_dict, on the CPU."""
        import torch

        state: dict[str, Any] = torch.load(
            io.BytesIO(self.data[_OPTIMIZER]), map_location="cpu", weights_only=True
        )
        return state

    @property
    def extra(self) -> Extra:
        """The numbers and texts that were saved beside the tensors."""
        extra: Extra = json.loads(self.data[_STATE])["extra"]
        return extra


def encode(
    model: "Mapping[str, Tensor]", optimizer: Mapping[str, Any], state: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the files of a checkpoint by name."""
    import safetensors.torch
    import torch

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.items()}
    sink = io.BytesIO()
    torch.save(dict(optimizer), sink)
    record = {"schema_version": SCHEMA_VERSION, **state}
    return {
        _MODEL: safetensors.torch.save(tensors),
        _OPTIMIZER: sink.getvalue(),
        _STATE: json.dumps(record, allow_nan=False).encode(),
    }


def load(files: Files, stored: CheckpointFiles) -> Checkpoint:
    """Read a checkpoint and verify every byte; DamagedError names the file that does not hold."""
    data = {name: read_verified(files, file) for name, file in stored.files.items()}
    where = files.locate(stored.folder)
    if data.keys() != {_MODEL, _OPTIMIZER, _STATE}:
        raise damaged(f"it should hold {_MODEL}, {_OPTIMIZER} and {_STATE}", where)
    refuse_newer(json.loads(data[_STATE])["schema_version"], where)
    return Checkpoint(stored, data)


def read_verified(files: Files, stored: StoredFile) -> bytes:
    """Return the bytes that a manifest promised; DamagedError where they are not there."""
    data = files.read(stored.key)
    where = files.locate(stored.key)
    if data is None:
        raise damaged("it is missing", where)
    if len(data) != stored.size or sha256(data) != stored.sha256:
        raise damaged("its sha256 is not the one in the manifest", where)
    return data


def described(key: str, data: bytes) -> StoredFile:
    """Return a file's entry for the manifest."""
    return StoredFile(key=key, size=len(data), sha256=sha256(data))
