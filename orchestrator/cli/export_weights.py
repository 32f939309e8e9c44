"""`compound export`: the weights of a trained network, as a file of their own."""

from pathlib import Path

import safetensors.torch

from compound.jobs.models.foreign_names import Source
from compound.jobs.models.weight_file import evaluated
from compound.jobs.models.weights import exported
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import print_json, say
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import closest
from compound.schemas.errors import SpecError, StoreError


def export(job_id: str, path: Path, naming: Source, uri: str, *, best: bool, as_json: bool) -> None:
    """Write a job's last checkpoint, or its best one, averaged where its recipe averages.

    Raises StoreError: no such job, or no checkpoint of it; SpecError: the file cannot be written.
    """
    if path.suffix != ".safetensors":
        raise SpecError(
            "a file of weights has a name that ends in .safetensors",
            where=str(path),
            allowed="NAME.safetensors",
        )
    store = ArtifactStore.open(uri, create=False)
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
            next_step=command("status", ("STUDY",), store=uri),
        )
    tensors = exported(evaluated(checkpoint.model()), job.architecture, naming)
    _write(path, safetensors.torch.save(tensors, {"format": "pt"}))
    if as_json:
        print_json({"job": job_id, "epoch": checkpoint.epoch, "naming": naming, "path": str(path)})
    else:
        say(f"wrote {path}: epoch {checkpoint.epoch}, {len(tensors)} tensors named as {naming}")


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        problem = "the file exists; it is left as it is"
        raise SpecError(problem, where=str(path), next_step="name another file") from None
    except OSError as error:
        raise SpecError(f"cannot write: {error.strerror}", where=str(path)) from None
