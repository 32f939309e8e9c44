"""Architectures scaled and counted a second, and the plan of a fine grid. Goal: 2,000 a second.

python -m benchmarks.counting
"""

import statistics
import time

from compound.jobs.networks.efficientnet import B0
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.scaling import scale
from compound.orchestrator.design.candidates import design
from compound.orchestrator.design.network_space import Space
from compound.schemas.architecture import Coefficients
from compound.schemas.design import Budget, GridDesign

ROUNDS = 7
NETWORKS = 2_000


def rate() -> float:
    """Return networks scaled and counted in a second, each one another network."""
    triples = [Coefficients(alpha=1 + i / NETWORKS, beta=1.1, gamma=1.15) for i in range(NETWORKS)]
    started = time.perf_counter()
    for triple in triples:
        count(scale(B0, triple))
    return NETWORKS / (time.perf_counter() - started)


def fine_grid() -> tuple[float, int, int]:
    """Return seconds, points and networks of the grid of step 0.01 on B0."""
    started = time.perf_counter()
    plan = GridDesign(kind="grid", step=0.01, tolerance=0.05)
    designed = design(Space(B0, Budget()), plan)
    return time.perf_counter() - started, designed.points, len(designed.candidates)


def main() -> None:
    """Print medians and spreads."""
    rates = [rate() for _ in range(ROUNDS)]
    grids = [fine_grid() for _ in range(ROUNDS)]
    seconds = [grid[0] for grid in grids]
    print(
        f"scale and count: {statistics.median(rates):,.0f} networks a second "
        f"({min(rates):,.0f} to {max(rates):,.0f})"
    )
    print(
        f"grid of step 0.01: {grids[0][1]:,} points to {grids[0][2]} networks in "
        f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
    )


if __name__ == "__main__":
    main()
