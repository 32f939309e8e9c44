"""From the points of a design to candidates: distinct realised networks of equal cost."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jobs.complexity import count
from orchestrator.space import Option, Space
from schemas.architecture import AXES, Axis, Candidate, Coefficients, Network, Role, Shares
from schemas.design import GridDesign, LatticeDesign
from schemas.errors import FactoryError, PlanError
from schemas.plan import Dropped

_FUZZ = 1e-9
_TWIN = 0.03
"""How much farther from a lattice point a network already chosen may lie than the nearest one."""
_PURE = 0.999
"""The share from which a network counts as scaled along one axis only."""


@dataclass(frozen=True)
class Designed:
    """What became of a design: candidates from the depth corner on, and what fell out."""

    candidates: tuple[Candidate, ...]
    dropped: tuple[Dropped, ...]
    points: int
    warnings: tuple[str, ...]


@dataclass
class _Draft:
    """A network on its way to becoming a candidate."""

    option: Option
    shares: Shares
    roles: set[Role] = field(default_factory=set)
    triples: list[Coefficients] = field(default_factory=list)

    def add(self, role: Role, triple: Coefficients) -> None:
        """Take a point of the design in."""
        self.roles.add(role)
        self.triples.append(triple)


Drafts = dict[Network, _Draft]
"""Drafts by their shape: the network at the baseline's resolution."""


def points(plan: GridDesign | LatticeDesign, multiple: float) -> list[Coefficients]:
    """Return the triples of a design, in a fixed order."""
    if isinstance(plan, GridDesign):
        return list(_grid(plan, multiple))
    return list(_lattice(plan.degree, multiple))


def _grid(plan: GridDesign, multiple: float) -> Iterator[Coefficients]:
    """Yield the paper's grid: nominal cost within the tolerance of the multiple."""
    for alpha in _steps(*plan.alpha, plan.step):
        for beta in _steps(*plan.beta, plan.step):
            for gamma in _steps(*plan.gamma, plan.step):
                if abs(alpha * beta**2 * gamma**2 - multiple) < plan.tolerance - _FUZZ:
                    yield Coefficients(alpha=alpha, beta=beta, gamma=gamma)


def _steps(low: float, high: float, step: float) -> list[float]:
    number = math.floor((high - low) / step + _FUZZ)
    return [round(low + index * step, 10) for index in range(number + 1)]


def _lattice(degree: int, multiple: float) -> Iterator[Coefficients]:
    """Yield a simplex lattice of shares: alpha * beta^2 * gamma^2 is exactly the multiple."""
    for depth in range(degree, -1, -1):
        for width in range(degree - depth, -1, -1):
            rest = degree - depth - width
            shares = (depth / degree, width / degree, rest / degree)
            yield _split(Shares(depth=shares[0], width=shares[1], resolution=shares[2]), multiple)


def _split(shares: Shares, multiple: float) -> Coefficients:
    """Return the triple that spends these shares of a nominal cost multiple."""
    return Coefficients(
        alpha=multiple**shares.depth,
        beta=multiple ** (shares.width / 2),
        gamma=multiple ** (shares.resolution / 2),
    )


def _nominal_shares(triple: Coefficients) -> Shares:
    """Return how a triple splits its nominal cost: the inverse of _split."""
    logs = (math.log(triple.alpha), 2 * math.log(triple.beta), 2 * math.log(triple.gamma))
    total = sum(logs) or 1.0
    depth, width, resolution = (log / total for log in logs)
    return Shares(depth=depth, width=width, resolution=resolution)


def design(space: Space, plan: GridDesign | LatticeDesign) -> Designed:
    """Realise every point of a design, and the three single-axis controls beside it.

    Raises PlanError where the design has no points, or the budget admits no network.
    """
    triples, dropped = _reachable(space, points(plan, space.budget.multiple))
    unreachable = len(dropped)
    _require(space, triples)
    drafts = {o.shape: _Draft(o, space.shares(o.network)) for o in space.admitted}
    place = _place_on_grid if isinstance(plan, GridDesign) else _place_by_shares
    dropped += place(space, triples, drafts)
    warnings = [*_idle(space), *_left_out(space)]
    warnings += [text for axis in AXES if (text := _add_control(space, axis, drafts))]
    used = [draft for draft in drafts.values() if draft.roles]
    candidates = sorted((_candidate(space, draft) for draft in used), key=_corner_order)
    return Designed(tuple(candidates), tuple(dropped), len(triples) + unreachable, tuple(warnings))


def _reachable(
    space: Space, triples: list[Coefficients]
) -> tuple[list[Coefficients], list[Dropped]]:
    """Drop the points that scale along an axis on which the network does not change."""
    idle = [axis for axis in AXES if axis not in space.networks.axes(space.baseline)]
    kept, dropped = [], []
    for triple in triples:
        on = [axis for axis in idle if _nominal_shares(triple).split[AXES.index(axis)] > _FUZZ]
        if on:
            reason = f"{on[0]} has no effect on any tensor"
            dropped.append(Dropped(coefficients=triple, reason=reason))
        else:
            kept.append(triple)
    return kept, dropped


def _idle(space: Space) -> list[str]:
    """Warn of axes that are left out of the search."""
    working = space.networks.axes(space.baseline)
    return [
        f"{axis} has no effect on any tensor: the search leaves it out"
        for axis in AXES
        if axis not in working
    ]


def _left_out(space: Space) -> list[str]:
    """Warn of scalings that the search would have tried, had the factory built them."""
    failures = space.failures
    return [f"{len(failures)} scalings are left out; the first: {failures[0]}"] if failures else []


