"""Families along every way whose truth is known: what is said of them, beside that truth."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from compound.jobs.models.scaled import Networks
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.scale.along import compared_ways
from compound.orchestrator.scale.family import plan_family, ways_of
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import AXES, Way
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.outcomes.along import WayLead, WaysCompared
from compound.schemas.plan import FamilyPlan, Plan
from compound.schemas.study import StudySpec
from tests.support.simulated_studies import BASELINE, CHANCE, DECAY, LUCK, SIGMA
from tests.support.simulated_verdicts import DATA

SPEC = Path(__file__).parents[2] / "benchmarks" / "tables" / "verdict.yaml"
WAYS = "[choice,depth,width,resolution,published]"
Worth = Callable[[Way, float], float]
"""What a way is worth at a phi, in sigma at equal cost."""


@dataclass(frozen=True)
class Scenario:
    """A truth, and how training departs from even noise around it."""

    worth: Worth
    collapse: float = 0.0
    grows: bool = False
    """Whether noise grows threefold over ten sigma of what a network is worth less."""
    phi_noise: float = 1.0
    """Factor of the noise from one phi to the next."""
    saturates: bool = False
    """Whether cost itself brings nothing, so that a correction for it is wrong."""
    settings: tuple[str, ...] = ("search.train.epochs=2",)
    """Overrides of the spec. By default the search has a recipe of its own."""
    picked: bool = False
    """Whether the search picks the choice, among equals, by the scores that phi 1 has too."""

    def noise(self, worth: float, phi: float) -> float:
        """Return the standard deviation of a network's scores, in sigma."""
        grown = 3 ** min(max(-worth / 10, 0.0), 1.0) if self.grows else 1.0
        return float(grown * self.phi_noise ** (phi - 1))


def _late(way: Way, phi: float) -> float:
    """The choice equals width at phi 1, and is ahead of it from phi 2 on."""
    return {"choice": 0.0, "width": -4.0 * (phi > 1)}.get(way, -6.0)


def _overtaken(way: Way, phi: float) -> float:
    """The choice is ahead of depth up to phi 2 and equals it at phi 3."""
    return {"choice": 0.0, "depth": -4.0 * (phi < 3)}.get(way, -6.0)


def _published(sigma: float, far: float = 0.0) -> Worth:
    """The published split is ahead of the choice, more with each phi; every axis is behind it."""
    return lambda way, phi: {"choice": 0.0, "published": sigma * phi / 3}.get(way, far)


SHARED = ("search.train.epochs=12",)
"""The family's own recipe: its baseline, and phi 1 where the network is the same, are there."""
SCENARIOS: dict[str, Scenario] = {
    "flat": Scenario(lambda way, phi: 0.0),
    "flat, one recipe": Scenario(lambda way, phi: 0.0, settings=SHARED),
    "one axis equal, others far": Scenario(lambda way, phi: -5.0 * (way in ("depth", "width"))),
    "overtaken at phi 3": Scenario(_overtaken),
    "ahead from phi 2 on": Scenario(_late),
    "ahead by 2 sigma": Scenario(lambda way, phi: 2.0 * (way == "choice")),
    "ahead by 4 sigma": Scenario(lambda way, phi: 4.0 * (way == "choice")),
    "width ahead by 3 sigma": Scenario(lambda way, phi: 3.0 * (way == "width")),
    "noise grows, one axis equal": Scenario(
        lambda way, phi: -10.0 * (way in ("depth", "width")), grows=True
    ),
    "noise grows, ahead": Scenario(lambda way, phi: -8.0 * (way != "choice"), grows=True),
    "5 % collapse, one axis equal": Scenario(
        lambda way, phi: -5.0 * (way in ("depth", "width")), collapse=0.05
    ),
    "cost brings nothing": Scenario(lambda way, phi: 0.0, saturates=True, settings=SHARED),
    "picked by phi 1": Scenario(
        lambda way, phi: 0.0, settings=(*SHARED, "family.phi=[1]"), picked=True
    ),
    "published ahead by 2 sigma": Scenario(_published(2.0)),
    "published ahead by 4 sigma": Scenario(_published(4.0)),
    "noise grows, published ahead": Scenario(_published(4.0, -8.0), grows=True),
    "noise grows, published equal": Scenario(_published(0.0, -8.0), grows=True),
    "noise falls, published ahead": Scenario(_published(4.0, -4.0), phi_noise=0.6),
    "noise falls with phi": Scenario(_published(0.0, -4.0), phi_noise=0.6),
    "noise rises with phi": Scenario(_published(0.0, -4.0), phi_noise=1.7),
}


