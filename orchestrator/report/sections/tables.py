"""The tables of a report: every number of the figures, and the jobs behind them."""

from collections.abc import Iterable
from statistics import fmean

from compound.orchestrator.analyse.failed_jobs import Group, facts, grouped, outcomes
from compound.orchestrator.records.job_list import by_id, lines
from compound.orchestrator.report.inputs import (
    ReportInputs,
    ReportRow,
    all_jobs,
    baseline_row,
    member_scores,
    report_rows,
)
from compound.orchestrator.report.sections.table_cells import (
    NOTHING,
    Cell,
    Table,
    count,
    number,
    spans,
    text,
)
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.orchestrator.wording.names import kind, multipliers, name
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import Candidate, Network
from compound.schemas.factory import FactoryNetwork
from compound.schemas.job import Cause, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Member, PlannedJob

NAMED = 12
"""Jobs that a sentence names; the rest is counted."""


def standings(inputs: ReportInputs) -> Table:
    """Return the scores of every candidate."""
    head = ("candidate", "accuracy, %", "interval, %", "seeds", "cost ratio", "in the tied set")
    heads = (*head, "single scores, %", "failed")
    rows = [_standing_row(row) for row in report_rows(inputs)]
    base = baseline_row(inputs)
    return Table(heads, tuple([*rows, _standing_row(base)] if base else rows))


