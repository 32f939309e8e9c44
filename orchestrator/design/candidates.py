"""From the points of a design to candidates: distinct realised networks of equal cost."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import numpy as np

from compound.jobs.networks.exact_cost import count
from compound.orchestrator.design.budget_cost import over_budget
from compound.orchestrator.design.controls import (
    TWIN,
    CandidateDraft,
    Drafts,
    add_control,
    nearest_in_use,
)
from compound.orchestrator.design.lost_axes import lost_axes
from compound.orchestrator.design.points import nominal_shares, points
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import AXES, CONTROLS, Candidate, Coefficients, Control
from compound.schemas.design import (
    Design,
    ExplicitDesign,
    GridDesign,
    LatticeDesign,
    StarDesign,
)
from compound.schemas.errors import FactoryError, PlanError
from compound.schemas.plan import MOST_UNTRIED, Dropped

if TYPE_CHECKING:
    from compound.orchestrator.design.network_space import NetworkOption, Space


@dataclass(frozen=True)
class Designed:
    """What became of a design: candidates from the depth corner on, and what fell out."""

    candidates: tuple[Candidate, ...]
    dropped: tuple[Dropped, ...]
    points: int
    warnings: tuple[str, ...]
    untried: tuple[Candidate, ...] = ()
    """Networks that the budget admits and the design left out, evenly chosen."""
    lost: tuple[str, ...] = ()
    """Warnings of axes that the search cannot try."""


def design(space: "Space", plan: Design, controls: tuple[Control, ...] = CONTROLS) -> Designed:
    """Realise every point of a design, and the controls beside it.

    Raises PlanError where the design has no points, or the budget admits none of its networks.
    """
    triples, unreachable = _reachable(space, points(plan, space.budget.multiple))
    _require_points(space, triples)
    drafts: Drafts = {}
    for option in space.admitted:
        _draft(space, option, drafts)
    dropped = [*unreachable, *_realise(space, plan, triples, drafts)]
    warnings = [*_idle(space), *_left_out(space)]
    warnings += [text for name in controls if (text := add_control(space, name, drafts))]
    number = len(triples) + len(unreachable)
    used = [draft for draft in drafts.values() if draft.roles]
    candidates = sorted((_candidate(space, draft) for draft in used), key=_corner_order)
    untried = (_candidate(space, draft) for draft in even_choice(drafts.values(), MOST_UNTRIED))
    return Designed(
        tuple(candidates),
        tuple(dropped),
        number,
        tuple(warnings),
        tuple(untried),
        tuple(lost_axes(space)),
    )


def _reachable(
    space: "Space", triples: list[Coefficients]
) -> tuple[list[Coefficients], list[Dropped]]:
    """Drop the points that scale along an axis on which the network does not change."""
    idle = [axis for axis in AXES if axis not in space.networks.axes(space.baseline)]
    reachable, dropped = [], []
    for triple in triples:
        on = [axis for axis in idle if nominal_shares(triple).split[AXES.index(axis)] > 1e-9]
        if on:
            reason = f"{on[0]} has no effect on any tensor"
            dropped.append(Dropped(coefficients=triple, reason=reason))
        else:
            reachable.append(triple)
    return reachable, dropped


def _idle(space: "Space") -> list[str]:
    """Warn of axes that are left out of the search."""
    working = space.networks.axes(space.baseline)
    return [
        f"{axis} has no effect on any tensor: the search leaves it out"
        for axis in AXES
        if axis not in working
    ]


def _left_out(space: "Space") -> list[str]:
    """Warn of scalings that the search would have tried, had the factory built them."""
    failures = space.failures
    return (
        [f"{counted(len(failures), 'scaling')} left out; the first: {failures[0]}"]
        if failures
        else []
    )


def _require_points(space: "Space", triples: list[Coefficients]) -> None:
    if not triples:
        raise PlanError(
            "the grid has no point whose alpha * beta^2 * gamma^2 is near "
            f"{space.budget.multiple:g}",
            where="search.design",
            allowed="a smaller step, a larger tolerance, or ranges that reach the multiple",
            next_step="compound plan SPEC --set 'search.design={kind: lattice}'",
        )
    if not space.options:
        raise PlanError(
            f"no scaling of the baseline could be built; the first: {space.failures[0]}",
            where="baseline",
            allowed="`rounding: {resolution: 8}` asks for multiples of 8 pixels only",
            next_step="compound plan SPEC --set rounding.resolution=8",
        )


def _draft(space: "Space", option: "NetworkOption", drafts: Drafts) -> CandidateDraft:
    """Return the draft of a network, a new one where it is the first to come to it."""
    draft = drafts.get(option.network)
    if draft is None:
        draft = drafts[option.network] = CandidateDraft(option, space.shares(option.network))
    return draft


def _realise(
    space: "Space", plan: Design, triples: list[Coefficients], drafts: Drafts
) -> list[Dropped]:
    """Give each point of a design its network, and return those that have none.

    Raises PlanError where no point has one.
    """
    match plan:
        case LatticeDesign() | StarDesign():
            _realise_by_shares(space, triples, drafts)
            return []
        case GridDesign() | ExplicitDesign():
            realise = _realise_fitted if plan.fit_resolution else _realise_exactly
            dropped = realise(space, triples, drafts)
        case _:
            assert_never(plan)
    if len(dropped) == len(triples):
        ratios = (point.ratio for point in dropped)
        raise over_budget(space.budget, ratios, "no point of the design costs")
    return dropped


def _realise_by_shares(space: "Space", triples: list[Coefficients], drafts: Drafts) -> None:
    """Give each point of a lattice or star the network whose realised shares lie nearest to it.

    The corners come first, and a network that is already in serves its near-twins' points too.
    """
    if not drafts:
        ratios = (option.ratio for option in space.options)
        raise over_budget(space.budget, ratios, "no network costs")
    for triple in sorted(triples, key=lambda t: -max(nominal_shares(t).split)):
        nearest_in_use(nominal_shares(triple), drafts.values()).add("design", triple)


def _realise_fitted(space: "Space", triples: list[Coefficients], drafts: Drafts) -> list[Dropped]:
    """Give each triple the network of its own alpha and beta that meets the budget, or drop it."""
    dropped = []
    options = {draft.option.shape: draft.option for draft in drafts.values()}
    for triple in triples:
        try:
            shape = space.shape(triple.alpha, triple.beta)
            option = options.get(shape) or options.setdefault(shape, space.option(triple))
        except FactoryError as error:
            dropped.append(Dropped(coefficients=triple, reason=error.message))
            continue
        if space.admits(option.ratio):
            _draft(space, option, drafts).add("design", triple)
            continue
        reason = "no resolution from the baseline's up brings it into the budget"
        dropped.append(Dropped(coefficients=triple, reason=reason, ratio=option.ratio))
    return dropped


def _realise_exactly(space: "Space", triples: list[Coefficients], drafts: Drafts) -> list[Dropped]:
    """Realise each triple exactly, with its own gamma, or drop it."""
    dropped = []
    for triple in triples:
        try:
            option = space.exact(triple)
            reason = "" if space.admits(option.ratio) else _why_not_exact(space, triple)
        except FactoryError as error:
            dropped.append(Dropped(coefficients=triple, reason=error.message))
            continue
        if not reason:
            _draft(space, option, drafts).add_exact(triple)
            continue
        dropped.append(Dropped(coefficients=triple, reason=reason, ratio=option.ratio))
    return dropped


def _why_not_exact(space: "Space", triple: Coefficients) -> str:
    fitted = space.option(triple)
    if not space.admits(fitted.ratio):
        return f"no resolution brings it into the budget, {fitted.ratio:.3f}x at best"
    return (
        f"outside of the budget as it stands; fit_resolution: true would give it "
        f"{fitted.network.resolution} pixels and {fitted.ratio:.3f}x"
    )


def _candidate(space: "Space", draft: CandidateDraft) -> Candidate:
    network = draft.option.network
    return Candidate(
        architecture=network,
        cost=count(network),
        ratio=draft.option.ratio,
        roles=tuple(role for role in ("design", *CONTROLS) if role in draft.roles),
        coefficients=draft.exact or _representative(space, draft.option),
        triples=tuple(draft.triples),
        shares=draft.shares,
    )


def _representative(space: "Space", option: "NetworkOption") -> Coefficients:
    """Return a triple that scales the baseline to exactly this network at phi = 1.

    Rounding leaves a choice, and phi > 1 depends on it. An axis that need not be scaled is not;
    on the others it is the triple whose nominal cost is nearest to the budget's multiple, as in
    the paper's constraint, so that phi spends what it promises.
    """
    gamma = option.network.resolution / space.baseline.resolution
    alphas, betas = option.alphas.settled, option.betas.settled
    low = math.log(alphas.low * betas.low**2 * gamma**2)
    high = math.log(alphas.high * betas.high**2 * gamma**2)
    target = math.log(space.budget.multiple)
    position = min(max((target - low) / (high - low), 0.0), 1.0) if high > low else 0.0
    triple = Coefficients(alpha=alphas.at(position), beta=betas.at(position), gamma=gamma)
    if space.leads(triple, option.network):
        return triple
    return Coefficients(alpha=alphas.low, beta=betas.low, gamma=gamma)


def _corner_order(candidate: Candidate) -> tuple[float, float]:
    shares = candidate.shares
    assert shares is not None
    return -shares.depth, -shares.width


def even_choice(drafts: Collection[CandidateDraft], most: int) -> list[CandidateDraft]:
    """Return at most so many unused drafts, spread evenly over the simplex.

    Each is the one farthest from all that are in use or already taken (Gonzalez 1985), so the
    first ones fill the design's largest gaps. Near-twins of others are left out: training them
    would teach nothing.
    """
    unused = [draft for draft in drafts if not draft.roles]
    positions = np.array([draft.shares.split for draft in unused]).reshape(-1, 3)
    used = np.array([draft.shares.split for draft in drafts if draft.roles]).reshape(-1, 3)
    gaps = np.full(len(unused), np.inf)
    for position in used:
        gaps = np.minimum(gaps, np.linalg.norm(positions - position, axis=1))
    chosen: list[CandidateDraft] = []
    while len(chosen) < most and unused:
        farthest = int(gaps.argmax())
        if gaps[farthest] < TWIN:
            break
        chosen.append(unused[farthest])
        gaps = np.minimum(gaps, np.linalg.norm(positions - positions[farthest], axis=1))
    return chosen