@dataclass(frozen=True)
class Bench:
    """A scenario's spec and search; its families are planned once for each choice."""

    scenario: Scenario
    spec: StudySpec
    plan: Plan
    families: dict[str, FamilyPlan] = field(default_factory=dict)

    def family(self, choice: str) -> FamilyPlan:
        """Return the family of a choice among the candidates."""
        if choice not in self.families:
            plan = self.plan
            coefficients = next(c.coefficients for c in plan.candidates if c.id == choice)
            ways = ways_of(self.spec, plan.baseline, None, Networks(), plan.candidates)
            self.families[choice] = plan_family(
                self.spec, plan.baseline, DATA, coefficients, ways=ways
            )
        return self.families[choice]


@cache
def bench(name: str, seeds: int) -> Bench:
    """Plan a scenario."""
    scenario = SCENARIOS[name]
    overrides = [f"family.along={WAYS}", f"family.seeds={seeds}", f"search.seeds={seeds}"]
    spec = load(SPEC, [*overrides, "train.epochs=12", *scenario.settings]).spec
    assert isinstance(spec, StudySpec)
    return Bench(scenario, spec, plan_study(spec, DATA))


@dataclass(frozen=True)
class Judged:
    """One comparison beside the truth."""

    false: bool
    """The choice is said to be ahead where it is not."""
    possible: bool
    """It is ahead at the largest phi."""
    reported: bool
    """It is said to be ahead from some phi on."""
    right: bool
    """That is the phi from which on it is."""
    behind: bool
    """A way is said to be ahead of the choice that is not."""
    beaten: bool
    """A way is ahead of the choice at the largest phi."""
    admitted: bool
    """That is said of such a way."""
    covered: tuple[bool, ...]
    """Of each lead's interval, whether it holds the true lead."""
    sentence: str


def simulate(name: str, studies: int, seeds: int = 3, seed: int = 0) -> list[Judged]:
    """Return comparisons of a scenario, the same for the same seed."""
    prepared = bench(name, seeds)
    rng = np.random.default_rng([seed, [*SCENARIOS].index(name)])
    return [_judged(prepared, rng) for _ in range(studies)]


