"""The tables of a study on its page, as Arrow: each number is a field that the store has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from compound.orchestrator.forecast.budget_check import spent_short
from compound.orchestrator.records import arrow_tables
from compound.orchestrator.wording.names import name
from compound.schemas.answer import Answer, AnswerRow
from compound.schemas.architecture import Candidate
from compound.schemas.metrics import ACCURACY
from compound.schemas.verdict import Verdict

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState
    from compound.orchestrator.overview.study_list import ListedStudy

_TEXT, _WHOLE, _NUMBER, _YES = pa.string(), pa.int64(), pa.float64(), pa.bool_()

STUDIES: pa.Schema = pa.schema(
    {
        "study": _TEXT,
        "state": _TEXT,
        "done": _WHOLE,
        "jobs": _WHOLE,
        "running": _WHOLE,
        "failed": _WHOLE,
        "best_accuracy": _NUMBER,
        "least_left": _NUMBER,
        "most_left": _NUMBER,
        "updated": _NUMBER,
        "spent": _TEXT,
        "gpu_hours": _NUMBER,
        "cpu_hours": _NUMBER,
        "money": _NUMBER,
        "kind": _TEXT,
        "owner": _TEXT,
        "driver": _TEXT,
        "problem": _TEXT,
    }
)
"""One row a study: see overview/study_list.py. `best_accuracy`: a fraction of 1; `least_left`,
`most_left`: seconds, a range; `updated`: seconds since 1970; `state` is `reading` until the study
has been read."""
JOBS: pa.Schema = pa.schema(
    {
        "label": _TEXT,
        "phase": _TEXT,
        "status": _TEXT,
        "epoch": _WHOLE,
        "epochs": _WHOLE,
        "accuracy": _NUMBER,
        "attempt": _WHOLE,
        "host": _TEXT,
        "since": _NUMBER,
        "why": _TEXT,
        "cause": _TEXT,
        "candidate": _TEXT,
        "seed": _WHOLE,
        "resolution": _WHOLE,
        "params": _WHOLE,
        "job": _TEXT,
    }
)
"""One row a planned job. `accuracy`: of validation images after the last epoch so far, a fraction
of 1; `why`: what it waits for, or the message of its failure; `since`: when that wait began, in
seconds since 1970; `cause`: the kind of its failure."""
CANDIDATES: pa.Schema = pa.schema(
    [
        *pa.schema(
            {
                "name": _TEXT,
                "accuracy": _NUMBER,
                "low": _NUMBER,
                "high": _NUMBER,
                "seeds": _WHOLE,
                "failed": _WHOLE,
                "tied": _YES,
                "chosen": _YES,
            }
        ),
        *(field for field in arrow_tables.CANDIDATES if field.name != "study"),
    ]
)
"""One row a network with its exact cost, and its standing in the verdict. `accuracy`: the mean over
seeds on validation images, with the interval at the study's level, fractions of 1."""
FAMILY: pa.Schema = pa.schema(
    {
        "way": _TEXT,
        "phi": _NUMBER,
        "ratio": _NUMBER,
        "accuracy": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "part": _TEXT,
        "seeds": _WHOLE,
        "gain": _NUMBER,
        "gain_low": _NUMBER,
        "gain_high": _NUMBER,
        "worth": _YES,
        "hours": _NUMBER,
        "unit": _TEXT,
        "basis": _TEXT,
        "money": _NUMBER,
        "resolution": _WHOLE,
        "params": _WHOLE,
        "macs": _WHOLE,
        "depth": _NUMBER,
        "width": _NUMBER,
        "network": _TEXT,
        "chosen": _YES,
    }
)
"""One row a network of the answer: see schemas/answer.py. `gain`: of a doubling of cost, a fraction
of 1; `hours`: of one training; `chosen`: the network that the answer takes."""


def studies_table(names: Sequence[str], rows: "Mapping[str, ListedStudy]") -> pa.Table:
    """Return the studies of a store by their names, in that order."""
    return pa.Table.from_pylist([_study(name, rows.get(name)) for name in names], STUDIES)


def _study(name: str, row: "ListedStudy | None") -> dict[str, Any]:
    if row is None:
        return {"study": name, "state": "reading"}
    spent = row.spent.model_dump(include={"gpu_hours", "cpu_hours", "money"}) if row.spent else {}
    left = row.time_left or (None, None)
    times = {"least_left": left[0], "most_left": left[1]}
    return {**row.fields_read, "study": name, **spent, **times, "spent": spent_short(row.spent)}


def jobs_table(state: "StudyState") -> pa.Table:
    """Return where every job of a study stands."""
    return pa.Table.from_pylist([*_jobs(state)], JOBS)


def _jobs(state: "StudyState") -> Iterator[dict[str, Any]]:
    for line in state.planned:
        stored, standing = state.states[line.job], state.standing[line.job]
        cause = stored.cause
        yield {
            **line._asdict(),
            "status": standing.status,
            "since": standing.since,
            "why": standing.message or (cause.message if cause else None),
            "epoch": stored.epoch,
            "accuracy": stored.metrics.get(ACCURACY),
            "attempt": stored.attempt,
            "host": stored.host,
            "cause": cause.kind if cause else None,
        }


def candidates_table(
    networks: Iterable[tuple[str, Candidate]], names: Mapping[str, str], verdict: Verdict | None
) -> pa.Table:
    """Return networks, each with its roles in words, and with its standing in the verdict.

    `names`: of networks, as every command has them, by their ids.
    """
    standings = {standing.candidate: standing for standing in verdict.standings} if verdict else {}
    if verdict and verdict.baseline:
        standings[verdict.baseline.candidate] = verdict.baseline
    rows = []
    for roles, network in networks:
        row = arrow_tables.network_line(roles, network)
        row |= {"name": name(network), "network": names.get(network.id)}
        if standing := standings.get(network.id):
            row |= standing.model_dump(include={"low", "high", "failed", "tied"})
            row |= {"accuracy": standing.mean, "seeds": len(standing.scores)}
            row["chosen"] = verdict is not None and network.id == verdict.chosen
        rows.append(row)
    # A network of the search may be the family's too: it is one row, the search's.
    once = {row["candidate"]: row for row in reversed(rows)}
    return pa.Table.from_pylist([*once.values()][::-1], CANDIDATES)


def family_table(answer: Answer | None) -> pa.Table:
    """Return the networks of an answer."""
    chosen = answer.row if answer else None
    rows = [_network(row, chosen=row == chosen) for row in (answer.rows if answer else ())]
    return pa.Table.from_pylist(rows, FAMILY)


def _network(row: AnswerRow, *, chosen: bool) -> dict[str, Any]:
    reached, doubling, cost = row.accuracy, row.doubling, row.training
    fields = row.model_dump(include={*FAMILY.names} - {"accuracy"})
    if reached:
        fields |= {"accuracy": reached.value, **reached.model_dump(exclude={"value"})}
    if doubling:
        gains = {"gain": doubling.gain, "gain_low": doubling.low, "gain_high": doubling.high}
        fields |= {**gains, "worth": doubling.worth}
    if cost:
        fields |= cost.model_dump(include={"hours", "unit", "basis", "money"})
    return {**fields, "chosen": chosen}
