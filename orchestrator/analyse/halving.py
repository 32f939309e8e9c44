"""The rungs of successive halving, computed from the rows of its jobs."""

from collections.abc import Callable, Mapping, Sequence

from compound.schemas.gate import Correlation
from compound.schemas.job import EpochRow
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import PlannedJob
from compound.schemas.promotion import Asha
from compound.schemas.verdict import Rung

Scores = Sequence[Sequence[float]]
"""Scores by candidate."""
Correlate = Callable[[Scores, Scores, float], Correlation | None]
Rows = Mapping[str, Sequence[EpochRow]]
"""Rows by job, in the order of their epochs."""


def rung_epochs(asha: Asha, epochs: int) -> tuple[int, ...]:
    """Return the epochs after which Ray's ASHA decides, and the schedule's last one."""
    epochs_of_rungs = []
    epoch = asha.grace
    while epoch < epochs:
        epochs_of_rungs.append(epoch)
        epoch *= asha.factor
    return (*epochs_of_rungs, epochs)


def halving_rungs(
    asha: Asha,
    epochs: int,
    jobs: Sequence[PlannedJob],
    rows: Rows,
    correlate: Correlate,
    level: float,
) -> tuple[Rung, ...]:
    """Return the rungs of a search by successive halving, the shortest first.

    `jobs` are those of a search with schedules of `epochs`. `entered` and `promoted` count jobs,
    one per seed, among those that may be pruned. The correlation is over all candidates at the
    budget's cost that reached the last rung, exempt controls included: a pruned job has no final
    score. Pruned jobs would have ranked low, so the correlation tends to be lower than over all
    candidates.
    """
    return tuple(
        Rung(
            epochs=epoch,
            seeds=_seeds(jobs),
            entered=_reached(jobs, rows, epoch),
            promoted=_reached(jobs, rows, epoch + 1) if epoch < epochs else None,
            correlation=_correlation(jobs, rows, (epoch, epochs), correlate, level)
            if epoch < epochs
            else None,
        )
        for epoch in rung_epochs(asha, epochs)
    )


def _seeds(jobs: Sequence[PlannedJob]) -> int:
    return len({planned.request.job.seed for planned in jobs if planned.request.prunable})


def _reached(jobs: Sequence[PlannedJob], rows: Rows, epoch: int) -> int:
    ids = {planned.request.job.id for planned in jobs if planned.request.prunable}
    return sum(any(row.epoch >= epoch for row in rows.get(job, ())) for job in ids)


def _correlation(
    jobs: Sequence[PlannedJob],
    rows: Rows,
    between: tuple[int, int],
    correlate: Correlate,
    level: float,
) -> Correlation | None:
    scores: dict[str, list[tuple[float, float]]] = {}
    for planned in jobs:
        at = {row.epoch: row.metrics[ACCURACY] for row in rows.get(planned.request.job.id, ())}
        if planned.phi > 0 and at.keys() >= set(between):
            scores.setdefault(planned.candidate, []).append((at[between[0]], at[between[1]]))
    early, late = ([[pair[side] for pair in pairs] for pairs in scores.values()] for side in (0, 1))
    return correlate(early, late, level)
