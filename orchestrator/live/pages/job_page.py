"""The page of a job, and its curves."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from compound.orchestrator.live.charts import job_curves as curves
from compound.orchestrator.live.pages.study_requests import (
    reader_of,
    rendered,
    study_of,
    with_etag,
)
from compound.orchestrator.live.reading.job_reading import JobReading, read_job
from compound.orchestrator.wording.commands import command

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState


async def job_page(request: Request) -> Response:
    """Return the page of a job of a study."""
    state, read = await study_of(request)
    job = await _read(request, state)
    identity = request.path_params["job"]
    line = next(line for line in state.planned if line.job == identity)
    networks = await reader_of(request).networks(state.name)
    rows = networks.value.table.to_pylist() if networks.value else []
    network = next((row for row in rows if row["candidate"] == line.candidate), None)
    return await rendered(
        request,
        "job.html.j2",
        f"{state.revision} {read.mark} {job} {network is None}",
        study=state,
        read=read,
        line=line,
        standing=state.standing[identity],
        job=job,
        network=network,
        metrics=_metrics(job),
        drawn=curves.job_curves(_points(job)),
        again=command("retry", (state.name,), store=state.store),
    )


async def job_curves(request: Request) -> Response:
    """Return a job's metrics by epoch: `{"epoch": [...], "metrics": {name: [...]}}`."""
    state, _ = await study_of(request)
    job = await _read(request, state)
    epochs = [row.epoch for row in job.rows]
    return with_etag(request, JSONResponse({"epoch": epochs, "metrics": _metrics(job)}))


async def _read(request: Request, state: "StudyState") -> JobReading:
    identity = request.path_params["job"]
    return await reader_of(request).once(lambda store: read_job(store, state, identity))


def _points(job: JobReading) -> dict[str, curves.Points]:
    """Return each metric's epochs and values."""
    names = dict.fromkeys(name for row in job.rows for name in row.metrics)
    return {
        name: [(row.epoch, row.metrics[name]) for row in job.rows if name in row.metrics]
        for name in names
    }


def _metrics(job: JobReading) -> dict[str, list[float | None]]:
    """Return each metric over the epochs; None where it has no finite one."""
    names = dict.fromkeys(name for row in job.rows for name in row.metrics)
    return {name: [_finite(row.metrics.get(name)) for row in job.rows] for name in names}


def _finite(value: float | None) -> float | None:
    # JSON has no NaN; NaN is no equal of itself.
    return (
        None if value is None or value != value or value in (float("inf"), -float("inf")) else value
    )
