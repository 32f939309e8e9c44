"""The rows of jobs, each read when it is asked for: a figure shows some of ten thousand jobs."""

from collections.abc import Iterator, Mapping, Sequence

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import EpochRow


class StoredRows(Mapping[str, Sequence[EpochRow]]):
    """Rows by job, as the store has them when they are first asked for."""

    def __init__(self, store: ArtifactStore, jobs: Sequence[str]) -> None:
        self._store, self._jobs = store, dict.fromkeys(jobs)
        self._read: dict[str, Sequence[EpochRow]] = {}

    def __getitem__(self, job: str) -> Sequence[EpochRow]:
        if job not in self._jobs:
            raise KeyError(job)
        if job not in self._read:
            self._read[job] = self._store.rows(job)
        return self._read[job]

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)
