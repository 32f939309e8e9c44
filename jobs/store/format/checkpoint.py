"""Checkpoints: safetensors for the model and for the optimiser's slots, JSON beside them.

Where a network is sharded, each rank writes one file with its rows of all weights, of their average
and of the optimiser's slots. The first rank's file also has the tensors that are not sharded.
"""

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError

from compound.jobs.store.backend.files import Content, Files
from compound.jobs.store.format import tensors
from compound.jobs.store.format.checksummed_files import read_verified
from compound.jobs.store.format.checksummed_json import damaged
from compound.jobs.store.format.file_kinds import SHARD, shard_name
from compound.jobs.store.format.manifest import CheckpointFiles, StoredFile
from compound.jobs.store.format.schema_version import SCHEMA_VERSION, refuse_newer

if TYPE_CHECKING:  # torch takes seconds to import, and only those who train or restore need it
    from torch import Tensor

Extra = dict[str, int | float | str]

_MODEL, _OPTIMIZER, _STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_TORCH_OPTIMIZER = "optimizer.pt"
"""The file of the optimiser's state in older stores, where torch.save wrote it."""


class _State(BaseModel):
    """The fields that every checkpoint's state has."""

    schema_version: int
    extra: Extra


class Position(NamedTuple):
    """How far training has come."""

    epoch: int
    """Whole epochs."""
    step: int
    """Optimiser steps since the start of training."""
    epoch_step: int = 0
    """The steps of them after the last whole epoch."""

    @property
    def name(self) -> str:
        """How its checkpoint's folder begins."""
        within = f"-step-{self.epoch_step:06d}" if self.epoch_step else ""
        return f"epoch-{self.epoch:04d}{within}"


SLOT = "slot."
"""How the names of the optimiser's slots begin in a shard: `slot.momentum.NAME`."""


NORM_EPSILON = "compound.norm_epsilon"
"""Batch norm's epsilon: its name beside the tensors, and in the metadata of their file."""


class Saved(NamedTuple):
    """The content of a checkpoint that one rank writes."""

    model: "Mapping[str, Tensor]"
    optimizer: "Mapping[str, Tensor]"
    extra: Extra


class Gathered(NamedTuple):
    """The content of a checkpoint whose shards the ranks have written already."""

    folder: str
    shards: Mapping[str, StoredFile]
    extra: Extra


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint, with the bytes that were verified.

    Of a sharded one it has the state only: a shard is read and verified when it is needed, because
    all of them may not fit into one rank's memory.
    """

    stored: CheckpointFiles
    data: dict[str, bytes | memoryview]
    files: Files

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

        DamagedError, as from `optimizer`: the bytes that the manifest names are no tensors.
        """
        if self.shards:
            return self._joined(lambda name: not name.startswith(SLOT))
        return self._read(_MODEL, tensors.decode)

    def optimizer(self) -> "dict[str, Tensor]":
        """Return the optimiser's slots by name, on the CPU: views of what was read.

        Each is one buffer in the order of the weights. In shards there is one slot for each
        weight, called `SLOT.NAME`.
        """
        if self.shards:
            slots = self._joined(lambda name: name.startswith(SLOT))
            return {name.removeprefix(SLOT): slot for name, slot in slots.items()}
        if _OPTIMIZER in self.data:
            return self._read(_OPTIMIZER, tensors.decode)
        return self._read(_TORCH_OPTIMIZER, _unpickled)

    def _read(
        self, name: str, decode: "Callable[[bytes | memoryview], dict[str, Tensor]]"
    ) -> "dict[str, Tensor]":
        try:
            return decode(self.data[name])
        except Exception as error:  # of many kinds: torch's, json's, our own decoder's
            where = f"{self.stored.folder}/{name}"
            raise damaged(f"it cannot be read ({type(error).__name__})", where) from error

    @property
    def shards(self) -> int:
        """The number of shards; 0 for a checkpoint in one piece."""
        return sum(SHARD.fullmatch(name) is not None for name in self.stored.files)

    def shard(self, rank: int) -> "dict[str, Tensor]":
        """Return the tensors of one rank's shard by name; DamagedError if it is damaged."""
        stored = self.stored.files[shard_name(rank, self.shards)]
        return tensors.decode(read_verified(self.files, stored))

    def _joined(self, selected: Callable[[str], bool]) -> "dict[str, Tensor]":
        """Join the rows of all ranks."""
        import torch

        pieces: dict[str, list[Tensor]] = {}
        for rank in range(self.shards):
            for name, rows in self.shard(rank).items():
                if selected(name):
                    pieces.setdefault(name, []).append(rows)
        return {n: torch.cat(rows) if len(rows) > 1 else rows[0] for n, rows in pieces.items()}

    @property
    def extra(self) -> Extra:
        """The numbers and texts that were saved beside the tensors."""
        extra: Extra = json.loads(bytes(self.data[_STATE]))["extra"]
        return extra


def _unpickled(data: bytes | memoryview) -> "dict[str, Tensor]":
    import torch

    # weights_only: unpickling a foreign file would otherwise run code of its author.
    state: dict[str, Tensor] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return state


def encode(saved: Saved | Gathered, state: Mapping[str, Any]) -> dict[str, Content]:
    """Return the files of a checkpoint by name. The tensors' bytes are views of CPU tensors."""
    record = {"schema_version": SCHEMA_VERSION, **state, "extra": saved.extra}
    if isinstance(saved, Gathered):
        return {_STATE: json.dumps(record, allow_nan=False).encode()}
    about = {name: str(saved.extra[name]) for name in (NORM_EPSILON,) if name in saved.extra}
    return {
        _MODEL: tensors.encode(saved.model, about),
        _OPTIMIZER: tensors.encode(saved.optimizer),
        _STATE: json.dumps(record, allow_nan=False).encode(),
    }


def load(files: Files, stored: CheckpointFiles) -> Checkpoint:
    """Read a checkpoint and verify every byte; DamagedError names the damaged file."""
    checkpoint = opened(files, stored)
    for rank in range(checkpoint.shards):
        checkpoint.shard(rank)
    return checkpoint


def opened(files: Files, stored: CheckpointFiles) -> Checkpoint:
    """Read a checkpoint as `load` does, except shards: these are verified when they are read."""
    apart = [name for name in stored.files if SHARD.fullmatch(name)]
    data = {n: read_verified(files, f) for n, f in stored.files.items() if n not in apart}
    where = files.locate(stored.folder)
    if apart:
        _check_shards(data.keys(), apart, where)
    elif data.keys() not in ({_MODEL, _OPTIMIZER, _STATE}, {_MODEL, _TORCH_OPTIMIZER, _STATE}):
        raise damaged(f"it should hold {_MODEL}, {_OPTIMIZER} and {_STATE}", where)
    refuse_newer(_version(data[_STATE], where), where)
    return Checkpoint(stored, data, files)


def _version(state: bytes | memoryview, where: str) -> int:
    """Return the schema that a checkpoint was written with; DamagedError if none is recorded."""
    try:
        return _State.model_validate_json(bytes(state)).schema_version
    except ValidationError:
        raise damaged(f"{_STATE} is no record of a checkpoint", where) from None


def _check_shards(rest: Collection[str], apart: Collection[str], where: str) -> None:
    expected = {shard_name(rank, len(apart)) for rank in range(len(apart))}
    if set(rest) != {_STATE} or set(apart) != expected:
        raise damaged(f"it should hold {_STATE} and the shards of all workers", where)