def _judged(prepared: Bench, rng: np.random.Generator) -> Judged:
    plan, world = prepared.plan, World(prepared.scenario, rng)
    results = world.searched(plan)
    mixes = [c for c in plan.candidates if not {*AXES} & {*c.roles}]
    choice = mixes[len(mixes) // 2].id
    if prepared.scenario.picked:
        choice = max((c.id for c in plan.candidates), key=lambda id_: _mean(plan, id_, results))
    family = prepared.family(choice)
    results = world.trained(family) | results
    compared = compared_ways(prepared.spec, plan, family, results)
    assert compared is not None
    return _beside_truth(world, family, compared)


def _mean(plan: Plan, candidate: str, results: dict[str, JobResult]) -> float:
    jobs = [job.request.job.id for job in plan.jobs if job.candidate == candidate]
    return float(np.mean([results[job].metrics[ACCURACY] for job in jobs]))


@dataclass
class World:
    """What training brings; what a seed brings to all is drawn once for each seed."""

    scenario: Scenario
    rng: np.random.Generator
    luck: dict[int, float] = field(default_factory=dict)

    def reached(self, way: Way, phi: float, ratio: float, target: float) -> float:
        """Return the true accuracy of a way at a cost; `target`: the cost of the choice."""
        worth = self.scenario.worth(way, phi)
        if self.scenario.saturates:
            return 1 - BASELINE + SIGMA * worth
        part = math.log(ratio) / math.log(target)
        return 1 - BASELINE * float(ratio**-DECAY) + SIGMA * worth * part

    def searched(self, plan: Plan) -> dict[str, JobResult]:
        """Train a search among equals."""
        ratios = {network.id: network.ratio for network in plan.candidates} | {plan.baseline.id: 1}
        return {
            job.request.job.id: self._ended(
                job.request.job.id,
                job.request.job.seed,
                self.reached("choice", 1, ratios[job.candidate], 2.0),
                self.scenario.noise(0.0, 1),
            )
            for job in plan.jobs
        }

    def trained(self, family: FamilyPlan) -> dict[str, JobResult]:
        """Train a family."""
        targets = {member.phi: member.network.ratio for member in family.line} | {0.0: 2.0}
        results: dict[str, JobResult] = {}
        # The choice goes first: another way may have its network.
        for member in sorted(family.trained, key=lambda member: member.along != "choice"):
            ratio, target = member.network.ratio, targets[member.phi]
            accuracy = self.reached(member.along, member.phi, ratio, target)
            for job in member.jobs:
                id_, worth = job.request.job.id, self.scenario.worth(member.along, member.phi)
                sd = self.scenario.noise(worth, member.phi)
                results.setdefault(id_, self._ended(id_, job.request.job.seed, accuracy, sd))
        return results

    def _ended(self, job: str, seed: int, accuracy: float, sd: float) -> JobResult:
        luck = self.luck.setdefault(seed, LUCK * float(self.rng.standard_normal()))
        collapsed = self.rng.random() < self.scenario.collapse
        score = CHANCE if collapsed else accuracy + SIGMA * luck
        score = min(max(score + SIGMA * sd * float(self.rng.standard_normal()), 0.0), 1.0)
        correct = round(score * DATA.validation) / DATA.validation
        return JobResult(job=job, status="done", attempt=1, epochs=1, metrics={ACCURACY: correct})


def _beside_truth(world: World, family: FamilyPlan, compared: WaysCompared) -> Judged:
    targets = {member.phi: member.network.ratio for member in family.line}

    def truth(lead: WayLead) -> float:
        target = targets[lead.phi]
        ahead = world.reached("choice", lead.phi, target, target)
        return ahead - world.reached(lead.over, lead.phi, target, target)

    axes = [lead for lead in compared.leads if lead.over in AXES]
    true_first = _first(axes, truth)
    last = max(targets)
    better = [lead for lead in compared.leads if lead.phi == last and truth(lead) < -1e-9]
    said = [lead for lead in axes if compared.first is not None and lead.phi >= compared.first]
    return Judged(
        false=any(truth(lead) <= 1e-9 for lead in said),
        possible=true_first is not None,
        reported=compared.first is not None,
        right=compared.first == true_first,
        behind=any(lead.behind and truth(lead) >= -1e-9 for lead in compared.leads),
        beaten=bool(better),
        admitted=any(lead.behind for lead in better),
        covered=tuple(_within(lead, truth(lead)) for lead in compared.leads),
        sentence=compared.sentence,
    )


def _first(leads: Sequence[WayLead], truth: Callable[[WayLead], float]) -> float | None:
    first = None
    for phi in sorted({lead.phi for lead in leads}, reverse=True):
        if any(truth(lead) <= 1e-9 for lead in leads if lead.phi == phi):
            break
        first = phi
    return first


def _within(lead: WayLead, value: float) -> bool:
    assert lead.low is not None and lead.high is not None
    return lead.low <= value <= lead.high
