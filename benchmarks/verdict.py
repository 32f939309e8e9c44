"""How often a verdict is right: simulated studies on surfaces whose truth is known.

    python benchmarks/verdict.py [--studies 100] [--seeds 3]

Plans, analysis and choice are the real ones; only training is replaced. What a network reaches is
a power law of its own realised cost (the budget's tolerance leaves it uneven), plus a surface at
its shares that grows from the baseline on, a luck that a seed brings to all, and noise. Sizes are
in sigma, the noise between seeds. `--studies` is per surface and plan.

Goals at the level of 0.9: intervals cover 85 to 95 %, the best is in the tied set in 90 %,
a gain is told in at most 5 % of the studies that have none, and the choice is within 0.25 sigma of
the best in half of all.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator.analyse import METRIC, analyse
from orchestrator.plan import plan_study
from orchestrator.spec import load
from schemas.architecture import AXES, Candidate
from schemas.data import DataInfo
from schemas.job import JobResult
from schemas.plan import Plan
from schemas.study import StudySpec
from schemas.verdict import Standing

Floats = NDArray[np.float64]
Truth = Callable[[Floats, NDArray[np.bool_], np.random.Generator], Floats]

SIGMA = 0.01
"""The standard deviation of a score between seeds, without what a seed brings to all."""
LUCK = 0.5
"""The standard deviation of what a seed brings to every candidate, in sigma."""
BASELINE, DECAY = 0.3, 0.4
"""Errors fall as BASELINE * cost ^ -DECAY: 7 points for the doubling, less for the next."""
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
    spec = load(ROOT / path, [f"search.seeds={seeds}"]).spec
    assert isinstance(spec, StudySpec)
    return spec


def _peak(shares: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(shares - rng.dirichlet([1.5] * 3), dtype=np.float64)


def flat(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Every allocation is as good as any other."""
    return np.zeros(len(shares))


