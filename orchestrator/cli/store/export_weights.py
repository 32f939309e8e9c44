"""`compound export`: the weights of a trained network, as a file of their own."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch

from compound.jobs.models.foreign_names import Source
from compound.jobs.models.weight_file import Tensors, evaluated
from compound.jobs.models.weights import epsilon_of, exported, other_padding
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checkpoint import NORM_EPSILON, Checkpoint
from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.cli.printing.output import note, print_json, say
from compound.orchestrator.cli.store.job_to_export import JobToExport
from compound.orchestrator.records.history import data_of
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import closest
from compound.schemas.architecture import Architecture
from compound.schemas.errors import SpecError, StoreError
from compound.schemas.job import TrainJob

_KEY = "compound."
"""What our keys in a file's metadata begin with."""


def export(
    meant: JobToExport, path: Path | None, naming: Source, *, best: bool, as_json: bool
) -> None:
    """Write a job's last checkpoint, or its best one, averaged where its recipe averages.

    Beside the tensors the file says what is needed to use them: classes in their order, mean and
    deviation of the pixels, resolution and network.
    Raises StoreError: no such job, or no checkpoint of it; SpecError: the file cannot be written.
    """
    path = path or meant.path
    if path.suffix not in (".safetensors", ".pth"):
        raise _wrong_name(path)
    store, job_id = meant.store, meant.job
    job, checkpoint = _trained(store, job_id, best=best)
    if meant.why:
        note(meant.why)
    tensors = exported(evaluated(checkpoint.model()), job.architecture, naming)
    versioned = hasattr(tensors, "_metadata")
    if path.suffix == ".pth" and not versioned:
        raise _wrong_name(path)
    about = _about(store, job, checkpoint, naming)
    _write_all(path, tensors, about)
    if versioned and path.suffix != ".pth":
        note(
            f"{naming} loads this network by a version that only a .pth file can hold: "
            f"export to {path.with_suffix('.pth')}, or load it with our names"
        )
    padding = other_padding(job.architecture, naming)
    if padding:
        note(padding)
    missing = [name for name in ("classes", "mean", "deviation") if _KEY + name not in about]
    if missing:
        note(f"the store has no {' and no '.join(missing)} of this job: the file lacks them")
    if as_json:
        print_json({"job": job_id, "epoch": checkpoint.epoch, "naming": naming, "path": str(path)})
    else:
        say(f"wrote {path}: epoch {checkpoint.epoch}, {len(tensors)} tensors named as {naming}")


def _wrong_name(path: Path) -> SpecError:
    return SpecError(
        "a file of weights has a name that ends in .safetensors",
        where=str(path),
        allowed="NAME.safetensors",
        next_step=f"name it {path.with_suffix('.safetensors').name}",
    )


def _trained(store: ArtifactStore, job_id: str, *, best: bool) -> tuple[TrainJob, Checkpoint]:
    job_ids = store.jobs()
    job, checkpoint = (
        (store.job(job_id), store.checkpoint(job_id, best=best))
        if job_id in job_ids
        else (None, None)
    )
    if job is None or checkpoint is None:
        raise StoreError(
            f"no checkpoint of a job '{job_id}'{closest(job_id, job_ids)}",
            where=store.uri,
            allowed="a job that has trained, by its id of 16 hex digits",
            next_step=command("status", (next(iter(store.studies()), "STUDY"),), store=store.uri),
        )
    return job, checkpoint


def _about(
    store: ArtifactStore, job: TrainJob, checkpoint: Checkpoint, naming: Source
) -> dict[str, str]:
    """Return what a user of the weights needs, by names that safetensors' metadata may have."""
    network, data = job.architecture, data_of(store, job.id)
    about = {
        "job": job.id,
        "epoch": str(checkpoint.epoch),
        "network": network.model_dump_json(),
        "resolution": str(network.resolution),
        "central": str(job.recipe.central),
        **{name: str(checkpoint.extra[key]) for name, key in _PIXELS if key in checkpoint.extra},
    }
    if data is not None:
        about["classes"] = json.dumps(data.classes)
    keyed = {_KEY + name: text for name, text in about.items()}
    if isinstance(network, Architecture):
        keyed[NORM_EPSILON] = str(epsilon_of(network, naming))
    return keyed


_PIXELS = (("mean", "data.mean"), ("deviation", "data.deviation"))
"""Mean and deviation of the channels, of pixels from 0 to 1: their names, and a checkpoint's."""


def _write_all(path: Path, tensors: Tensors, about: Mapping[str, str]) -> None:
    if path.suffix == ".safetensors":
        _write(path, safetensors.torch.save(tensors, {"format": "pt", **about}))
        return
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    _write(path, buffer.getvalue())
    # A state dict has no room for them.
    _write(path.with_suffix(".json"), json.dumps(about, indent=1).encode())


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        problem = "the file exists; it is left as it is"
        raise SpecError(problem, where=str(path), next_step="name another file") from None
    except OSError as error:
        raise refused_as(SpecError, "cannot write", path, error) from None
