"""The networks of a search as the charts take them: a row each."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from compound.orchestrator.live.charts.chart import drawable
from compound.orchestrator.report.inputs import ReportRow


class Network(NamedTuple):
    """A network of a search, and what it reached; accuracies are fractions of 1."""

    id: str
    name: str
    kind: str
    alpha: float
    beta: float
    gamma: float
    macs: float
    params: float
    activations: float
    accuracy: float | None
    """The mean over its seeds; None without a score."""
    low: float | None = None
    high: float | None = None
    chosen: bool = False

    @classmethod
    def of(cls, row: ReportRow) -> "Network":
        """Return a candidate with its standing."""
        candidate, standing = row.candidate, row.standing
        triple, cost = candidate.coefficients, candidate.cost
        return cls(
            candidate.id,
            row.name,
            row.kind,
            triple.alpha,
            triple.beta,
            triple.gamma,
            cost.macs,
            cost.params,
            cost.activations,
            standing.mean,
            standing.low,
            standing.high,
            row.chosen,
        )


def best_first(networks: Sequence[Network]) -> list[Network]:
    """Return the networks with a score, best first."""
    scored = [network for network in networks if drawable(network.accuracy)]
    return sorted(scored, key=lambda network: network.accuracy or 0.0, reverse=True)


def selected(networks: Sequence[Network], most: int) -> list[Network]:
    """Return at most so many networks, in their order: nine in ten are the first, and every kind
    but a mix and the choice are kept; the rest are a thin sample of all others."""
    if len(networks) <= most:
        return list(networks)
    keep = _positions(networks, lambda n: n.kind != "mix" or n.chosen)
    keep |= set(range(max(0, (9 * most) // 10 - len(keep))))
    outside = [position for position in range(len(networks)) if position not in keep]
    spare = max(0, most - len(keep))
    keep |= {outside[i * len(outside) // spare] for i in range(spare)}
    return [networks[position] for position in sorted(keep)]


def _positions(networks: Sequence[Network], of: Callable[[Network], bool]) -> set[int]:
    return {position for position, network in enumerate(networks) if of(network)}
