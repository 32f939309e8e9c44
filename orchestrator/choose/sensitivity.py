"""Does the choice stay ahead of the best single axis at half and at double the learning rate?"""

from collections.abc import Iterator, Mapping
from math import sqrt
from statistics import fmean, variance

from scipy import special

from compound.orchestrator.plan.rate_jobs import at_other_rates
from compound.orchestrator.wording.names import name
from compound.orchestrator.wording.numbers import points
from compound.schemas.architecture import Candidate
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.outcomes.recipe_check import Difference, Sensitivity
from compound.schemas.plan import Plan
from compound.schemas.recipe import rate_of
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Verdict

RATES = {0.5: "half", 2.0: "double"}


def plan_sensitivity(spec: StudySpec, plan: Plan, verdict: Verdict) -> Sensitivity:
    """Plan the choice and the best single axis at other rates, with all seeds of the search.

    Without both of them, or where they are one network, there is nothing to train.
    """
    pair = _pair(plan, verdict)
    jobs = at_other_rates(spec, plan, pair, tuple(RATES)) if len(pair) == 2 else ()
    sentence = "" if jobs else "sensitivity: there are no two networks whose order could change"
    return Sensitivity(jobs=tuple(jobs), sentence=sentence)


def _pair(plan: Plan, verdict: Verdict) -> list[Candidate]:
    """Return the mix that stands for compound scaling, and the best single axis."""
    identities = (verdict.gain.mix, verdict.gain.candidate) if verdict.gain else ()
    by_id = {candidate.id: candidate for candidate in plan.candidates}
    return [by_id[identity] for identity in dict.fromkeys(identities)]


def judge_sensitivity(
    spec: StudySpec,
    plan: Plan,
    verdict: Verdict,
    planned: Sensitivity,
    results: Mapping[str, JobResult],
) -> Sensitivity:
    """Return how far the mix is ahead at each rate, as trained, and whether the order is the same.

    The intervals are Student's for a difference of two means, with the noise of all groups pooled.
    """
    if not planned.jobs or verdict.gain is None:
        return planned
    pair = _pair(plan, verdict)
    differences = tuple(_differences(spec, pair, planned, results))
    sentence = _sentence(name(pair[0]), name(pair[1]), verdict.gain.estimate, differences)
    return planned.model_copy(update={"differences": differences, "sentence": sentence})


def _differences(
    spec: StudySpec, pair: list[Candidate], planned: Sensitivity, results: Mapping[str, JobResult]
) -> Iterator[Difference]:
    own, groups = rate_of(spec.search.train), dict[tuple[float, str], list[float]]()
    for job in planned.jobs:
        result = results.get(job.request.job.id)
        if result and result.status == "done" and ACCURACY in result.metrics:
            key = rate_of(job.request.job.recipe) / own, job.candidate
            groups.setdefault(key, []).append(result.metrics[ACCURACY])
    freedom = sum(len(scores) - 1 for scores in groups.values())
    squares = sum((len(s) - 1) * variance(s) for s in groups.values() if len(s) > 1)
    for multiple in RATES:
        mix, axis = (groups.get((multiple, network.id), []) for network in pair)
        if mix and axis:
            estimate, half = fmean(mix) - fmean(axis), None
            if freedom:
                value = float(special.stdtrit(freedom, (1 + spec.search.level) / 2))
                half = value * sqrt(squares / freedom * (1 / len(mix) + 1 / len(axis)))
            yield Difference(
                multiple=multiple,
                estimate=estimate,
                low=None if half is None else estimate - half,
                high=None if half is None else estimate + half,
            )


def _sentence(mix: str, axis: str, searched: float, differences: tuple[Difference, ...]) -> str:
    if len(differences) < len(RATES):
        return "sensitivity: not every rate has results of both, so nothing can be said"
    parts = [f"at {RATES[d.multiple]} the learning rate {_written(d)}" for d in differences]
    relation = "ahead of" if searched >= 0 else "behind"
    return (
        f"sensitivity: {mix} is {points(abs(searched))} points {relation} {axis} in the search, "
        f"{', '.join(parts)}: {_conclusion(searched, differences)}"
    )


def _written(difference: Difference) -> str:
    interval = ""
    if difference.low is not None and difference.high is not None:
        interval = f" ({points(difference.low)} to {points(difference.high)})"
    return f"{points(difference.estimate)}{interval}"


def _conclusion(searched: float, differences: tuple[Difference, ...]) -> str:
    sign = 1 if searched >= 0 else -1
    turned = [
        RATES[d.multiple]
        for d in differences
        if d.low is not None and d.high is not None and max(sign * d.low, sign * d.high) < 0
    ]
    if turned:
        return f"the order does not hold at {' and '.join(turned)} the rate"
    if all(sign * difference.estimate > 0 for difference in differences):
        return "the order is the same at both"
    return "whether the order holds is open, the differences are within the noise"