def _require(space: Space, triples: list[Coefficients]) -> None:
    budget = space.budget
    if not triples:
        raise PlanError(
            f"the grid has no point whose alpha * beta^2 * gamma^2 is near {budget.multiple:g}",
            where="search.design",
            allowed="a smaller step, a larger tolerance, or ranges that reach the multiple",
        )
    if not space.options:
        raise PlanError(
            f"no scaling of the baseline could be built; the first: {space.failures[0]}",
            where="baseline",
            allowed="`rounding: {resolution: 8}` asks for multiples of 8 pixels only",
        )
    if not space.admitted:
        nearest = min((o.ratio for o in space.options), key=lambda r: abs(r - budget.multiple))
        needed = math.ceil(abs(nearest / budget.multiple - 1) * 1000) / 1000
        raise PlanError(
            f"no network costs {budget.multiple:g}x the baseline's {budget.cost} "
            f"to within {budget.tolerance:.1%}",
            where="search.budget",
            allowed=f"tolerance: {needed:g} admits the nearest one, {nearest:.3f}x; "
            "a larger baseline or a smaller rounding gives more choice",
        )


def _place_on_grid(space: Space, triples: list[Coefficients], drafts: Drafts) -> list[Dropped]:
    """Give each triple the network that its own alpha and beta round to, or drop it."""
    dropped = []
    outside: dict[Network, float] = {}
    for triple in triples:
        try:
            shape = space.shape(triple.alpha, triple.beta)
            if shape not in drafts and shape not in outside:
                _place(space, space.option(triple), drafts, outside)
        except FactoryError as error:
            dropped.append(Dropped(coefficients=triple, reason=error.what))
            continue
        if shape in drafts:
            drafts[shape].add("design", triple)
            continue
        reason = "no resolution from the baseline's up brings it into the budget"
        dropped.append(Dropped(coefficients=triple, reason=reason, ratio=outside[shape]))
    return dropped


def _place(space: Space, option: Option, drafts: Drafts, outside: dict[Network, float]) -> None:
    """Take an option in that listing has stepped over, or note how far it is from the budget."""
    if space.admits(option.ratio):
        drafts[option.shape] = _Draft(option, space.shares(option.network))
    else:
        outside[option.shape] = option.ratio


def _place_by_shares(space: Space, triples: list[Coefficients], drafts: Drafts) -> list[Dropped]:
    """Give each point of a lattice the network whose realised shares lie nearest to it.

    The corners come first. A network that is already in serves a further point as well where it
    lies about as near as the nearest: rounding often leaves near-twins that only the head tells
    apart, and training both would teach nothing.
    """
    for triple in sorted(triples, key=lambda t: -max(_nominal_shares(t).split)):
        wanted = _nominal_shares(triple)
        best = _nearest(wanted, drafts.values())
        used = [draft for draft in drafts.values() if draft.roles]
        twin = _nearest(wanted, used) if used else best
        slack = _distance(wanted, twin.shares) - _distance(wanted, best.shares)
        (twin if slack < _TWIN else best).add("design", triple)
    return []


def _nearest(wanted: Shares, drafts: Iterable[_Draft]) -> _Draft:
    return min(drafts, key=lambda draft: _distance(wanted, draft.shares))


def _distance(one: Shares, other: Shares) -> float:
    return math.dist(one.split, other.split)


def _add_control(space: Space, axis: Axis, drafts: Drafts) -> str:
    """Mark the network nearest to one axis' corner as its control; say where it is not pure."""
    corner = _corner(axis)
    draft = _nearest(corner, drafts.values())
    share = draft.shares.split[AXES.index(axis)]
    if share < 0.5:
        return f"no control for {axis}: no network within the budget spends its cost on it alone"
    draft.roles.add(axis)
    if not draft.triples:
        draft.triples.append(_split(corner, space.budget.multiple))
    if share >= _PURE:
        return ""
    return f"the {axis} control spends {share:.0%} on {axis}: no purer network costs the same"


def _corner(axis: Axis) -> Shares:
    return Shares(**{name: float(name == axis) for name in AXES})


def _candidate(space: Space, draft: _Draft) -> Candidate:
    network = draft.option.network
    return Candidate(
        architecture=network,
        cost=count(network),
        ratio=draft.option.ratio,
        roles=tuple(role for role in ("design", *AXES) if role in draft.roles),
        coefficients=_representative(space, draft.option),
        triples=tuple(draft.triples),
        shares=draft.shares,
    )


def _representative(space: Space, option: Option) -> Coefficients:
    """Return a triple that scales the baseline to exactly this network at phi = 1.

    Rounding leaves a choice, and phi > 1 depends on it. An axis that need not be scaled is not;
    on the others it is the triple whose nominal cost is nearest to the budget's multiple, as in
    the paper's constraint, so that phi spends what it promises.
    """
    gamma = option.network.resolution / space.baseline.resolution
    alphas, betas = option.alphas.settled, option.betas.settled
    low = math.log(alphas.low * betas.low**2 * gamma**2)
    high = math.log(alphas.high * betas.high**2 * gamma**2)
    wanted = math.log(space.budget.multiple)
    position = min(max((wanted - low) / (high - low), 0.0), 1.0) if high > low else 0.0
    triple = Coefficients(alpha=alphas.at(position), beta=betas.at(position), gamma=gamma)
    if space.leads(triple, option.network):
        return triple
    return Coefficients(alpha=alphas.low, beta=betas.low, gamma=gamma)


def _corner_order(candidate: Candidate) -> tuple[float, float]:
    shares = candidate.shares
    assert shares is not None
    return -shares.depth, -shares.width
