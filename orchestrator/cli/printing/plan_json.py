"""A plan as JSON: the contract that scripts rely on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compound.jobs.networks.workload import workload
from compound.orchestrator.cli.printing.plan_notes import plan_notes, plan_warnings
from compound.orchestrator.records.study_networks import names_of_plan
from compound.schemas.architecture import Candidate, describe
from compound.schemas.forecast import Demand, Forecast
from compound.schemas.plan import FamilyPlan, Plan, PlannedJob

if TYPE_CHECKING:
    from compound.orchestrator.prepare import Prepared

Names = Mapping[str, str]
"""The names of networks, by the hashes of their architectures."""


def as_json(prepared: "Prepared") -> dict[str, Any]:
    """Return a plan's networks, jobs and forecast as plain values."""
    plan, forecast = prepared.plan, prepared.forecast
    demands = {d.architecture: d for d in forecast.demands.values()}
    names = names_of_plan((plan.baseline, *plan.trained))
    return {
        "study": plan.study,
        "data": plan.data.model_dump(),
        "baseline": _network(plan.baseline, demands, names),
        **(_search(plan.search, demands, names) if plan.search else {}),
        "family": _family(plan.family, forecast, demands, names),
        "notes": plan_notes(prepared),
        "warnings": plan_warnings(prepared),
        "jobs": [_job(job, forecast, names) for job in plan.jobs],
        "prediction": _prediction(forecast),
        "resources": [placed.model_dump(mode="json") for placed in forecast.resources],
    }


def _search(plan: Plan, demands: dict[str, Demand], names: Names) -> dict[str, Any]:
    return {
        "points": plan.points,
        "networks": len(plan.candidates),
        "candidates": [_network(candidate, demands, names) for candidate in plan.candidates],
        "dropped": [{**d.model_dump(), "nominal": d.coefficients.nominal} for d in plan.dropped],
    }


def _network(candidate: Candidate, demands: dict[str, Demand], names: Names) -> dict[str, Any]:
    """Flatten a candidate: its identity is the hash of the realised architecture."""
    architecture, demand = candidate.architecture, demands.get(candidate.id)
    predicted = demand.model_dump(exclude={"job", "architecture", "workers"}) if demand else None
    return {
        "network": names[candidate.id],
        "architecture": candidate.id,
        "roles": list(candidate.roles),
        "coefficients": candidate.coefficients.model_dump(),
        "triples": [triple.model_dump() for triple in candidate.triples],
        "nominal": candidate.coefficients.nominal,
        "ratio": candidate.ratio,
        **candidate.cost.model_dump(),
        "macs_by_kind": workload(architecture).macs_by_kind,
        "resolution": architecture.resolution,
        **describe(architecture),
        "shares": candidate.shares.model_dump() if candidate.shares else None,
        "predicted": predicted,
    }


def _family(
    family: FamilyPlan | None, forecast: Forecast, demands: dict[str, Demand], names: Names
) -> list[dict[str, Any]]:
    """Return the planned family, or the bounds of every family that the search may choose."""
    if family is not None:
        return [{"phi": m.phi, **_network(m.network, demands, names)} for m in family.members]
    return [member.model_dump(mode="json") for member in forecast.family.members]


def _job(job: PlannedJob, forecast: Forecast, names: Names) -> dict[str, Any]:
    demand = forecast.demands[job.request.job.id]
    weights = job.request.job.weights
    return {
        "id": job.request.job.id,
        "label": job.request.label,
        "phase": job.phase,
        "phi": job.phi,
        "network": names[job.candidate],
        "architecture": job.candidate,
        "seed": job.request.job.seed,
        "weights": weights.model_dump() if weights else None,
        "compile": job.request.job.recipe.compile,
        "memory": demand.memory,
        "seconds": demand.seconds,
        "gpu_hours": demand.gpu_hours,
    }


def _prediction(forecast: Forecast) -> dict[str, Any]:
    """Return the search's totals, the family's bounds, and what they are based on."""
    return {
        **forecast.search.model_dump(),
        "recipe": forecast.recipe.model_dump(),
        "rounds": forecast.rounds.model_dump(),
        "gate": forecast.gate.model_dump(),
        "family": {
            "least": forecast.family.least.model_dump(),
            "most": forecast.family.most.model_dump(),
        },
        "test": forecast.test.total.model_dump(),
        "most": forecast.most.model_dump(),
        "basis": forecast.basis.model_dump(),
        "compiling": forecast.compiling,
    }
