"""How often a cheap search comes to the verdict of the full one, and what it costs.

    python -m benchmarks.agreement [--studies 50] [--seeds 5]

For each simulated truth (tests/support/simulated_studies.py) the full search trains every network
with every seed for the whole schedule. Searches by rungs then train in the same world: a job that
both train has the same score. Verdicts agree where their outcome is the same (gain, no gain, loss)
and the cheap one's choice is in the full one's tied set. A second full search with other seeds is
the measure of how much agreement there can be. In the last rows Ray's ASHA stops the mixes early,
and what it finished is trained again with seeds that no selection has seen. Epochs count the
baseline's as well. `--studies` is per surface.

Goal: agreement in 92 % of the studies at no more than 25 % of the epochs.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.halved_searches import Halving, Planned, carry_out_halved
from tests.support.simulated_studies import Carried, World, carry_out, shares_of, single
from tests.support.simulated_verdicts import DATA
from tests.support.surfaces import SURFACES, Truth

SPEC = Path(__file__).parent / "tables" / "agreement.yaml"
RUNGS = {
    "factor 4, keep 1/2": "{kind: rungs, factor: 4, seeds: 2, keep: 0.5}",
    "factor 4, keep 1/4": "{kind: rungs, factor: 4, seeds: 2, keep: 0.25}",
    "factor 8, keep 1/4": "{kind: rungs, factor: 8, seeds: 2, keep: 0.25}",
    "factor 8, keep 1/10": "{kind: rungs, factor: 8, seeds: 2, keep: 0.1}",
    "factor 12, keep 1/10": "{kind: rungs, factor: 12, seeds: 2, keep: 0.1}",
    "factor 16, 1 seed, 1/20": "{kind: rungs, factor: 16, seeds: 1, keep: 0.05}",
    "factor 16, 1 seed, 1/10": "{kind: rungs, factor: 16, seeds: 1, keep: 0.1}",
    "factor 24, 2 seeds, 1/10": "{kind: rungs, factor: 24, seeds: 2, keep: 0.1}",
}
HALVINGS = {
    "ASHA 4, grace 1, fresh": Halving(4, 1),
    "ASHA 4, grace 3, fresh": Halving(4, 3),
    "ASHA 3, grace 5, fresh": Halving(3, 5),
}
GOAL = "factor 24, 2 seeds, 1/10"
AGAIN = "full, other seeds"
CLOSE = 0.5
"""Sigma within which a tied candidate is as good as the best."""


@dataclass(frozen=True)
class Search:
    """One way to spend epochs: a spec and its plan."""

    spec: StudySpec
    plan: Plan

    @classmethod
    def of(cls, seeds: int, *overrides: str) -> "Search":
        """Plan the recorded spec with overrides."""
        spec = load(SPEC, [f"search.seeds={seeds}", *overrides]).spec
        assert isinstance(spec, StudySpec)
        return cls(spec, plan_study(spec, DATA))

    def carry_out(self, world: World) -> Carried:
        """Run it in a world."""
        return carry_out(self.spec, self.plan, world.answer)


@dataclass(frozen=True)
class Agreed:
    """A search beside the full one of the same truth."""

    cost: float
    """Epochs over the full search's."""
    outcome: bool
    choice: bool
    best_tied: bool
    """One as good as the best, but for CLOSE, is in the tied set."""
    regret: float
    """In sigma."""


def compare(full: Carried, search: Carried, worth: dict[str, float]) -> Agreed:
    """Compare a search with the full one."""
    best, chosen = max(worth.values()), search.verdict.chosen
    assert chosen is not None
    return Agreed(
        cost=search.epochs / full.epochs,
        outcome=search.verdict.outcome == full.verdict.outcome,
        choice=chosen in full.verdict.tied,
        best_tied=any(worth[candidate] >= best - CLOSE for candidate in search.verdict.tied),
        regret=best - worth[chosen],
    )


def simulate(searches: dict[str, Search], surface: Truth, seed: list[int]) -> dict[str, Agreed]:
    """Run every search on one truth."""
    rng = np.random.default_rng(seed)
    full = searches["full"]
    truth = surface(shares_of(full.plan), single(full.plan), rng)
    ids = [candidate.id for candidate in full.plan.candidates]
    worth = dict(zip(ids, truth.tolist(), strict=True))
    first_world, second_world = (
        World.of(full.spec, full.plan, truth, int(rng.integers(2**31))) for _ in range(2)
    )
    whole = full.carry_out(first_world)
    agreed = {
        name: compare(whole, search.carry_out(first_world), worth)
        for name, search in searches.items()
    }
    for name, halving in HALVINGS.items():
        halved = carry_out_halved(halving, _promoting(full.spec.search.seeds), first_world, rng)
        agreed[name] = compare(whole, halved, worth)
    return {**agreed, AGAIN: compare(whole, full.carry_out(second_world), worth)}


def _promoting(seeds: int) -> Planned:
    def planned(part: float) -> tuple[StudySpec, Plan]:
        text = f"{{kind: rungs, factor: 16, keep: {part:.4f}}}"
        search = Search.of(seeds, f"search.promotion={text}")
        return search.spec, search.plan

    return planned


def row(name: str, results: Sequence[Agreed]) -> str:
    """Return one line of the table."""
    both = [result.outcome and result.choice for result in results]
    cells = [
        f"{np.mean([result.cost for result in results]):.0%}",
        f"{np.mean(both):.1%}",
        f"{np.mean([result.outcome for result in results]):.1%}",
        f"{np.mean([result.choice for result in results]):.1%}",
        f"{np.mean([result.best_tied for result in results]):.1%}",
        f"{np.median([result.regret for result in results]):.2f}",
        f"{np.mean([result.regret for result in results]):.2f}",
    ]
    return f"{name:25}" + "".join(f"{cell:>9}" for cell in cells)


HEAD = ("epochs", "agree", "outcome", "choice", "held", "regret", "mean")


def table(seeds: int, studies: int) -> Iterable[str]:
    """Yield the lines of the table: the curve, then the goal's row surface by surface."""
    rungs = {name: [f"search.promotion={text}"] for name, text in RUNGS.items()}
    searches = {name: Search.of(seeds, *sets) for name, sets in {"full": [], **rungs}.items()}
    yield f"{len(searches['full'].plan.candidates)} networks, {seeds} seeds, {studies} studies each"
    by_surface: dict[str, list[dict[str, Agreed]]] = {}
    for number, (name, surface) in enumerate(SURFACES.items()):
        by_surface[name] = [
            simulate(searches, surface, [number, study]) for study in range(studies)
        ]
    yield f"{'search':25}" + "".join(f"{name:>9}" for name in HEAD)
    every = [truth for group in by_surface.values() for truth in group]
    for name in (AGAIN, *searches, *HALVINGS):
        yield row(name, [truth[name] for truth in every])
    yield f"{GOAL}, by surface"
    for name, group in by_surface.items():
        yield row(name, [truth[GOAL] for truth in group])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for line in table(options.seeds, options.studies):
        print(line, flush=True)


if __name__ == "__main__":
    main()
