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


def row(plan: str, surface: str, results: Sequence[Judged]) -> str:
    """Return one line of the table: `told` of the studies with a gain, `false` of the others."""
    possible = [result for result in results if result.possible]
    without = [result for result in results if not result.possible]
    cells = [
        f"{np.mean([result.means for result in results]):.1%}",
        f"{np.mean([result.gain for result in results]):.1%}",
        f"{np.mean([result.width for result in results]):.2f}",
        f"{np.mean([result.tied_count for result in results]):.1f}",
        f"{np.mean([result.tied for result in results]):.1%}",
        f"{np.mean([result.reported for result in possible]):.0%}" if possible else "",
        f"{np.mean([result.false for result in without]):.1%}" if without else "",
        f"{np.median([result.regret for result in results]):.2f}",
        f"{np.mean([result.regret for result in results]):.2f}",
    ]
    return f"{plan:12}{surface:9}" + "".join(f"{cell:>9}" for cell in cells)


def table(plans: dict[str, Bench], studies: int) -> Iterable[str]:
    """Yield the lines of the table, as they come."""
    yield f"{'plan':12}{'surface':9}" + "".join(f"{name:>9}" for name in HEAD)
    everything: list[Judged] = []
    for plan, bench in plans.items():
        for surface in SURFACES:
            results = simulate(bench, surface, studies)
            everything += results
            yield row(plan, surface, results)
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
