"""The jobs of a study before it runs again: results that it reuses, schedules that it extends."""

from collections import Counter
from collections.abc import Collection

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.optimiser.schedule import Steps, begins_alike
from compound.orchestrator.records.documents import documents
from compound.schemas.data import DataInfo
from compound.schemas.errors import StoreError
from compound.schemas.job import JobRequest, TrainJob


class History:
    """The jobs that a study had before this run, and those of each phase of the run so far."""

    def __init__(self, store: ArtifactStore, study: str) -> None:
        """Read the study's documents. Call it before the run writes any document."""
        self._store, self.study = store, study
        earlier = documents(store.study(study))
        jobs = [job.request for job in earlier.jobs] if earlier else []
        self._jobs: set[str] = set()
        self._epochs: set[int] = set()
        self.learn(jobs)

    def learn(self, requests: Collection[JobRequest]) -> None:
        """Add jobs as the study's own."""
        self._jobs |= {request.job.id for request in requests}
        self._epochs |= {request.job.recipe.epochs for request in requests}

    def origins(self, done: Collection[str]) -> Counter[str]:
        """Count, by study, the done jobs that come from other studies."""
        return self.planned_by_others(set(done) - self._jobs)

    def planned_by_others(self, jobs: Collection[str]) -> Counter[str]:
        """Count jobs by another study that has planned them too, each once."""
        foreign, counts = set(jobs), Counter[str]()
        for name in self._store.studies():
            if not foreign:
                break
            if name != self.study and (shared := foreign & _jobs_of(self._store, name)):
                counts[name] = len(shared)
                foreign -= shared
        return counts

    def continued(self, request: JobRequest, plan: Steps) -> JobRequest:
        """Continue a job from the study's longest shorter schedule that begins like its own."""
        job = request.job
        for epochs in sorted(self._epochs, reverse=True):
            if epochs >= job.recipe.epochs or not begins_alike(job.recipe, plan, epochs):
                continue
            shorter = with_epochs(job, epochs).id
            result = self._store.result(shorter)
            if result is not None and result.status == "done":
                update = {"continues": shorter, "splits": result.splits}
                return request.model_copy(update=update)
        return request


def with_epochs(job: TrainJob, epochs: int) -> TrainJob:
    """Return the same job with a schedule of another length."""
    recipe = job.recipe.model_copy(update={"epochs": epochs})
    return job.model_copy(update={"recipe": recipe})


def data_of(store: ArtifactStore, job_id: str) -> DataInfo | None:
    """Return the data of a job, as a study that planned it has read it; None: no study has."""
    for name in store.studies():
        try:
            study_documents = documents(store.study(name))
        except StoreError:
            continue
        if study_documents and job_id in {job.request.job.id for job in study_documents.jobs}:
            plan = study_documents.plan or study_documents.trained
            if plan is not None:
                return plan.data
    return None


def _jobs_of(store: ArtifactStore, study: str) -> set[str]:
    """Return the jobs of another study; no jobs where its documents cannot be read."""
    try:
        study_documents = documents(store.study(study))
    except StoreError:
        return set()
    return {job.request.job.id for job in study_documents.jobs} if study_documents else set()
