"""The numbers at the head of a report."""

from dataclasses import dataclass

from compound.orchestrator.choose.rungs_text import tied_with
from compound.orchestrator.report.inputs import (
    ReportInputs,
    all_jobs,
)
from compound.orchestrator.wording.numbers import duration, points
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
    return [*search, *_gate_tile(inputs), _jobs_tile(inputs)]


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
