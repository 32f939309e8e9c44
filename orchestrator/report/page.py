"""One self-contained HTML page: verdict, figures, tables, spec. It asks nothing of any network."""

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from orchestrator.progress import duration
from orchestrator.reasons import WHICH
from orchestrator.report import tables
from orchestrator.report.figures import MOST, figures
from orchestrator.report.inputs import (
    PHI,
    ReportInputs,
    all_jobs,
    member_scores,
    multipliers,
    name,
    seats,
)
from orchestrator.selection import DRAWS, INDIFFERENT
from orchestrator.sentences import next_step, resolution
from orchestrator.terrain import terrain
from orchestrator.wording import counted, percent, points
from schemas.design import COST_NAMES
from schemas.study import StudySpec
from schemas.verdict import Verdict

HERE = Path(__file__).parent
QUARANTINED_SHOWN = 20


@dataclass(frozen=True)
class Figure:
    """A number worth a tile: what it is, its value, and a line of context."""

    label: str
    value: str
    context: str = ""


def render(inputs: ReportInputs) -> str:
    """Return the page as one HTML text, to be written as UTF-8."""
    scripts = [get_plotlyjs(), (HERE / "page.js").read_text(encoding="utf-8")]
    drawn = {place: json.loads(one.to_json()) for place, one in figures(inputs).items()}
    verdict = inputs.verdict
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            inputs=inputs,
            verdict=verdict,
            headline=_headline(inputs),
            advice=next_step(verdict) if verdict else "",
            tiles=_tiles(inputs),
            drawn=drawn,
            tables=_tables(inputs),
            failures=tables.failures(inputs),
            data=tables.data(inputs),
            quarantined=inputs.data.quarantined[:QUARANTINED_SHOWN],
            chance=_chance(inputs),
            became=_became(inputs),
            cost_name=_cost_name(inputs),
            policy=_policy(scripts),
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - ours and plotly's
            figure_data=_embedded(drawn),
            style=Markup((HERE / "style.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
            counted=counted,
            most=MOST,
            resolves=resolution(verdict.resolution) if verdict else "",
            terrain=terrain(verdict) if verdict else "",
            preferred=_preferred(inputs),
            indifferent=f"{INDIFFERENT:g}",
            draws=DRAWS,
            multipliers=multipliers,
        )
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _policy(scripts: list[str]) -> str:
    """Return a policy that runs these scripts and no other, and fetches nothing."""
    hashes = [b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _embedded(value: object) -> Markup:
    """Return JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - every sign with a meaning in HTML is escaped above


def _tables(inputs: ReportInputs) -> dict[str, tables.Table]:
    named = {
        "standings": tables.standings(inputs),
        "networks": tables.networks(inputs),
        "family": tables.family(inputs),
        "dropped": tables.dropped(inputs),
        "jobs": tables.jobs(inputs),
    }
    return tables.filled(named.items())


def _headline(inputs: ReportInputs) -> str:
    if inputs.verdict:
        return inputs.verdict.sentence
    if isinstance(inputs.spec, StudySpec):
        return "The search has no verdict yet."
    reached = [s for member in inputs.family for s in member_scores(inputs, member)]
    at = f"at {PHI} {inputs.spec.phi:g}"
    if not reached:
        return f"The network {at} has no score yet."
    return f"The network {at} reaches {percent(fmean(reached))} validation accuracy."


def _tiles(inputs: ReportInputs) -> list[Figure]:
    verdict = inputs.verdict
    search = _search_tiles(inputs, verdict) if verdict else []
    return [*search, *_family_tiles(inputs), _jobs_tile(inputs)]


def _search_tiles(inputs: ReportInputs, verdict: Verdict) -> list[Figure]:
    tiles = []
    level = f"{100 * verdict.level:g} % interval"
    if gain := verdict.gain:
        ends = "one seed: no interval"
        if gain.low is not None and gain.high is not None:
            ends = f"{level} {points(gain.low)} to {points(gain.high)}"
        sign = "+" if gain.estimate > 0 else ""
        tiles.append(
            Figure(f"gain over {gain.over} alone, points", sign + points(gain.estimate), ends)
        )
    chosen = next((seat for seat in seats(inputs) if seat.chosen), None)
    if chosen and chosen.standing.mean is not None:
        tiles.append(
            Figure("accuracy of the choice", percent(chosen.standing.mean), name(chosen.candidate))
        )
    if verdict.noise is not None:
        seeds = max((len(standing.scores) for standing in verdict.standings), default=0)
        tiles.append(
            Figure(
                "noise between seeds, points", points(verdict.noise), f"{seeds} seeds a candidate"
            )
        )
    if verdict.tied:
        scored = sum(standing.mean is not None for standing in verdict.standings)
        tiles.append(Figure("tied with the best", f"{len(verdict.tied)} of {scored}", "candidates"))
    return tiles


def _family_tiles(inputs: ReportInputs) -> list[Figure]:
    scored = [(member, member_scores(inputs, member)) for member in inputs.family]
    best = max(
        ((fmean(scores), member) for member, scores in scored if scores),
        key=lambda pair: pair[0],
        default=None,
    )
    if best is None:
        return []
    context = f"{PHI} {best[1].phi:g}, {best[1].network.ratio:.1f}x the baseline's cost"
    label = "best of the family" if inputs.verdict else "validation accuracy"
    return [Figure(label, percent(best[0]), context)]


def _jobs_tile(inputs: ReportInputs) -> Figure:
    planned = [job for job, _ in all_jobs(inputs)]
    results = [inputs.results[job] for job in planned if job in inputs.results]
    done = sum(result.status == "done" for result in results)
    seconds = sum(result.seconds for result in results)
    return Figure("jobs done", f"{done} of {len(planned)}", f"{duration(seconds)} of training")


def _became(inputs: ReportInputs) -> str:
    plan = inputs.plan
    if plan is None:
        return ""
    lost = len(plan.dropped)
    became = (
        f"{counted(plan.points, 'point')} of the design, of which {plan.points - lost} became "
        f"{counted(len(plan.candidates), 'distinct network')} with the controls"
    )
    return f"{became} and {lost} had no network within the budget." if lost else f"{became}."


def _cost_name(inputs: ReportInputs) -> str:
    if not isinstance(inputs.spec, StudySpec):
        return ""
    return COST_NAMES[inputs.spec.search.budget.cost]


def _preferred(inputs: ReportInputs) -> str:
    if not isinstance(inputs.spec, StudySpec):
        return ""
    return WHICH[inputs.spec.search.tie_break]


def _chance(inputs: ReportInputs) -> str:
    """Return the standard error, in points, that the choice of validation images brings."""
    means = [seat.standing.mean for seat in seats(inputs) if seat.standing.mean is not None]
    if not means:
        return ""
    return points((means[0] * (1 - means[0]) / inputs.data.validation) ** 0.5)
