"""The page of a study, and the fragment of it that is asked for again and again."""

import time
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.cli.printing.waiting_lines import clock_warning
from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.live.listing.page_tables import JOBS
from compound.orchestrator.live.listing.table_query import parsed
from compound.orchestrator.live.pages.study_requests import Read, mark, rendered, study_of
from compound.orchestrator.overview.known_warnings import known_warnings
from compound.orchestrator.timeline.time_left import UNKNOWN
from compound.orchestrator.wording.final_texts import final_text
from compound.orchestrator.wording.ledger_text import ledger_lines

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState


async def study_page(request: Request) -> Response:
    """Return the page of a study."""
    state, read = await study_of(request)
    parsed("jobs", JOBS, request.query_params.multi_items())
    return await rendered(
        request, "study.html.j2", mark(state, read), **_values(request, state, read)
    )


async def progress(request: Request) -> Response:
    """Return the fragment with all that changes while a study runs."""
    state, read = await study_of(request)
    return await rendered(
        request, "study/progress.html.j2", mark(state, read), **_values(request, state, read)
    )


def _values(request: Request, state: "StudyState", read: Read) -> dict[str, object]:
    """Return what the templates of a study show; see templates/README.md."""
    return {
        "study": state,
        "read": read,
        "query": request.url.query,
        "running": state.now.running,
        "left": _left(state),
        "spent": spent_text(state.status.spec.budget, state.status.spent),
        "waits": waits(state),
        "warnings": _warnings(state),
        "tested": [final_text(state.status.test)],
        "ledger": [*ledger_lines(state.status.data)] if state.status.data else [],
    }


def _left(state: "StudyState") -> str:
    """Say how long the stage that is trained will still take; "" where nobody trains."""
    if not state.driver or state.work.open is None:
        return ""
    return f"{state.now.progress.title}: {state.now.left.text if state.now.left else UNKNOWN}"


def waits(state: "StudyState") -> list[dict[str, object]]:
    """Return the jobs that wait for workers or for another attempt, those that wait longest first.

    Of each the label, the job's id, `status`, `since` in seconds since 1970, and `message`.
    """
    waiting = [
        {"label": line.label, "job": line.job, **state.standing[line.job]._asdict()}
        for line in state.planned
        if state.standing[line.job].status in ("waiting", "retrying")
    ]
    return sorted(waiting, key=lambda wait: wait["since"] or time.time())


def _warnings(state: "StudyState") -> list[str]:
    clocks = clock_warning(state.events).removeprefix("warning: ")
    return [*known_warnings(state.status), *state.missing, *([clocks] if clocks else [])]
