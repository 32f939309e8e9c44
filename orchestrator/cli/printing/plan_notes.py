"""What a plan decided or counted that the spec does not say, a sentence each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compound.orchestrator.forecast.budget_check import warnings
from compound.orchestrator.plan.image_warnings import image_warnings
from compound.orchestrator.plan.too_little import too_little
from compound.orchestrator.plan.variant_dropout import variant_note
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.final_texts import part_warnings
from compound.orchestrator.wording.ranked_warnings import ranked
from compound.schemas.architecture import Architecture, Candidate, Network
from compound.schemas.factory import FactoryNetwork

if TYPE_CHECKING:
    from compound.orchestrator.prepare import Prepared

MADE_BY = {
    "convolution": "in convolutions",
    "linear": "in products with weights",
    "attention": "in products of results, as in attention",
    "weights": "in products that are made once a batch, as of weights alone",
}
"""What multiplies, by the key of `macs_by_kind`."""


def plan_notes(prepared: "Prepared") -> list[str]:
    """Return the sentences of a plan."""
    plan = prepared.plan
    start = plan.jobs[0].request.job.architecture
    of_family = plan.family.notes if plan.family else ()
    return [*_counted(plan.baseline), *variant_note(prepared.spec), *_epsilon(start), *of_family]


def plan_warnings(prepared: "Prepared") -> list[str]:
    """Return what a plan warns of, what costs the answer most first."""
    spec, plan = prepared.spec, prepared.plan
    return ranked(
        (
            *class_warnings(plan.data),
            *too_little(spec, plan.data),
            *image_warnings(plan.data, _resolutions(prepared)),
            *plan.warnings,
            *part_warnings(plan.data),
            *warnings(spec, prepared.forecast),
        )
    )


def _resolutions(prepared: "Prepared") -> set[int]:
    """Return the pixels on a side of every network that may be trained."""
    networks = (prepared.plan.baseline, *prepared.plan.trained)
    members = prepared.forecast.family.members
    return {n.architecture.resolution for n in networks} | {round(m.resolution[1]) for m in members}


def _epsilon(network: Network) -> Iterator[str]:
    """Say where batch norm differs from the family's because the weights were trained so."""
    if isinstance(network, Architecture) and network.norm_epsilon is not None:
        yield f"batch norm's epsilon is {network.norm_epsilon:g}, as the weights were trained"


def _counted(baseline: Candidate) -> Iterator[str]:
    """Say what the MACs of a user's own network are; of named ones the blocks say it."""
    if isinstance(baseline.architecture, FactoryNetwork):
        kinds = baseline.architecture.workload.macs_by_kind.items()
        parts = [f"{macs:,} MACs {MADE_BY[kind]}" for kind, macs in kinds if macs]
        yield f"counted in the baseline: {', '.join(parts) or 'no MACs'}"
        uncounted = baseline.architecture.workload.uncounted
        calls = [f"{name} ({times:,} a pass)" for name, times in uncounted]
        if calls:
            yield f"not counted in the MACs, though they multiply: {', '.join(calls)}"
