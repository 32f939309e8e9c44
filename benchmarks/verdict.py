"""How often a verdict is right: simulated studies on surfaces whose truth is known.

    python -m benchmarks.verdict [--studies 100] [--seeds 3]

Each study runs from its plan to its verdict through the runner's seam; only training is replaced
(tests/support/simulated_studies.py). The budget's tolerance leaves costs uneven. Sizes are in
sigma, the noise between seeds. `--studies` is per surface and plan.

Goals at the level of 0.9: intervals cover 85 to 95 %, the best is in the tied set in 90 %,
a gain is told in at most 5 % of the studies that have none, and the choice is within 0.25 sigma of
the best in half of all.
"""

import argparse
import time
from collections.abc import Iterable, Sequence

import numpy as np

from tests.support.simulated_verdicts import Bench, Judged, benches, simulate
from tests.support.surfaces import SURFACES

HEAD = ("means", "gain", "width", "tied", "best", "told", "false", "regret", "mean")
"""Coverage of the means' and of the gain's intervals, the width of these, the size of the tied set,
studies with the best in it, gains told where there is one and where not, the choice's regret."""


def row(plan: str, surface: str, found: Sequence[Judged]) -> str:
    """Return one line of the table: `told` of the studies with a gain, `false` of the others."""
    possible = [one for one in found if one.possible]
    without = [one for one in found if not one.possible]
    cells = [
        f"{np.mean([one.means for one in found]):.1%}",
        f"{np.mean([one.gain for one in found]):.1%}",
        f"{np.mean([one.width for one in found]):.2f}",
        f"{np.mean([one.others for one in found]):.1f}",
        f"{np.mean([one.tied for one in found]):.1%}",
        f"{np.mean([one.told for one in possible]):.0%}" if possible else "",
        f"{np.mean([one.false for one in without]):.1%}" if without else "",
        f"{np.median([one.regret for one in found]):.2f}",
        f"{np.mean([one.regret for one in found]):.2f}",
    ]
    return f"{plan:12}{surface:9}" + "".join(f"{cell:>9}" for cell in cells)


def table(plans: dict[str, Bench], studies: int) -> Iterable[str]:
    """Yield the lines of the table, as they come."""
    yield f"{'plan':12}{'surface':9}" + "".join(f"{name:>9}" for name in HEAD)
    everything: list[Judged] = []
    for plan, bench in plans.items():
        for surface in SURFACES:
            found = simulate(bench, surface, studies)
            everything += found
            yield row(plan, surface, found)
    yield row("all", f"{len(everything):,}", everything)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    started = time.perf_counter()
    for line in table(benches(options.seeds), options.studies):
        print(line, flush=True)
    print(f"{time.perf_counter() - started:.0f} s; width, regret (median, mean) in sigma")


if __name__ == "__main__":
    main()
