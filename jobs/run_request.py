"""What a worker does with a request: it trains the job, or evaluates what the job has trained."""

from collections.abc import Callable

from compound.jobs import evaluate_job, run_job
from compound.jobs.parallel.process import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.job_isolation import Epochs
from compound.schemas.job import JobRequest

__all__ = ["Process", "run_request"]


def run_request(
    request: JobRequest,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    stopping: Callable[[], bool] = lambda: False,
) -> Epochs:
    """Carry a request out; see `run_job.run` and `evaluate_job.evaluate`."""
    if request.evaluates is not None:
        return evaluate_job.evaluate(request, store, process, data)
    return run_job.run(
        request.job,
        store,
        process,
        data,
        request.splits,
        request.continues,
        stopping,
        request.profile,
    )
