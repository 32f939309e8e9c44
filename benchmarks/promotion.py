"""Whether the rate with which rungs promote the best network is the one that a verdict states.

    python -m benchmarks.promotion [--studies 50] [--promotion '{kind: rungs, ...}']

Each study runs from its plan to its verdict through the runner's seam; only training is replaced
(tests/support/simulated_studies.py). "best" is how often a network as good as the truly best of
the design was promoted, "close" how often one within half of the noise was. "stated" is what the
verdicts say of that, on average. "tied" is how often the best of those promoted is in the tied set.
Below, the studies are divided by what their verdict states. `--studies` is for each truth.

Goal: "stated" within 0.03 of "close", and "tied" at least 0.9.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from compound.orchestrator.analyse.promoted import CLOSE
from compound.orchestrator.spec.load import load
from compound.schemas.study import StudySpec
from tests.support.learning_curves import TABLES
from tests.support.simulated_studies import EVEN, World, carry_out
from tests.support.simulated_verdicts import Bench
from tests.support.surfaces import SCENARIOS, SURFACES, Runs, Truth

SPEC = TABLES / "agreement.yaml"
PROMOTION = "{kind: rungs, factor: 24, seeds: 2, keep: 0.1}"
NOTHING = 1e-9
EDGES = (0.8, 0.9, 0.95, 0.99)
HEAD = ("best", "close", "stated", "tied", "studies")


@dataclass(frozen=True)
class Outcome:
    """One study beside its truth."""

    best: bool
    """A network as good as the best of the design was promoted."""
    close: bool
    """One within half of the noise of it was."""
    stated: float
    """What the verdict says of that."""
    tied: bool
    """The best of those promoted is in the tied set."""


def bench_of(promotion: str, seeds: int) -> Bench:
    """Plan the recorded spec with rungs."""
    spec = load(SPEC, [f"search.promotion={promotion}", f"search.seeds={seeds}"]).spec
    assert isinstance(spec, StudySpec)
    return Bench.of(spec)


def judge(bench: Bench, surface: Truth, rng: np.random.Generator, runs: Runs) -> Outcome:
    """Simulate one study, and compare what it states with the truth."""
    truth = surface(bench.shares, bench.single, rng)
    world = World.of(bench.spec, bench.plan, truth, int(rng.integers(2**31)), runs)
    verdict = carry_out(bench.spec, bench.plan, world.answer).verdict
    worth = dict(zip(bench.ids, truth.tolist(), strict=True))
    promoted = [entry.candidate for entry in verdict.standings if entry.mean is not None]
    highest = max(worth[candidate] for candidate in promoted)
    assert verdict.promoted is not None and verdict.promoted.rate is not None
    return Outcome(
        best=highest >= truth.max() - NOTHING,
        close=highest >= truth.max() - CLOSE,
        stated=verdict.promoted.rate,
        tied=any(worth[candidate] >= highest - NOTHING for candidate in verdict.tied),
    )


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return one line of the table."""
    columns = [[getattr(outcome, key) for outcome in outcomes] for key in HEAD[:-1]]
    cells = [f"{np.mean(column):.3f}" for column in columns]
    return f"{name:32}" + "".join(f"{cell:>10}" for cell in (*cells, str(len(outcomes))))


def table(bench: Bench, studies: int) -> Iterable[str]:
    """Yield the lines of the table, as they come."""
    yield f"{len(bench.ids)} networks" + "".join(f"{name:>10}" for name in HEAD).rjust(69)
    outcomes_of_all: list[Outcome] = []
    truths = {**{name: (truth, EVEN) for name, truth in SURFACES.items()}, **SCENARIOS}
    for number, (name, (truth, runs)) in enumerate(truths.items()):
        rng = np.random.default_rng([11, number])
        outcomes = [judge(bench, truth, rng, runs) for _ in range(studies)]
        outcomes_of_all += outcomes
        yield row(name, outcomes)
    yield row("all", outcomes_of_all)
    bins = np.digitize([outcome.stated for outcome in outcomes_of_all], EDGES)
    for number, upper in enumerate((*EDGES, 1.0)):
        if inside := [
            outcome
            for outcome, bin_number in zip(outcomes_of_all, bins, strict=True)
            if bin_number == number
        ]:
            yield row(f"stated up to {upper:g}", inside)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--promotion", default=PROMOTION)
    options = parser.parse_args()
    for line in table(bench_of(options.promotion, options.seeds), options.studies):
        print(line, flush=True)


if __name__ == "__main__":
    main()
