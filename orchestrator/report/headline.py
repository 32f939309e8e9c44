"""The numbers at the head of a report."""

from dataclasses import dataclass
from statistics import fmean

from compound.orchestrator.choose.rungs_text import tied_with
from compound.orchestrator.report.inputs import (
    PHI,
    ReportInputs,
    all_jobs,
    member_scores,
    report_rows,
)
from compound.orchestrator.wording.names import name
from compound.orchestrator.wording.numbers import duration, percent, points
from compound.schemas.verdict import Verdict


@dataclass(frozen=True)
class Tile:
    """One number of the page's head: its label, its value, and a line of context."""

    label: str
    value: str
    context: str = ""


def tiles(inputs: ReportInputs) -> list[Tile]:
    """Return the numbers of a study, the most important first."""
    verdict = inputs.verdict
    search = _search_tiles(inputs, verdict) if verdict else []
    return [
        *search,
        *_gate_tile(inputs),
        *_family_tiles(inputs),
        *_law_tile(inputs),
        _jobs_tile(inputs),
    ]


def _search_tiles(inputs: ReportInputs, verdict: Verdict) -> list[Tile]:
    tiles = []
    level = f"{100 * verdict.level:g} % interval"
    if gain := verdict.gain:
        ends = "one seed: no interval"
        if gain.low is not None and gain.high is not None:
            ends = f"{level} {points(gain.low)} to {points(gain.high)}"
        sign = "+" if gain.estimate > 0 else ""
        tiles.append(
            Tile(f"gain over {gain.over} alone, points", sign + points(gain.estimate), ends)
        )
    chosen = next((row for row in report_rows(inputs) if row.chosen), None)
    if chosen and chosen.standing.mean is not None:
        tiles.append(_choice_tile(verdict, chosen.standing.mean, name(chosen.candidate)))
    if verdict.noise is not None:
        seeds = max((len(standing.scores) for standing in verdict.standings), default=0)
        tiles.append(
            Tile(
                "noise between seeds, points",
                points(verdict.noise),
                f"tied candidates, {seeds} seeds",
            )
        )
    if verdict.tied:
        scored = sum(standing.mean is not None for standing in verdict.standings)
        tiles.append(
            Tile("tied with the best", f"{len(verdict.tied)} of {scored}", tied_with(verdict))
        )
    return tiles


def _choice_tile(verdict: Verdict, mean: float, label: str) -> Tile:
    """Show the accuracy to expect of the choice; its mean where seeds cannot say more."""
    if verdict.worth is None:
        return Tile("accuracy of the choice", percent(mean), label)
    ends = f"{100 * verdict.worth.low:.1f} to {percent(verdict.worth.high)}"
    return Tile("expected of the choice", percent(verdict.worth.value), f"{label}, {ends}")


def _family_tiles(inputs: ReportInputs) -> list[Tile]:
    scored = [(member, member_scores(inputs, member)) for member in inputs.line]
    best = max(
        ((fmean(scores), member) for member, scores in scored if scores),
        key=lambda pair: pair[0],
        default=None,
    )
    if best is None:
        return []
    context = f"{PHI} {best[1].phi:g}, {best[1].network.ratio:.1f}x the baseline's cost"
    label = "best of the family" if inputs.verdict else "validation accuracy"
    return [Tile(label, percent(best[0]), context)]


def _jobs_tile(inputs: ReportInputs) -> Tile:
    planned = [job for job, _ in all_jobs(inputs)]
    results = [inputs.results[job] for job in planned if job in inputs.results]
    done = sum(result.status == "done" for result in results)
    seconds = sum(result.seconds for result in results)
    return Tile("jobs done", f"{done} of {len(planned)}", f"{duration(seconds)} of training")


def _gate_tile(inputs: ReportInputs) -> list[Tile]:
    if inputs.gate is None:
        return []
    correlation = inputs.gate.correlation
    context = "no rank correlation"
    if correlation:
        ends = f"{correlation.low:.2f} to {correlation.high:.2f}"
        context = f"tau {correlation.tau:.2f}, {100 * correlation.level:g} % {ends}"
    return [Tile(f"gate at {inputs.gate.scale}", inputs.gate.outcome, context)]


def _law_tile(inputs: ReportInputs) -> list[Tile]:
    ahead = (
        [prediction for prediction in inputs.law.points if not prediction.errors]
        if inputs.law
        else []
    )
    if inputs.law is None or not ahead or ahead[-1].expected is None:
        return []
    prediction = ahead[-1]
    context = f"{prediction.ratio:.1f}x the baseline's cost"
    if prediction.low is not None and prediction.high is not None:
        ends = f"{100 * (1 - prediction.high):.1f} to {percent(1 - prediction.low)}"
        context = f"{100 * inputs.law.level:g} % interval {ends}"
    return [
        Tile(
            f"{PHI} {prediction.phi:g} predicted", percent(1 - (prediction.expected or 0)), context
        )
    ]
