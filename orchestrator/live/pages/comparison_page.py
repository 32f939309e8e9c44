"""Two studies side by side."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.live.charts.compared_families import Trained, compared_families
from compound.orchestrator.live.pages.study_requests import (
    Read,
    mark,
    reader_of,
    rendered,
    study_named,
    value_of,
)
from compound.orchestrator.wording.names import WAYS

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState


async def comparison_page(request: Request) -> Response:
    """Return two studies side by side; where the URL names less than two, what can be chosen."""
    reader = reader_of(request)
    listed, read = value_of(await reader.studies(), "the store")
    names = listed.names
    chosen = [request.query_params.get(side, "") for side in ("left", "right")]
    sides: list[tuple[StudyState, Read]] = []
    for name in filter(None, chosen):
        sides.append(await study_named(request, name))
    return await rendered(
        request,
        "comparison.html.j2",
        " ".join((f"{[*names]}", *(mark(state, age) for state, age in sides))),
        names=names,
        read=read,
        chosen=chosen,
        sides=[(state, age, _spent(state)) for state, age in sides],
        together=compared_families([(state.name, _trained(state)) for state, _ in sides]),
    )


def _spent(state: "StudyState") -> str:
    return spent_text(state.status.spec.budget, state.status.spent)


def _trained(state: "StudyState") -> list[Trained]:
    """Return the networks of a study's answer that have been trained."""
    rows = [row for row in (state.answer.rows if state.answer else ()) if row.trained]
    return [
        Trained(
            row.macs, reached.value, reached.low, reached.high, f"{WAYS[row.way]}, phi {row.phi:g}"
        )
        for row in rows
        if (reached := row.accuracy)
    ]
