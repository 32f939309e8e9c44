"""The contenders of the gate: their ranks in the search and at the larger scale."""

from collections.abc import Mapping

from compound.orchestrator.report.inputs import ReportInputs, candidate_names
from compound.orchestrator.report.sections.table_cells import Cell, Table, number, spans, text
from compound.schemas.gate import Contender, GateResult


def contenders(inputs: ReportInputs) -> Table:
    """Return every contender before the gate and in it, best in the gate first."""
    result: GateResult | None = inputs.gate
    head = ("contender", "search, %", "rank", "gate, %", "interval, %", "rank in the gate")
    heads = (*head, "cost ratio", "in the tied set", "single scores, %")
    if result is None:
        return Table(heads, ())
    before = _ranks({contender.candidate: contender.searched for contender in result.contenders})
    scored = {
        contender.candidate: contender.mean
        for contender in result.contenders
        if contender.mean is not None
    }
    now = _ranks(scored)
    chosen = inputs.verdict.chosen if inputs.verdict else None
    names = candidate_names(inputs)
    rows = [
        _row(
            contender,
            before[contender.candidate],
            now.get(contender.candidate),
            contender.candidate == chosen,
            names.get(contender.candidate, contender.name),
        )
        for contender in result.contenders
    ]
    return Table(heads, tuple(rows))


def _ranks(means: Mapping[str, float]) -> dict[str, int]:
    order = sorted(means, key=lambda candidate: -means[candidate])
    return {candidate: rank for rank, candidate in enumerate(order, start=1)}


def _row(
    contender: Contender, before: int, now: int | None, chosen: bool, name: str
) -> tuple[Cell, ...]:
    tied = "no score" if contender.mean is None else "yes" if contender.tied else "no"
    scores = "  ".join(f"{100 * score:.2f}" for score in contender.scores) or "–"
    return (
        text(f"★ {name}" if chosen else name, "strong" if chosen else ""),
        number(100 * contender.searched, "{:.2f}"),
        number(before),
        number(None if contender.mean is None else 100 * contender.mean, "{:.2f}"),
        spans(contender.low, contender.high),
        number(now),
        number(contender.ratio, "{:.3f}x"),
        text(tied),
        Cell(scores, max(contender.scores, default=0.0), "quiet"),
    )