def bowl(depth: float) -> Truth:
    """Fall off quadratically, `depth` sigma from corner to corner twice, around any optimum."""

    def truth(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
        return np.asarray(-depth * np.square(_peak(shares, rng)).sum(axis=1), dtype=np.float64)

    return truth


def roof(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Fall off along straight lines from a ridge, which no quadratic follows."""
    return np.asarray(-3 * np.abs(_peak(shares, rng)).sum(axis=1), dtype=np.float64)


def rough(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Follow no surface at all."""
    return rng.standard_normal(len(shares))


def spike(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """One mix is 3 sigma above all others, which are equal."""
    found = np.zeros(len(shares))
    found[rng.choice(np.flatnonzero(~single))] = 3
    return found


def corner(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """One axis alone is the best: no gain."""
    found = 4 * shares @ np.eye(3)[rng.integers(3)]
    return np.asarray(found, dtype=np.float64)


def level(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """A bowl in which one axis alone is lifted to the best mix: no gain, against the surface."""
    found = bowl(4)(shares, single, rng)
    best = np.flatnonzero(single)[found[single].argmax()]
    found[best] = found[~single].max()
    return found


def trap(shares: Floats, single: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """All mixes equal one axis, the other axes are far below: no gain, and most room for luck."""
    found = np.where(single, -5.0, 0.0)
    found[rng.choice(np.flatnonzero(single))] = 0
    return found


SURFACES: dict[str, Truth] = {
    "flat": flat,
    "bowl 2": bowl(2),
    "bowl 6": bowl(6),
    "bowl 15": bowl(15),
    "roof": roof,
    "rough": rough,
    "spike": spike,
    "corner": corner,
    "level": level,
    "trap": trap,
}


@dataclass(frozen=True)
class Bench:
    """A plan with what a simulation looks up in it."""

    spec: StudySpec
    plan: Plan
    jobs: tuple[tuple[str, str, int], ...]
    """Identity of the candidate and of the job, and the seed."""
    ids: tuple[str, ...]
    shares: Floats
    single: NDArray[np.bool_]

    @classmethod
    def of(cls, spec: StudySpec) -> "Bench":
        """Plan a study."""
        plan = plan_study(spec, DATA)
        pairs = [(one.candidate, one.request.job) for one in plan.jobs]
        splits = [one.shares.split for one in plan.candidates if one.shares]
        return cls(
            spec=spec,
            plan=plan,
            jobs=tuple((candidate, job.id, job.seed) for candidate, job in pairs),
            ids=tuple(one.id for one in plan.candidates),
            shares=np.array(splits),
            single=np.array([bool({*AXES} & {*one.roles}) for one in plan.candidates]),
        )

    def reached(self, truth: Floats) -> dict[str, float]:
        """Return the true mean of every candidate at the cost that it has."""
        multiple, pairs = (
            self.spec.search.budget.multiple,
            zip(self.plan.candidates, truth.tolist(), strict=True),
        )
        return {one.id: _grown(one, multiple, value) for one, value in pairs}

    def train(self, truth: Floats, rng: np.random.Generator) -> dict[str, JobResult]:
        """Return what training would have: `truth` is in sigma, in the order of candidates."""
        reached = {self.plan.baseline.id: 1 - BASELINE, **self.reached(truth)}
        luck = rng.normal(0, LUCK, size=self.spec.search.seeds)
        return {
            job: _result(job, reached[candidate] + SIGMA * (luck[seed] + rng.standard_normal()))
            for candidate, job, seed in self.jobs
        }


def _grown(one: Candidate, multiple: float, value: float) -> float:
    """Return the accuracy of a candidate that would be `value` sigma off at the exact cost."""
    part = np.log(one.ratio) / np.log(multiple)
    return float(1 - BASELINE * one.ratio**-DECAY + SIGMA * value * part)


def _result(job: str, accuracy: float) -> JobResult:
    score = min(max(accuracy, 0.0), 1.0)
    return JobResult(job=job, status="done", attempt=1, epochs=4, metrics={METRIC: score})


@dataclass(frozen=True)
class Judged:
    """One verdict beside the truth; sizes in sigma."""

    means: float
    """The part of the candidates' intervals that hold their true mean."""
    gain: bool
    width: float
    tied: bool
    told: bool
    """A gain was told."""
    possible: bool
    """A gain exists."""
    false: bool
    """A gain was told of a mix that has none."""
    regret: float
    others: int
    """Tied candidates."""


def judge(bench: Bench, surface: Truth, rng: np.random.Generator) -> Judged:
    """Simulate one study and hold its verdict against the truth."""
    truth = surface(bench.shares, bench.single, rng)
    verdict = analyse(bench.spec, bench.plan, bench.train(truth, rng))
    value = dict(zip(bench.ids, truth.tolist(), strict=True))
    reached = bench.reached(truth)
    gain, best = verdict.gain, float(truth.max())
    assert gain is not None and gain.low is not None and gain.high is not None
    assert verdict.chosen is not None
    control = float(truth[bench.single].max())
    real = value[gain.mix] - control
    held = [_within(one, reached[one.candidate]) for one in verdict.standings]
    return Judged(
        means=float(np.mean(held)),
        gain=gain.low <= SIGMA * real <= gain.high,
        width=(gain.high - gain.low) / SIGMA,
        tied=any(value[one] >= best - 1e-9 for one in verdict.tied),
        told=verdict.outcome == "gain",
        possible=best > control + 1e-9,
        false=verdict.outcome == "gain" and real <= 1e-9,
        regret=best - value[verdict.chosen],
        others=len(verdict.tied),
    )


def _within(one: Standing, value: float) -> bool:
    assert one.low is not None and one.high is not None
    return one.low <= value <= one.high


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


def benches(seeds: int) -> dict[str, Bench]:
    """Return the plans, by the number of their networks."""
    plans = [Bench.of(spec_of(path, seeds)) for path in SPECS]
    return {f"{len(one.ids)} networks": one for one in plans}


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
