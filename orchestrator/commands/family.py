"""The family of a study, as its run prints it."""

from typing import Any

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.wording.numbers import short
from compound.schemas.plan import Member


def family_rows(store: ArtifactStore, found: Documents) -> list[dict[str, Any]]:
    """Return each member of a study's family with its cost and mean accuracy."""
    members = found.family.members if found.family else ()
    return [_family_row(member, store) for member in members]


def _family_row(member: Member, store: ArtifactStore) -> dict[str, Any]:
    results = store.results([job.request.job.id for job in member.jobs])
    scores = [r.metrics["validation_accuracy"] for r in results.values() if r.status == "done"]
    return {
        "phi": member.phi,
        "architecture": member.network.id,
        "ratio": member.network.ratio,
        **member.network.cost.model_dump(),
        "resolution": member.network.architecture.resolution,
        "jobs": len(member.jobs),
        "done": len(scores),
        "accuracy": sum(scores) / len(scores) if scores else None,
    }


def family_cells(row: dict[str, Any]) -> list[str]:
    """Return a member as the cells of a table."""
    accuracy = row["accuracy"]
    return [
        row["architecture"][:8],
        f"{row['phi']:g}",
        f"{row['ratio']:.2f}x",
        f"{row['params']:,}",
        short(row["macs"]),
        str(row["resolution"]),
        f"{row['done']} of {row['jobs']} done",
        "" if accuracy is None else f"{accuracy:.2%}",
    ]
