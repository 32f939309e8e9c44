"""What a design is held against: networks of the same cost whose split is known by name."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from compound.orchestrator.design.budget_cost import counted
from compound.orchestrator.design.points import nominal_shares, split
from compound.schemas.architecture import AXES, Axis, Coefficients, Control, Network, Role, Shares

if TYPE_CHECKING:
    from compound.orchestrator.design.network_space import NetworkOption, Space

PUBLISHED = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
DWR = Shares(depth=0.1, width=0.8, resolution=0.1)
"""Dollar et al. 2021, a = 0.8: depth by s^((1-a)/2), channels^2 by s^a, pixels by s^((1-a)/2)."""
NAMED: dict[Control, Shares] = {"published": nominal_shares(PUBLISHED), "dwr": DWR}

TWIN = 0.03
"""How much farther from a wanted split a network already chosen may lie than the nearest one."""
_PURE = 0.999
"""The share from which a network counts as scaled along one axis only."""
_NEAR, _FAR = 0.2, 0.5
"""Distance on the simplex from which a named control gets a warning, and beyond which none."""


@dataclass
class CandidateDraft:
    """A network on its way to becoming a candidate."""

    option: "NetworkOption"
    shares: Shares
    roles: set[Role] = field(default_factory=set)
    triples: list[Coefficients] = field(default_factory=list)
    exact: Coefficients | None = None
    """The first triple of a design that became this network with its own gamma."""

    def add(self, role: Role, triple: Coefficients) -> None:
        """Take a point of the design in."""
        self.roles.add(role)
        self.triples.append(triple)

    def add_exact(self, triple: Coefficients) -> None:
        """Take in a point that scales the baseline to exactly this network."""
        self.add("design", triple)
        self.exact = self.exact or triple


Drafts = dict[Network, CandidateDraft]


def nearest(target: Shares, drafts: Iterable[CandidateDraft]) -> CandidateDraft:
    """Return the draft whose realised split lies nearest to the wanted one."""
    return min(drafts, key=lambda draft: distance(target, draft.shares))


def nearest_in_use(target: Shares, drafts: Iterable[CandidateDraft]) -> CandidateDraft:
    """Return the nearest draft, or one that is in use already and about as near.

    Rounding often leaves near-twins that only the head tells apart, and training both would teach
    nothing.
    """
    candidates = list(drafts)
    best = nearest(target, candidates)
    used = [draft for draft in candidates if draft.roles]
    twin = nearest(target, used) if used else best
    slack = distance(target, twin.shares) - distance(target, best.shares)
    return twin if slack < TWIN else best


def distance(first: Shares, second: Shares) -> float:
    """Return how far two splits lie apart on the simplex; its edges are sqrt(2) long."""
    return math.dist(first.split, second.split)


def add_control(space: "Space", name: Control, drafts: Drafts) -> str:
    """Mark the network of a control; return a warning where it is far from what its name says."""
    if name == "published" or name == "dwr":
        return _add_named(space, name, drafts)
    return _add_axis(space, name, drafts)


def _add_axis(space: "Space", axis: Axis, drafts: Drafts) -> str:
    """Mark the network nearest to one axis' corner as its control."""
    corner = Shares(**{name: float(name == axis) for name in AXES})
    draft = nearest(corner, drafts.values())
    share = draft.shares.split[AXES.index(axis)]
    if share < 0.5:
        return f"no control for {axis}: no network within the budget scales {axis} alone"
    _mark(draft, axis, split(corner, space.budget.multiple))
    if share >= _PURE:
        return ""
    return (
        f"the {axis} control spends {share:.0%} of the added cost on {axis}: "
        "no network of this cost spends more"
    )


def _add_named(space: "Space", name: Control, drafts: Drafts) -> str:
    """Mark the network whose extra MACs are split most like a known strategy's.

    Both strategies are defined by how they split multiplications, whatever the budget binds.
    """
    target = NAMED[name]
    by_macs = _split_by_macs(space, drafts)
    match = nearest_in_use(target, by_macs)
    gap = distance(target, match.shares)
    if gap > _FAR:
        return f"no {name} control: no network within the budget splits its MACs {_percent(target)}"
    _mark(drafts[match.option.network], name, split(target, space.budget.multiple))
    if gap < _NEAR:
        return ""
    return (
        f"the {name} control splits its MACs {_percent(match.shares)} "
        f"(depth / width / resolution) instead of {_percent(target)}: no other depth and width, "
        "at the resolution nearest to the budget, comes clearly closer"
    )


def _split_by_macs(
    space: "Space", drafts: Mapping[Network, CandidateDraft]
) -> list[CandidateDraft]:
    if space.budget.cost == "macs":
        return list(drafts.values())
    counts = replace(space, measure=counted("macs"))
    return [replace(draft, shares=counts.shares(network)) for network, draft in drafts.items()]


def _mark(draft: CandidateDraft, name: Control, triple: Coefficients) -> None:
    draft.roles.add(name)
    if not draft.triples:
        draft.triples.append(triple)


def _percent(shares: Shares) -> str:
    return " / ".join(f"{100 * share:.0f}" for share in shares.split)
