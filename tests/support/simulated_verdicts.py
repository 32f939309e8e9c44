"""Verdicts of simulated studies on surfaces whose truth is known, beside that truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.data import DataInfo
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Standing
from tests.support.simulated_studies import EVEN, SIGMA, World, carry_out, shares_of, single
from tests.support.surfaces import SCENARIOS, SURFACES, Bools, Floats, Runs, Truth

DATA = DataInfo(
    fingerprint="0" * 16,
    classes=tuple("0123456789"),
    in_channels=3,
    size=32,
    train=9_000,
    validation=10_000,
)
SPECS = ("examples/digits.yaml", "benchmarks/tables/verdict.yaml")
"""A network that rounding leaves few sizes of, and one of which it leaves many."""
ROOT = Path(__file__).parents[2]


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

    means: Bools
    """Of each candidate's interval, whether it contains the true mean; in the plan's order."""
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
    loss: bool
    """A loss was reported for a mix that has none."""
    highest: float
    """The regret of the candidate with the highest mean."""
    worth: float
    """The error of the accuracy reported for the choice, in units of its noise."""
    above: bool
    """The true accuracy of the choice lies above its interval."""
    below: bool


def judge(bench: Bench, surface: Truth, rng: np.random.Generator, runs: Runs = EVEN) -> Judged:
    """Simulate one study and compare its verdict with the truth."""
    truth = surface(bench.shares, bench.single, rng)
    world = World.of(bench.spec, bench.plan, truth, int(rng.integers(2**31)), runs)
    plan = bench.plan
    if runs.images:
        data = plan.data.model_copy(update={"validation": runs.images.count})
        plan = plan.model_copy(update={"data": data})
    verdict = carry_out(bench.spec, plan, world.answer, world.predicted).verdict
    value = dict(zip(bench.ids, truth.tolist(), strict=True))
    gain, best = verdict.gain, float(truth.max())
    assert gain is not None and gain.low is not None and gain.high is not None
    assert verdict.chosen is not None
    control = float(truth[bench.single].max())
    real = value[gain.mix] - control
    standings = {standing.candidate: standing for standing in verdict.standings}
    contained = [_within(standings[id_], world.reached(id_)) for id_ in bench.ids]
    assert verdict.worth is not None
    reached = world.reached(verdict.chosen)
    return Judged(
        means=np.array(contained),
        gain=gain.low <= SIGMA * real <= gain.high,
        width=(gain.high - gain.low) / SIGMA,
        tied=any(value[candidate] >= best - 1e-9 for candidate in verdict.tied),
        reported=verdict.outcome == "gain",
        possible=best > control + 1e-9,
        false=verdict.outcome == "gain" and real <= 1e-9,
        regret=best - value[verdict.chosen],
        tied_count=len(verdict.tied),
        loss=verdict.outcome == "loss" and real >= -1e-9,
        highest=best - value[verdict.standings[0].candidate],
        worth=(verdict.worth.value - reached) / (SIGMA * world.sds[verdict.chosen]),
        above=reached > verdict.worth.high,
        below=reached < verdict.worth.low,
    )


def _within(standing: Standing, value: float) -> bool:
    assert standing.low is not None and standing.high is not None
    return standing.low <= value <= standing.high


def benches(seeds: int) -> dict[str, Bench]:
    """Return the plans, by the number of their networks."""
    plans = [Bench.of(spec_of(path, seeds)) for path in SPECS]
    return {f"{len(bench.ids)} networks": bench for bench in plans}


def simulate(bench: Bench, surface: str, studies: int, seed: int = 0) -> list[Judged]:
    """Return verdicts on studies of one surface or scenario, the same for the same seed."""
    names = [*SURFACES, *SCENARIOS]
    truth, runs = SCENARIOS[surface] if surface in SCENARIOS else (SURFACES[surface], EVEN)
    rng = np.random.default_rng([seed, names.index(surface)])
    return [judge(bench, truth, rng, runs) for _ in range(studies)]
