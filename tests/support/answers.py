"""Studies with scores of one's own choosing, and the answers that they give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compound.jobs.device_model import guess
from compound.jobs.models.scaled import Networks
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.records.documents import Documents, Record, TrainRecord
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.scale.along import compared_ways
from compound.orchestrator.scale.family import plan_family, plan_train, ways_of
from compound.orchestrator.scale.family_errors import law_of
from compound.schemas.architecture import Candidate, Way
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import PlannedJob
from compound.schemas.spending import Hosts
from compound.schemas.study import SPEC, StudySpec, TrainSpec
from tests.support.report_pages import BASELINE, DATA, failed

MIXED = {"design": 0.84, "depth": 0.80, "width": 0.80, "resolution": 0.80, "baseline": 0.75}
"""Mean scores by role: a mix is four points better than any single axis."""
FLAT = {**MIXED, "design": 0.80}
WIDE = {**MIXED, "design": 0.80, "width": 0.84}
FAMILY = {1.0: 0.84, 2.0: 0.88, 3.0: 0.91}
NOISE = (0.001, -0.001, 0.0)
"""What each seed adds to a score."""
CPU = "cpu of a test, 1 thread"


def study_spec(**changes: Any) -> StudySpec:
    text = {
        "kind": "study",
        "name": "answered",
        "data": {"source": "digits"},
        "baseline": BASELINE,
        "search": {
            "design": {"kind": "lattice", "degree": 3},
            "budget": {"tolerance": 0.1},
            "seeds": 3,
            **changes.pop("search", {}),
        },
        "family": {"phi": [1, 2, 3], **changes.pop("family", {})},
        "train": {"epochs": 2},
        "resources": {"search": {"gpus": 0}, "family": {"gpus": 0}},
    }
    spec = SPEC.validate_python({**text, **changes})
    assert isinstance(spec, StudySpec)
    return spec


def train_spec(**changes: Any) -> TrainSpec:
    text = {
        "kind": "train",
        "name": "variant",
        "data": {"source": "digits"},
        "baseline": BASELINE,
        "coefficients": {"alpha": 1.2, "beta": 1.1, "gamma": 1.15},
        "phi": 2,
        "resources": {"gpus": 0},
    }
    spec = SPEC.validate_python({**text, **changes})
    assert isinstance(spec, TrainSpec)
    return spec


def done(job: str, accuracy: float, seconds: float = 36.0, **more: Any) -> JobResult:
    metrics = {ACCURACY: accuracy, "seconds": 10.0}
    values = {"attempt": 1, "epochs": 2, "seconds": seconds, "device": CPU, **more}
    return JobResult(job=job, status="done", metrics=metrics, **values)


def costs(spec: StudySpec | TrainSpec) -> CostModel:
    return CostModel(guess("cpu"), Hosts(cpus=2), spec.budget, DATA)


def searched(
    scores: Mapping[str, float] = MIXED, spec: StudySpec | None = None, breaks: bool = False
) -> AnswerInputs:
    """Return a study whose search has ended, with scores by role."""
    spec = spec or study_spec()
    plan = plan_study(spec, DATA)
    networks = {c.id: c for c in (plan.baseline, *plan.candidates)}

    def result(planned: PlannedJob) -> JobResult:
        job = planned.request.job
        score = _score(networks[planned.candidate], scores) + NOISE[job.seed % len(NOISE)]
        return failed(job.id) if breaks else done(job.id, score)

    results = {planned.request.job.id: result(planned) for planned in plan.jobs}
    verdict = analyse(spec, plan, results)
    record = Record(spec=spec, text="")
    stored = Documents(record=record, plan=plan, trained=None, verdict=verdict, family=None)
    return AnswerInputs(stored, results, costs(spec))


def _score(network: Candidate, scores: Mapping[str, float]) -> float:
    role = next((role for role in scores if role in network.roles and role != "design"), "design")
    # Mixes differ a little, so that one of them is the best.
    spread = 0.0001 * (network.cost.params % 7) if role == "design" else 0.0
    return scores[role] + spread


def with_family(
    inputs: AnswerInputs,
    scores: Mapping[float, float | None] = FAMILY,
    make: Callable[..., JobResult] = done,
    ways: Mapping[Way, Mapping[float, float]] | None = None,
) -> AnswerInputs:
    """Return the study with its family trained, by phi; None: its jobs have failed.

    `ways`: what other ways of `family.along` score more than the choice, by phi.
    """
    stored = inputs.stored
    spec, plan, verdict = stored.record.spec, stored.plan, stored.verdict
    assert plan and verdict and verdict.coefficients and isinstance(spec, StudySpec)
    built = ways_of(spec, plan.baseline, None, Networks(), plan.candidates)
    family = plan_family(spec, plan.baseline, DATA, verdict.coefficients, ways=built)
    results = dict(inputs.results)
    for member in family.trained:
        score = scores.get(member.phi, 0.0)
        more = (ways or {}).get(member.along, {}).get(member.phi, 0.0)
        for planned in member.jobs:
            job = planned.request.job
            if job.id in results:
                continue
            noise = NOISE[job.seed % len(NOISE)] if ways else 0.0
            trained = None if score is None else make(job.id, min(score + more + noise, 0.999))
            results[job.id] = trained or failed(job.id)
    law = law_of(spec, plan, family, results)
    along = compared_ways(spec, plan, family, results)
    family_stored = replace(stored, family=family, law=law, along=along)
    return replace(inputs, stored=family_stored, results=results)


def page_of(inputs: AnswerInputs) -> ReportInputs:
    """Return what the study's page is made from."""
    stored = inputs.stored
    planned = stored.plan or stored.trained
    assert planned is not None
    return ReportInputs(
        spec=stored.record.spec,
        spec_text="",
        baseline=planned.baseline,
        data=DATA,
        plan=stored.plan,
        verdict=stored.verdict,
        family=stored.family.members if stored.family else (),
        results=inputs.results,
        law=stored.law,
        along=stored.along,
        answer=answer_of(inputs),
    )


def variant(scores: Sequence[float] = (), spec: TrainSpec | None = None) -> AnswerInputs:
    """Return a study of one scaled network, with a score a seed."""
    spec = spec or train_spec()
    planned = plan_train(spec, DATA)
    record = TrainRecord(data=DATA, baseline=planned.baseline)
    stored = Documents(
        record=Record(spec=spec, text=""),
        plan=None,
        trained=record,
        verdict=None,
        family=planned.family,
    )
    jobs = [job.request.job.id for job in planned.jobs]
    results = {job: done(job, score) for job, score in zip(jobs, scores, strict=False)}
    return AnswerInputs(stored, results, costs(spec))
