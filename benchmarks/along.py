"""How often the comparison of ways of scaling is right: simulated families with a known truth.

    python -m benchmarks.along [--studies 400] [--seeds 3] [--draw 0]

A family of phi 1, 2 and 3 along five ways is planned for a real baseline, so costs are as uneven as
rounding leaves them; only training is replaced (tests/support/simulated_ways.py).

Goals at the level of 0.9: "ahead from phi p on" is false in at most 0.05 of studies, and so is
"behind"; intervals of leads cover at least 0.86.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np

from tests.support.simulated_ways import SCENARIOS, Judged, simulate

HEAD = ("false", "behind", "leads", "least", "ahead", "right", "beaten")
"""Studies with a false "ahead" and a false "behind", coverage of leads, on average and of the worst
covered lead, and where the choice is ahead at the largest phi: studies that say so, and those that
name the right phi. Last, where another way is ahead at the largest phi: studies that say so."""


def row(name: str, results: Sequence[Judged]) -> str:
    """Return one line of the table."""
    covered = np.array([result.covered for result in results if result.covered], dtype=object)
    width = max(len(result.covered) for result in results)
    complete = np.array([list(c) for c in covered if len(c) == width], dtype=float)
    possible = [result for result in results if result.possible]
    beaten = [result for result in results if result.beaten]
    cells = [
        f"{np.mean([result.false for result in results]):.3f}",
        f"{np.mean([result.behind for result in results]):.3f}",
        f"{np.mean([value for c in covered for value in c]):.3f}",
        f"{complete.mean(axis=0).min():.3f}",
        f"{np.mean([result.reported for result in possible]):.2f}" if possible else "",
        f"{np.mean([result.right for result in possible]):.2f}" if possible else "",
        f"{np.mean([result.admitted for result in beaten]):.2f}" if beaten else "",
    ]
    return f"{name:32}" + "".join(f"{cell:>8}" for cell in cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draw", type=int, default=0, help="other studies of the same truths")
    options = parser.parse_args()
    started = time.perf_counter()
    print(f"{'truth':32}" + "".join(f"{name:>8}" for name in HEAD))
    for name in SCENARIOS:
        print(row(name, simulate(name, options.studies, options.seeds, options.draw)), flush=True)
    print(f"{time.perf_counter() - started:.0f} s, {options.studies} studies each")


if __name__ == "__main__":
    main()
