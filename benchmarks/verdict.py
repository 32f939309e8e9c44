"""How often a verdict is right: simulated studies whose truth is known.

    python -m benchmarks.verdict [--studies 100] [--seeds 3]

Each study runs from its plan to its verdict through the runner's seam; only training is replaced
(tests/support/simulated_studies.py). The budget's tolerance leaves costs uneven. The first truths
have even noise; the others are what real studies have: noise that grows as accuracy falls, runs
that collapse, compute that saturates, 1,000 validation images that move each network by a fixed
0.75 points. Sizes are in sigma, the noise between seeds. `--studies` is
for each truth and plan.

Goals at the level of 0.9: intervals of means cover 0.86 to 0.94, of the gain at least 0.86; the
best is in the tied set in 0.9; a false gain and a false loss in at most 0.05 each; the choice
loses at most 0.05 sigma against the highest mean; its accuracy errs by at most 0.1 sigma on
average, and lies outside of its interval in at most 0.07 on either side.
"""

import argparse
import time
from collections.abc import Iterable, Sequence

import numpy as np

from tests.support.simulated_verdicts import Bench, Judged, benches, simulate
from tests.support.surfaces import SCENARIOS, SURFACES

HEAD = (
    *("means", "least", "gain", "width", "tied", "best", "power", "false", "loss"),
    *("regret", "highest", "worth", "above", "below"),
)
"""Coverage of the means' intervals, on average and of the worst covered candidate, of the gain's,
its width, the size of the tied set, studies with the best in it, gains reported where there is one
and where not, losses where there is none, the regret of the choice and of the highest mean, the
error of the accuracy reported for the choice, and true ones above and below its interval."""


def row(plan: str, truth: str, results: Sequence[Judged]) -> str:
    """Return one line of the table: `power` of the studies with a gain, `false` of the others."""
    possible = [result for result in results if result.possible]
    without = [result for result in results if not result.possible]
    means = np.array([result.means for result in results])
    cells = [
        f"{means.mean():.3f}",
        f"{means.mean(axis=0).min():.2f}",
        f"{np.mean([result.gain for result in results]):.3f}",
        f"{np.mean([result.width for result in results]):.1f}",
        f"{np.mean([result.tied_count for result in results]):.1f}",
        f"{np.mean([result.tied for result in results]):.2f}",
        f"{np.mean([result.reported for result in possible]):.2f}" if possible else "",
        f"{np.mean([result.false for result in without]):.3f}" if without else "",
        f"{np.mean([result.loss for result in results]):.3f}",
        f"{np.mean([result.regret for result in results]):.2f}",
        f"{np.mean([result.highest for result in results]):.2f}",
        f"{np.mean([result.worth for result in results]):+.2f}",
        f"{np.mean([result.above for result in results]):.3f}",
        f"{np.mean([result.below for result in results]):.3f}",
    ]
    return f"{plan:12}{truth:30}" + "".join(f"{cell:>8}" for cell in cells)


def table(plans: dict[str, Bench], studies: int) -> Iterable[str]:
    """Yield the lines of the table, as they come."""
    yield f"{'plan':12}{'truth':30}" + "".join(f"{name:>8}" for name in HEAD)
    for plan, bench in plans.items():
        for truth in (*SURFACES, *SCENARIOS):
            yield row(plan, truth, simulate(bench, truth, studies))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    started = time.perf_counter()
    for line in table(benches(options.seeds), options.studies):
        print(line, flush=True)
    print(f"{time.perf_counter() - started:.0f} s; width, regret, highest, worth in sigma")


if __name__ == "__main__":
    main()
