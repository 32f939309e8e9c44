"""What a store knew before a study runs again: what may not change, what need not be done twice."""

from collections import Counter
from collections.abc import Collection

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.optimiser.schedule import Steps, begins_alike
from compound.orchestrator.records.documents import documents
from compound.schemas.errors import StoreError
from compound.schemas.job import JobRequest, TrainJob


class History:
    """What a study and its store had before this run; it learns each phase of the run."""

    def __init__(self, store: ArtifactStore, study: str) -> None:
        """Read what there is; call it before the run writes any document."""
        self._store, self._study = store, study
        known = documents(store.study(study))
        jobs = [job.request for job in known.jobs] if known else []
        self._jobs: set[str] = set()
        self._epochs: set[int] = set()
        self.learn(jobs)

    def learn(self, requests: Collection[JobRequest]) -> None:
        """Take jobs in as the study's own."""
        self._jobs |= {request.job.id for request in requests}
        self._epochs |= {request.job.recipe.epochs for request in requests}

    def origins(self, done: Collection[str]) -> Counter[str]:
        """Count done jobs that this study never had by the other studies that had them."""
        strange = set(done) - self._jobs
        counts: Counter[str] = Counter()
        for name in self._store.studies():
            if not strange:
                break
            if name != self._study and (found := strange & _jobs_of(self._store, name)):
                counts[name] = len(found)
                strange -= found
        return counts

    def continued(self, request: JobRequest, plan: Steps) -> JobRequest:
        """Let a job go on from the longest schedule of the study that is how its own begins."""
        job = request.job
        for epochs in sorted(self._epochs, reverse=True):
            if epochs >= job.recipe.epochs or not begins_alike(job.recipe, plan, epochs):
                continue
            shorter = with_epochs(job, epochs).id
            result = self._store.result(shorter)
            if result is not None and result.status == "done":
                taken = {"continues": shorter, "splits": result.splits}
                return request.model_copy(update=taken)
        return request


def with_epochs(job: TrainJob, epochs: int) -> TrainJob:
    """Return the same job with a schedule of another length."""
    recipe = job.recipe.model_copy(update={"epochs": epochs})
    return job.model_copy(update={"recipe": recipe})


def _jobs_of(store: ArtifactStore, study: str) -> set[str]:
    """Return the jobs of another study; none where its documents cannot be read."""
    try:
        found = documents(store.study(study))
    except StoreError:
        return set()
    return {job.request.job.id for job in found.jobs} if found else set()
