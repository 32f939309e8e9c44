"""`compound plan`: everything that will be trained, without Ray and without a GPU."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.data.source import summarise
from jobs.networks import Networks
from orchestrator.commands.imports import networks_for, say_builds
from orchestrator.commands.output import note, print_json, print_table, say, short
from orchestrator.plan import plan_family, plan_study, plan_train
from orchestrator.predict import predict
from orchestrator.progress import duration
from orchestrator.spec import SpecFile, load
from schemas.architecture import Candidate, describe
from schemas.data import DataInfo
from schemas.errors import CompoundError
from schemas.plan import FamilyPlan, Member, Plan, PlannedJob, Prediction
from schemas.study import StudySpec, TrainSpec

COLUMNS = (
    "network",
    "role",
    ">alpha",
    ">beta",
    ">gamma",
    ">nominal",
    ">cost",
    ">params",
    ">MACs",
    ">activations",
    ">pixels",
    ">points",
    "depth/width/resolution",
)


def plan(path: Path, overrides: list[str], *, as_json: bool, allow_import: bool = False) -> None:
    """Print the plan of a spec. SpecError, PlanError, DataError: it cannot be carried out."""
    file = load(path, overrides)
    try:
        networks = networks_for(file, "plan", allow_import)
        info = summarise(file.spec.data)
        if isinstance(file.spec, TrainSpec):
            _show_variant(file.spec, info, networks, as_json=as_json)
        else:
            _show_study(file, file.spec, info, networks, as_json=as_json)
    except CompoundError as error:
        raise file.explain(error) from None


def _show_variant(spec: TrainSpec, info: DataInfo, networks: Networks, *, as_json: bool) -> None:
    baseline, family = plan_train(spec, info, networks)
    jobs = [job for member in family.members for job in member.jobs]
    prediction = predict([job.request for job in jobs], info)
    if as_json:
        shown = {"baseline": _network(baseline), **_family(family), **_jobs(jobs, prediction)}
        print_json({"study": spec.name, "data": info.model_dump(), **shown})
        return
    rows = [_row(baseline), *(_row(member.network) for member in family.members)]
    print_table(f"{spec.name}: one variant, phi {spec.phi:g}", COLUMNS, rows)
    _say_totals(prediction)


def _show_study(
    file: SpecFile, spec: StudySpec, info: DataInfo, networks: Networks, *, as_json: bool
) -> None:
    plan = plan_study(spec, info, networks)
    prediction = predict([job.request for job in plan.jobs], info)
    outlook = list(_outlook(spec, plan, info, networks))
    say_builds(networks)
    if as_json:
        print_json(_as_json(plan, prediction, outlook))
        return
    print_table(
        f"{spec.name}: {plan.points} points of the design became {_became(plan)}; "
        f"budget {spec.search.budget.multiple:g}x {spec.search.budget.cost} "
        f"to within {spec.search.budget.tolerance:.0%}",
        COLUMNS,
        [_row(plan.baseline), *(_row(candidate) for candidate in plan.candidates)],
    )
    _say_data(info)
    _say_totals(prediction)
    print_table(
        "\nfamily, by what the search may choose",
        (">phi", ">cost", ">MACs", ">pixels"),
        (
            [f"{o['phi']:g}", *(f"{_span(o[k])}" for k in ("ratio", "macs", "resolution"))]
            for o in outlook
        ),
    )
    for warning in plan.warnings:
        note(f"warning: {warning}")
    grant = " --allow-import" if networks.builds else ""
    say(f"next: compound run {file.source.name}{grant}")


def _became(plan: Plan) -> str:
    networks = f"{len(plan.candidates)} networks"
    return f"{networks}, {len(plan.dropped)} points dropped" if plan.dropped else networks


def _outlook(
    spec: StudySpec, plan: Plan, info: DataInfo, networks: Networks
) -> Iterator[dict[str, Any]]:
    """Yield what each phi would cost, over all candidates that the search may choose."""
    families = [
        plan_family(spec, plan.baseline, info, candidate.coefficients, networks)
        for candidate in plan.candidates
    ]
    for members in zip(*(family.members for family in families), strict=True):
        scaled = [member.network for member in members]
        yield {
            "phi": members[0].phi,
            "ratio": _range([network.ratio for network in scaled]),
            "macs": _range([network.cost.macs for network in scaled]),
            "resolution": _range([network.architecture.resolution for network in scaled]),
        }


def _range(values: list[Any]) -> list[Any]:
    return [min(values), max(values)]


def _span(bounds: list[float]) -> str:
    low, high = (short(bound) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _row(candidate: Candidate) -> list[str]:
    triple, cost, shares = candidate.coefficients, candidate.cost, candidate.shares
    return [
        candidate.id[:8],
        ", ".join(candidate.roles) or "scaled",
        *(f"{value:.3f}" for value in triple.model_dump().values()),
        f"{triple.nominal:.2f}x",
        f"{candidate.ratio:.3f}x",
        f"{cost.params:,}",
        short(cost.macs),
        short(cost.activations),
        str(candidate.architecture.resolution),
        str(len(candidate.triples) or ""),
        " ".join(f"{share:4.0%}" for share in shares.split) if shares else "",
    ]


def _say_data(info: DataInfo) -> None:
    say(
        f"\ndata: {info.train:,} training and {info.validation:,} validation images, "
        f"{len(info.classes)} classes, {info.in_channels} x {info.size} x {info.size}"
    )


def _say_totals(prediction: Prediction) -> None:
    say(
        f"jobs: {prediction.jobs}; rough guess {duration(prediction.seconds)} one after another, "
        f"{prediction.gpu_hours:.2f} GPU-hours, {prediction.memory / 2**20:,.0f} MiB a worker"
    )


def _as_json(plan: Plan, prediction: Prediction, outlook: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "study": plan.study,
        "data": plan.data.model_dump(),
        "points": plan.points,
        "networks": len(plan.candidates),
        "baseline": _network(plan.baseline),
        "candidates": [_network(candidate) for candidate in plan.candidates],
        "dropped": [{**d.model_dump(), "nominal": d.coefficients.nominal} for d in plan.dropped],
        "family": outlook,
        "warnings": list(plan.warnings),
        **_jobs(plan.jobs, prediction),
    }


def _network(candidate: Candidate) -> dict[str, Any]:
    """Flatten a candidate: its identity is the hash of the realised architecture."""
    architecture = candidate.architecture
    return {
        "architecture": candidate.id,
        "roles": list(candidate.roles),
        "coefficients": candidate.coefficients.model_dump(),
        "triples": [triple.model_dump() for triple in candidate.triples],
        "nominal": candidate.coefficients.nominal,
        "ratio": candidate.ratio,
        **candidate.cost.model_dump(),
        "resolution": architecture.resolution,
        **describe(architecture),
        "shares": candidate.shares.model_dump() if candidate.shares else None,
    }


def _family(family: FamilyPlan) -> dict[str, Any]:
    return {"family": [_member(member) for member in family.members]}


def _member(member: Member) -> dict[str, Any]:
    return {"phi": member.phi, **_network(member.network)}


def _jobs(jobs: tuple[PlannedJob, ...] | list[PlannedJob], total: Prediction) -> dict[str, Any]:
    listed = [
        {
            "id": job.request.job.id,
            "label": job.request.label,
            "phase": job.phase,
            "phi": job.phi,
            "architecture": job.candidate,
            "seed": job.request.job.seed,
        }
        for job in jobs
    ]
    return {"jobs": listed, "prediction": total.model_dump()}
