"""Whether a store has weights of a job."""

from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore


def has_weights(store: ArtifactStore, job: str) -> bool:
    """Whether a checkpoint of a job is there; of a bucket, whether its records name one."""
    newest = store.checkpoints(job)[-1:]
    files = [store.locate(file) for checkpoint in newest for file in checkpoint.files.values()]
    return bool(files) and all("://" in file or Path(file).is_file() for file in files)