def _standing_row(row: ReportRow) -> tuple[Cell, ...]:
    standing = row.standing
    tied = "chosen" if row.chosen else "yes" if standing.tied else "no"
    if row.kind == "baseline" or standing.mean is None:
        tied = "not promoted" if standing.screened and row.kind != "baseline" else NOTHING
    scores = "  ".join(f"{100 * score:.2f}" for score in standing.scores) or NOTHING
    return (
        _named(row.candidate),
        number(_percent(standing.mean), "{:.2f}"),
        spans(standing.low, standing.high),
        number(len(standing.scores)),
        number(standing.ratio, "{:.3f}x"),
        text(tied, "strong" if row.chosen else ""),
        Cell(scores, max(standing.scores, default=0.0), "quiet"),
        number(standing.failed, tone="bad" if standing.failed else ""),
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _named(candidate: Candidate) -> Cell:
    label = name(candidate)
    return Cell(label, label, f"name {kind(candidate)}", title=f"network {candidate.id}")


def networks(inputs: ReportInputs) -> Table:
    """Return every network of the search: nominal values beside realised ones."""
    head = ("candidate", "alpha", "beta", "gamma", "nominal", "realised", "blocks", "pixels")
    heads = (*head, "parameters", "MACs", "activations", "shares, %", "points")
    plan = inputs.plan
    candidates = (inputs.baseline, *(plan.candidates if plan else ()))
    return Table(heads, tuple(_network_row(candidate) for candidate in candidates))


def _network_row(candidate: Candidate) -> tuple[Cell, ...]:
    triple, network, cost = candidate.coefficients, candidate.architecture, candidate.cost
    merged = "; ".join(multipliers(triple_) for triple_ in candidate.triples[:20])
    points = len(candidate.triples)
    return (
        _named(candidate),
        number(triple.alpha, "{:.3f}"),
        number(triple.beta, "{:.3f}"),
        number(triple.gamma, "{:.3f}"),
        number(triple.nominal, "{:.3f}x"),
        number(candidate.ratio, "{:.3f}x", "strong"),
        _size(network),
        number(network.resolution),
        count(cost.params),
        count(cost.macs),
        count(cost.activations),
        _shares(candidate),
        Cell(str(points) if points else NOTHING, points, title=merged),
    )


def _size(network: Network) -> Cell:
    """Return the number of blocks; for a user's own network depth x width as requested."""
    if isinstance(network, FactoryNetwork):
        return Cell(f"{network.depth:.2f} x {network.width:.2f}", network.depth)
    return number(network.depth)


def _shares(candidate: Candidate) -> Cell:
    shares = candidate.shares
    if shares is None:
        return Cell(NOTHING, -1.0)
    parts = (shares.depth, shares.width, shares.resolution)
    return Cell(" / ".join(f"{100 * part:.0f}" for part in parts), shares.depth)


def family(inputs: ReportInputs) -> Table:
    """Return the scaled networks with their costs and scores."""
    head = ("phi", "accuracy, %", "seeds", "nominal", "realised", "blocks", "pixels")
    heads = (*head, "parameters", "MACs", "activations")
    return Table(heads, tuple(_member_row(inputs, member) for member in inputs.line))


def _member_row(inputs: ReportInputs, member: Member) -> tuple[Cell, ...]:
    scores, network = member_scores(inputs, member), member.network
    return (
        number(member.phi, "{:g}", "strong"),
        number(100 * fmean(scores) if scores else None, "{:.2f}"),
        Cell(f"{len(scores)} of {len(member.jobs)}", len(scores)),
        number(member.nominal, "{:.3f}x"),
        number(network.ratio, "{:.3f}x"),
        _size(network.architecture),
        number(network.architecture.resolution),
        count(network.cost.params),
        count(network.cost.macs),
        count(network.cost.activations),
    )


def dropped(inputs: ReportInputs) -> Table:
    """Return the design points that became no network."""
    heads = ("alpha", "beta", "gamma", "nominal", "nearest realised", "reason")
    points = inputs.plan.dropped if inputs.plan else ()
    rows = [
        (
            number(point.coefficients.alpha, "{:.3f}"),
            number(point.coefficients.beta, "{:.3f}"),
            number(point.coefficients.gamma, "{:.3f}"),
            number(point.coefficients.nominal, "{:.3f}x"),
            number(point.ratio, "{:.3f}x"),
            text(point.reason),
        )
        for point in points
    ]
    return Table(heads, tuple(rows))


def jobs(inputs: ReportInputs) -> Table:
    """Return every job of search and family: its status, time and workers."""
    heads = ("job", "phase", "status", "accuracy, %", "epochs", "seconds", "attempt", "workers")
    rows = [_job_row(job, plan, inputs.results.get(job)) for job, plan in all_jobs(inputs)]
    return Table((*heads, "cause"), tuple(rows), _smaller(inputs))


def _smaller(inputs: ReportInputs) -> str:
    """Return which jobs trained with smaller micro-batches than their recipe's."""
    cut = [
        (planned.request.label or job, inputs.results[job].splits)
        for job, planned in all_jobs(inputs)
        if job in inputs.results and inputs.results[job].splits > 1
    ]
    if not cut:
        return ""
    names = ", ".join(f"{label} (1/{splits})" for label, splits in cut[:NAMED])
    more = f" and {len(cut) - NAMED} more" if len(cut) > NAMED else ""
    return (
        f"{counted(len(cut), 'job')} ran out of memory and trained with smaller micro-batches, a "
        f"fraction of the recipe's size: {names}{more}. The batch of a step is the same, but batch "
        "norm saw fewer images at a time."
    )


def _job_row(job: str, planned: PlannedJob, result: JobResult | None) -> tuple[Cell, ...]:
    status = result.status if result else "not ended"
    score = result.metrics.get(ACCURACY) if result else None
    cause = _summary(result.cause) if result and result.cause else ""
    return (
        text(planned.request.label or job, title=f"job {job}"),
        text(planned.phase),
        text(status, {"done": "good", "failed": "bad"}.get(status, "quiet")),
        number(_percent(score), "{:.2f}"),
        number(result.epochs if result else None),
        number(result.seconds if result else None, "{:,.1f}"),
        number(result.attempt if result else None),
        number(result.world_size if result else None),
        text(cause),
    )


def _summary(cause: Cause) -> str:
    first = cause.message.strip().partition("\n")[0]
    return f"{cause.kind}: {first}" if first else cause.kind


def failures(inputs: ReportInputs) -> list[Group]:
    """Return the failed jobs grouped by cause, the most frequent first."""
    planned = [job for _, job in all_jobs(inputs)]
    networks = by_id([inputs.baseline], inputs.plan, inputs.family)
    lined = lines("", planned, networks)
    return grouped(facts(lined, outcomes(inputs.results), inputs.hosts))


def data(inputs: ReportInputs) -> list[tuple[str, str]]:
    """Return the facts of the data set, as names and values."""
    info = inputs.data
    return [
        ("source", inputs.spec.data.source),
        ("training images", f"{info.train:,}"),
        ("validation images", f"{info.validation:,}"),
        ("test images", f"{info.test:,}" if info.test else "none: there is no test part"),
        ("classes", f"{len(info.classes):,}"),
        ("stored size", f"{info.size} x {info.size}, {_channels(info.in_channels)}"),
        ("fingerprint", info.fingerprint),
        *(line.partition(": ")[::2] for line in ledger_lines(info)),
    ]


def _channels(channels: int) -> str:
    return {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")


def filled(tables: Iterable[tuple[str, Table]]) -> dict[str, Table]:
    """Return the tables that have rows, by name."""
    return {key: table for key, table in tables if table.rows}
