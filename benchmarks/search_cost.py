"""What a search chooses for the epochs that it spends: Compound, grids, Ray's ASHA and chance.

python -m benchmarks.search_cost [--replays 200] [--bootstrap] [--csv FILE]

A strategy is replayed many times on the trainings of benchmarks/curves.py, each time with the
table's networks, and the seeds of each, in another order, and is told only what it pays for. (Each
network's seeds apart: nothing in the table says that a seed brings luck to all.)

"Chosen" is the mean accuracy of the chosen network over all its seeds on the whole schedule. That
is the best that is known of it, but no truth: the table's own noise is in it, and who sees all four
seeds chooses by the very runs that judge. `--bootstrap` mends that: every replay draws four runs of
each network from its four, with replacement, so that the recorded means are the truth and what a
strategy sees is a noisy sample of it (with 3/4 of the noise's variance). "Good" counts choices less
than one standard error of a difference of two such means below the best.
"""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from tests.support.learning_curves import Table, final_means, read, slack
from tests.support.search_replay import Shown, replay
from tests.support.search_strategies import strategies


def lines(table: Table, rows: Iterable[Shown]) -> Iterable[str]:
    """Yield the table for people, as it comes."""
    means = sorted(final_means(table).values())
    yield (
        f"{len(means)} networks: the best {means[-1]:.2%}, the median {median(means):.2%}, "
        f"the worst {means[0]:.2%}; as good as the best within {100 * slack(table):.2f} points"
    )
    yield f"{'strategy':34}{'epochs':>8}{'5 to 95 %':>14}{'chosen':>9}{'5 to 95 %':>18}{'good':>7}"
    for row in rows:
        mean, low, high = row.epochs
        reached, least, most = row.chosen
        yield (
            f"{row.strategy:34}{mean:8.0f}{f'{low:.0f} to {high:.0f}':>14}{reached:9.2%}"
            f"{f'{least:.2%} to {most:.2%}':>18}{row.good:7.0%}"
        )


def write(path: Path, rows: Iterable[Shown]) -> None:
    """Write the figures as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        spreads = ("", "_p5", "_p95")
        heads = [f"{figure}{end}" for figure in ("epochs", "chosen") for end in spreads]
        writer.writerow(["strategy", *heads, "as_good_as_the_best"])
        for row in rows:
            writer.writerow([row.strategy, *row.epochs, *row.chosen, row.good])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--bootstrap", action="store_true", help="draw runs with replacement")
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    table, rows = read(), []

    def replays() -> Iterable[Shown]:
        for name, strategy in strategies().items():
            times, again = options.replays, options.bootstrap
            rows.append(replay(name, strategy, table, times, again=again))
            yield rows[-1]

    for line in lines(table, replays()):
        print(line, flush=True)
    if options.csv:
        write(options.csv, rows)


if __name__ == "__main__":
    main()
