"""What the charts of a study are drawn from, read from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.charts.curves import Curve
from compound.orchestrator.live.charts.networks import Network, best_first, selected
from compound.orchestrator.live.charts.spans import Span, spans
from compound.orchestrator.live.charts.study_charts import Drawn
from compound.orchestrator.live.reading.file_marks import FileMarks
from compound.orchestrator.live.reading.network_table import stored_documents
from compound.orchestrator.report.figures.all_figures import FIGURES
from compound.orchestrator.report.figures.cost_figure import cost_figure
from compound.orchestrator.report.figures.figure import Figure
from compound.orchestrator.report.figures.ternary_figure import ternary
from compound.orchestrator.report.inputs import (
    ReportInputs,
    baseline_row,
    report_rows,
)
from compound.orchestrator.report.stored_inputs import report_inputs
from compound.orchestrator.timeline.intervals import intervals, unended
from compound.schemas.metrics import ACCURACY
from compound.schemas.study import StudySpec

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState

MARKED = 300
"""Networks with a mark in a chart; every mark is an element of the page."""
CURVES = 60
"""Networks whose learning curves are read: a file for each of their jobs."""
SO_FAR = 2_000
"""Jobs of a search up to which its standings are computed while it runs, in about a second."""
_REDRAWN = ("cost", "ternary", "search-curves")
"""Figures of the report that the page draws in its own way."""

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class StudyDrawn:
    """What the charts of a study are drawn from, at one moment."""

    drawn: Drawn
    revision: str
    """Of the study's state."""
    ended: int
    files: FileMarks
    """Of its documents, and how many jobs had ended: the figures are from these."""
    points: Mapping[str, Points]
    """The curves of jobs that have ended: they are not read again."""


def read_drawn(store: ArtifactStore, state: "StudyState", before: StudyDrawn | None) -> StudyDrawn:
    """Read what has changed since `before`; the same object where nothing has.

    StoreError: there is no such study, or it has no plan yet.
    """
    if before and before.revision == state.revision:
        return before
    ended = sum(standing.status in ("done", "failed") for standing in state.standing.values())
    files = {name: mark for name, mark in state.files.items() if name.endswith(".json")}
    if before and (before.ended, before.files) == (ended, files):
        figures, networks, marked = before.drawn.figures, before.drawn.networks, before.drawn.marked
    else:
        figures, networks, marked = _figures(store, state)
    points = _points(store, state, networks, before.points if before else {})
    done = {job: values for job, values in points.items() if state.standing[job].status == "done"}
    drawn = Drawn(figures, networks, _curves(state, networks, points), _spans(store, state), marked)
    return StudyDrawn(drawn, state.revision, ended, files, done)


def _figures(
    store: ArtifactStore, state: "StudyState"
) -> tuple[dict[str, Figure], list[Network], int]:
    """Return the figures of the report, the networks of the search, and how many have a mark."""
    stored = stored_documents(store, state.name)
    inputs = with_standings(report_inputs(store.knowing(state.name), stored, state.answer))
    rows = report_rows(inputs)
    marked = [row for i, row in enumerate(rows) if i < MARKED or row.kind != "mix" or row.chosen]
    drawings = {name: draw(inputs) for name, draw in FIGURES.items() if name not in _REDRAWN}
    drawings |= {
        "ternary": ternary(marked, inputs.verdict),
        "cost": cost_figure(inputs, marked),
    }
    base = baseline_row(inputs)
    networks = [Network.of(row) for row in (*rows, *([base] if base else []))]
    hidden = len(rows) - len(marked)
    return (
        {name: figure for name, figure in drawings.items() if figure},
        networks,
        len(networks) - hidden,
    )


def with_standings(inputs: ReportInputs) -> ReportInputs:
    """Return inputs with the standings so far, where the search is not judged yet.

    They are those that its verdict would have; nothing of it but the standings is shown.
    """
    spec, plan = inputs.spec, inputs.plan
    if inputs.verdict or plan is None or not isinstance(spec, StudySpec):
        return inputs
    if not inputs.results or len(plan.jobs) > SO_FAR:
        return inputs
    from compound.orchestrator.choose.verdict import analyse  # statistics, which take 1 s

    verdict = analyse(spec, plan, inputs.results)
    return replace(inputs, verdict=verdict.model_copy(update={"chosen": None}))


def _points(
    store: ArtifactStore,
    state: "StudyState",
    networks: Sequence[Network],
    read_before: Mapping[str, Points],
) -> dict[str, Points]:
    """Return accuracy by epoch of the jobs of networks that have a curve, and of running jobs."""
    drawn = {network.id for network in selected(best_first(networks), CURVES)}
    jobs = [
        line.job
        for line in state.planned
        if (line.phase == "search" and line.candidate in drawn)
        or state.standing[line.job].status == "running"
    ]
    begun = [job for job in jobs if state.standing[job].status != "queued"]
    return {job: read_before[job] if job in read_before else _read(store, job) for job in begun}


def _read(store: ArtifactStore, job: str) -> Points:
    return [
        (row.epoch, row.metrics[ACCURACY]) for row in store.rows(job) if ACCURACY in row.metrics
    ]


def _curves(
    state: "StudyState", networks: Sequence[Network], points: Mapping[str, Points]
) -> list[Curve]:
    """Return the mean curve of each network, and a curve for each job that trains now."""
    jobs: dict[str, list[str]] = {}
    for line in state.planned:
        if line.job in points and line.phase == "search":
            jobs.setdefault(line.candidate, []).append(line.job)
    means = [
        Curve(n.id, n.name, n.kind, _mean([points[job] for job in jobs[n.id]]), n.chosen)
        for n in networks
        if n.id in jobs
    ]
    running = [
        Curve(line.candidate, line.label, "mix", points[line.job], running=True)
        for line in state.planned
        if state.standing[line.job].status == "running" and line.job in points
    ]
    return [*means, *running]


def _mean(curves: Sequence[Points]) -> Points:
    """Return the mean of curves by epoch, over those that reached it."""
    by_epoch: dict[int, list[float]] = {}
    for epoch, value in (point for curve in curves for point in curve):
        by_epoch.setdefault(epoch, []).append(value)
    return [(epoch, fmean(values)) for epoch, values in sorted(by_epoch.items())]


def _spans(store: ArtifactStore, state: "StudyState") -> list[Span]:
    events = state.events or store.study(state.name).events()
    # The last sign of an attempt without an end is its newest epoch.
    seen = {
        (job, state.states[job].attempt): state.states[job].updated or 0.0
        for job in unended(events)
        if job in state.states
    }
    labels = {line.job: line.label for line in state.planned}
    return spans(intervals(events, seen), labels)
