"""How often a verdict is right: simulated studies on surfaces whose truth is known.

    python benchmarks/verdict.py [--studies 100] [--seeds 3]

Each study runs from its plan to its verdict through the runner's seam; only training is replaced
(benchmarks/simulated.py). The budget's tolerance leaves costs uneven. Sizes are in sigma, the noise
between seeds. `--studies` is per surface and plan.

Goals at the level of 0.9: intervals cover 85 to 95 %, the best is in the tied set in 90 %,
a gain is told in at most 5 % of the studies that have none, and the choice is within 0.25 sigma of
the best in half of all.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.simulated import SIGMA, World, carry_out, shares_of, single
from benchmarks.surfaces import SURFACES, Bools, Floats, Truth
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.data import DataInfo
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Standing

DATA = DataInfo(
    fingerprint="0" * 16,
    classes=tuple("0123456789"),
    in_channels=3,
    size=32,
    train=9_000,
    validation=10_000,
)
SPECS = ("examples/quickstart.yaml", "benchmarks/tables/verdict.yaml")
"""A network that rounding leaves few sizes of, and one of which it leaves many."""
ROOT = Path(__file__).parent.parent


def spec_of(path: str, seeds: int) -> StudySpec:
    """Return a study as a user writes it, with that many seeds."""
    spec = load(ROOT / path, [f"search.seeds={seeds}", "family.phi=[]"]).spec
    assert isinstance(spec, StudySpec)
    return spec


@dataclass(frozen=True)
class Bench:
    """A plan with what a simulation looks up in it."""

    spec: StudySpec
    plan: Plan
    ids: tuple[str, ...]
    shares: Floats
    single: Bools

    @classmethod
    def of(cls, spec: StudySpec) -> "Bench":
        """Plan a study."""
        plan = plan_study(spec, DATA)
        ids = tuple(candidate.id for candidate in plan.candidates)
        return cls(spec, plan, ids, shares_of(plan), single(plan))


@dataclass(frozen=True)
class Judged:
    """One verdict beside the truth; sizes in sigma."""

    means: float
    """The part of the candidates' intervals that contain the true mean."""
    gain: bool
    width: float
    tied: bool
    reported: bool
    """A gain was reported."""
    possible: bool
    """A gain exists."""
    false: bool
    """A gain was reported for a mix that has none."""
    regret: float
    tied_count: int
    """Tied candidates."""


def judge(bench: Bench, surface: Truth, rng: np.random.Generator) -> Judged:
    """Simulate one study and compare its verdict with the truth."""
    truth = surface(bench.shares, bench.single, rng)
    world = World.of(bench.spec, bench.plan, truth, int(rng.integers(2**31)))
    verdict = carry_out(bench.spec, bench.plan, world.answer).verdict
    value = dict(zip(bench.ids, truth.tolist(), strict=True))
    gain, best = verdict.gain, float(truth.max())
    assert gain is not None and gain.low is not None and gain.high is not None
    assert verdict.chosen is not None
    control = float(truth[bench.single].max())
    real = value[gain.mix] - control
    contained = [
        _within(standing, world.reached(standing.candidate)) for standing in verdict.standings
    ]
    return Judged(
        means=float(np.mean(contained)),
        gain=gain.low <= SIGMA * real <= gain.high,
        width=(gain.high - gain.low) / SIGMA,
        tied=any(value[candidate] >= best - 1e-9 for candidate in verdict.tied),
        reported=verdict.outcome == "gain",
        possible=best > control + 1e-9,
        false=verdict.outcome == "gain" and real <= 1e-9,
        regret=best - value[verdict.chosen],
        tied_count=len(verdict.tied),
    )


def _within(standing: Standing, value: float) -> bool:
    assert standing.low is not None and standing.high is not None
    return standing.low <= value <= standing.high


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


def benches(seeds: int) -> dict[str, Bench]:
    """Return the plans, by the number of their networks."""
    plans = [Bench.of(spec_of(path, seeds)) for path in SPECS]
    return {f"{len(bench.ids)} networks": bench for bench in plans}


def simulate(bench: Bench, surface: str, studies: int, seed: int = 0) -> list[Judged]:
    """Return verdicts on studies of one surface, the same for the same seed."""
    rng = np.random.default_rng([seed, list(SURFACES).index(surface)])
    return [judge(bench, SURFACES[surface], rng) for _ in range(studies)]


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
