"""What the charts of a study are drawn from: figures as the report has them, curves, a timeline."""

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.charts.curves import MOST as MOST_CURVES
from compound.orchestrator.live.charts.curves import Curve
from compound.orchestrator.live.charts.networks import Network, best_first, selected
from compound.orchestrator.live.charts.spans import Span, spans
from compound.orchestrator.live.charts.study_charts import Drawn
from compound.orchestrator.live.reading.study_networks import document_sizes, stored_documents
from compound.orchestrator.report.figures.all_figures import FIGURES, shown
from compound.orchestrator.report.figures.figure import Figure
from compound.orchestrator.report.inputs import ReportInputs, jobs_of, mean_curve, report_rows
from compound.orchestrator.report.stored_inputs import report_inputs
from compound.orchestrator.timeline.intervals import intervals, unended
from compound.schemas.answer import Answer

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudyDrawing:
    """What the charts of a study are drawn from, at one moment."""

    drawn: Drawn
    sources: Mapping[str, object]
    """What it was read from; it is read again where that differs."""


def read_drawing(
    store: ArtifactStore,
    study: str,
    answer: Answer | None,
    running: Collection[str],
    before: StudyDrawing | None,
) -> StudyDrawing:
    """Read what is drawn of a study; `before` is returned where nothing of it can have changed.

    `running`: jobs that train now.
    """
    folder = store.study(study)
    events = {name: size for name, size in folder.sizes().items() if name.startswith("events.")}
    sources = {**document_sizes(store, study), **events, "running": sorted(running)}
    if before and before.sources == sources and not running:
        return before
    stored = stored_documents(store, study)
    if stored.data is None:
        return StudyDrawing(Drawn({}, [], [], []), sources)
    inputs = report_inputs(store.knowing(study), stored, answer)
    rows = report_rows(inputs)
    drawn = Drawn(
        figures=dict(_figures(inputs)),
        networks=[Network.of(row) for row in rows],
        curves=[*_curves(inputs)],
        spans=_spans(store, study, inputs, running),
        marked=len(shown(inputs)),
    )
    return StudyDrawing(drawn, sources)


def _figures(inputs: ReportInputs) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that can be drawn: one that fails costs no other."""
    for name, draw in FIGURES.items():
        try:
            figure = draw(inputs)
        except Exception as error:
            LOG.warning("figure %s cannot be drawn: %s: %s", name, type(error).__name__, error)
            continue
        if figure is not None:
            yield name, figure


def _curves(inputs: ReportInputs) -> Iterator[Curve]:
    networks = best_first([Network.of(row) for row in report_rows(inputs)])
    for network in selected(networks, MOST_CURVES):
        points = mean_curve(inputs, jobs_of(inputs, network.id))
        if points:
            yield Curve(network.id, network.name, network.kind, points, network.chosen)


def _spans(
    store: ArtifactStore, study: str, inputs: ReportInputs, running: Collection[str]
) -> list[Span]:
    events = store.study(study).events()
    labels = {event.job: event.label for event in events}
    rows = [row for job in unended(events) for row in inputs.rows.get(job, ())]
    seen = {(row.job, row.attempt): row.wall_time for row in rows}
    return spans(intervals(events, seen), labels, running, time.time() if running else None)
