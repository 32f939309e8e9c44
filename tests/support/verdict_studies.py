"""Small studies with scores of one's own choosing, to be judged."""

from collections.abc import Sequence

import numpy as np

from compound.orchestrator.choose.verdict import analyse
from compound.schemas.architecture import Architecture, Candidate, Coefficients, Cost, Role
from compound.schemas.data import DataInfo
from compound.schemas.job import Cause, DataRef, JobRequest, JobResult, TrainJob
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.stages import Stage
from compound.schemas.study import SPEC, StudySpec
from compound.schemas.verdict import Verdict

CONTROLS: tuple[Role, ...] = ("depth", "width", "resolution")
DATA = DataInfo(
    fingerprint="0" * 16, classes=("a", "b"), in_channels=1, size=8, train=900, validation=10_000
)


def spec_of(seeds: int = 3, level: float = 0.9) -> StudySpec:
    spec = SPEC.validate_python(
        {
            "kind": "study",
            "name": "simulated",
            "data": {"source": "digits"},
            "baseline": {"resolution": 8, "stages": [{"channels": 8}]},
            "search": {"seeds": seeds, "level": level},
        }
    )
    assert isinstance(spec, StudySpec)
    return spec


def candidate(number: int, *roles: Role, activations: int = 0, ratio: float = 2.0) -> Candidate:
    network = Architecture(resolution=8, stages=(Stage(channels=8 + number),))
    return Candidate(
        architecture=network,
        cost=Cost(params=1000 + number, macs=2000, activations=activations or 5000 - number),
        ratio=ratio,
        roles=roles or ("design",),
        coefficients=Coefficients(alpha=1 + number / 100),
    )


def plan_of(candidates: Sequence[Candidate], seeds: int = 3) -> Plan:
    baseline = candidate(1000, "baseline", ratio=1.0)
    return Plan(
        study="simulated",
        data=DATA,
        baseline=baseline,
        candidates=tuple(candidates),
        dropped=(),
        points=len(candidates),
        jobs=tuple(
            PlannedJob(
                phase="search",
                candidate=network.id,
                phi=1.0,
                request=JobRequest(job=job_of(network, seed)),
            )
            for seed in range(seeds)
            for network in (baseline, *candidates)
        ),
    )


def job_of(network: Candidate, seed: int) -> TrainJob:
    spec = spec_of()
    data = DataRef(spec=spec.data, fingerprint=DATA.fingerprint)
    return TrainJob(
        architecture=network.architecture, recipe=spec.search.train, data=data, seed=seed
    )


def controls_and_mixes(designs: int) -> list[Candidate]:
    controls = [candidate(i, role) for i, role in enumerate(CONTROLS)]
    return controls + [candidate(3 + i) for i in range(designs)]


def ended(job: str, accuracy: float | None) -> JobResult:
    if accuracy is None:
        cause = Cause(kind="diverged", message="loss is NaN at epoch 2")
        return JobResult(job=job, status="failed", attempt=1, epochs=1, cause=cause)
    return JobResult(job=job, status="done", attempt=1, epochs=4, metrics={ACCURACY: accuracy})


def verdict_of(
    candidates: Sequence[Candidate], scores: Sequence[Sequence[float | None]], level: float = 0.9
) -> Verdict:
    """Analyse a study in which candidate i had scores[i], one a seed; None is a failed job."""
    seeds = max((len(row) for row in scores), default=1)
    plan = plan_of(candidates, seeds)
    results = results_of(plan, jobs_of(plan), scores)
    return analyse(spec_of(seeds, level), plan, results)


def jobs_of(plan: Plan) -> list[tuple[str, str, int]]:
    jobs = [(planned.candidate, planned.request.job) for planned in plan.jobs]
    return [(candidate, job.id, job.seed) for candidate, job in jobs]


def results_of(
    plan: Plan, jobs: Sequence[tuple[str, str, int]], scores: Sequence[Sequence[float | None]]
) -> dict[str, JobResult]:
    rows = dict(zip((network.id for network in plan.candidates), scores, strict=True))
    rows[plan.baseline.id] = [0.5] * len(scores[0])
    return {job: ended(job, rows[candidate][seed]) for candidate, job, seed in jobs}


def around(mean: float, spread: float = 0.004) -> list[float]:
    return [mean - spread, mean, mean + spread]


def simulate(means: Sequence[float], studies: int, seed: int) -> list[tuple[Verdict, float]]:
    """Return verdicts on studies with known means, each with the true gain of its mix."""
    rng = np.random.default_rng(seed)
    network = controls_and_mixes(len(means) - 3)
    position = {entry.id: i for i, entry in enumerate(network)}
    spec, plan, truth = spec_of(), plan_of(network), np.asarray(means)
    jobs, verdicts = jobs_of(plan), []
    for _ in range(studies):
        seed_effect = rng.normal(0, 0.004, size=3)
        scores = truth[:, None] + seed_effect + rng.normal(0, 0.01, size=(len(means), 3))
        results = results_of(plan, jobs, scores.clip(0, 1).tolist())
        verdict = analyse(spec, plan, results)
        assert verdict.gain is not None
        verdicts.append((verdict, truth[position[verdict.gain.mix]] - truth[:3].max()))
    return verdicts
