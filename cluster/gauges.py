"""Compound's own gauges on Ray's metrics endpoint, fed by a runner's events."""

from ray.util.metrics import Gauge

from compound.schemas.job import EpochRow, Event
from compound.schemas.metrics import ACCURACY, SPEED

_TAGS = ("study",)
_GAUGES = {
    "compound_jobs_done": "Jobs that reached their last epoch.",
    "compound_jobs_failed": "Jobs that failed.",
    "compound_jobs_running": "Jobs in training now.",
    "compound_jobs_waiting": "Jobs that wait for their workers.",
    "compound_best_metric": "The best validation accuracy of any job.",
    "compound_images_per_second": "Training images per second, over all running jobs.",
}


class StudyGauges:
    """Counts a study's jobs as events come in; needs a connected Ray.

    Prometheus has the names with `ray_` before them. The only label is the study: with a job's name
    as label Prometheus would keep a series for every job that ever ran.
    """

    def __init__(self, study: str, *, metric: str = ACCURACY) -> None:
        """`metric`: the name in `EpochRow.metrics` whose maximum is the best."""
        self._metric = metric
        self._states: dict[str, str] = {}
        self._speeds: dict[str, float] = {}
        self._best: float | None = None
        self._gauges = {name: Gauge(name, text, tag_keys=_TAGS) for name, text in _GAUGES.items()}
        for gauge in self._gauges.values():
            # Ray's gauges raise where a declared tag has no value.
            gauge.set_default_tags({"study": study})

    def __call__(self, event: Event) -> None:
        """Count one event and publish the gauges."""
        self._states[event.job] = _state(event)
        if event.row is not None:
            self._add_row(event.job, event.row)
        if self._states[event.job] != "running":
            self._speeds.pop(event.job, None)
        for name, value in self.values().items():
            self._gauges[name].set(value)

    def values(self) -> dict[str, float]:
        """Return the gauges that have a value, by name."""
        states = list(self._states.values())
        counts = ("done", "failed", "running", "waiting")
        values = {f"compound_jobs_{state}": float(states.count(state)) for state in counts}
        values["compound_images_per_second"] = sum(self._speeds.values())
        if self._best is not None:
            values["compound_best_metric"] = self._best
        return values

    def _add_row(self, job: str, row: EpochRow) -> None:
        self._speeds[job] = row.metrics.get(SPEED, 0.0)
        score = row.metrics.get(self._metric)
        if score is not None:
            self._best = score if self._best is None else max(self._best, score)


def _state(event: Event) -> str:
    if event.result is not None:
        return event.result.status
    return "waiting" if event.kind in ("waiting", "again") else "running"
