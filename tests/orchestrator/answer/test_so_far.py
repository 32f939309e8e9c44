"""A study that is not at its end says so first, in every text of its answer."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.so_far import work, work_of
from compound.orchestrator.choose.verdict import analyse
from compound.schemas.answer import Answer
from compound.schemas.job import Cause, JobResult
from compound.schemas.study import StudySpec
from tests.support.answers import MIXED, searched, study_spec, variant, with_family


def judged(
    scores: Mapping[str, float] = MIXED, *, seeds: int = 3, breaks: bool = False
) -> AnswerInputs:
    """Return a study whose search has ended, without a recipe check."""
    spec = study_spec(search={"recipe_check": False, "seeds": seeds})
    return searched(scores, spec, breaks)


def after(inputs: AnswerInputs, jobs: int) -> AnswerInputs:
    """Return the study as it is when so many jobs of its search have ended."""
    stored = inputs.stored
    assert stored.plan and isinstance(stored.record.spec, StudySpec)
    first = [job.request.job.id for job in stored.plan.jobs][:jobs]
    results = {job: inputs.results[job] for job in first}
    verdict = analyse(stored.record.spec, stored.plan, results)
    return replace(inputs, stored=replace(stored, verdict=verdict), results=results)


def read(inputs: AnswerInputs, results: Mapping[str, JobResult] | None = None) -> Answer:
    """Return the answer as it is read from a store."""
    counted = work_of(inputs.stored, inputs.results if results is None else results)
    return answer_of(inputs).model_copy(update={"so_far": counted.text})


def test_a_search_that_goes_on_marks_the_answer() -> None:
    inputs = judged()
    total = len(inputs.results)
    answer = read(after(inputs, 7))
    assert answer.text.startswith(f"So far (search 7 of {total} jobs done): ")
    assert answer.marked(answer.sentence).endswith(answer.sentence)
    assert work_of(after(inputs, 7).stored, after(inputs, 7).results).deciding


def test_before_any_job_has_ended_there_is_no_answer_yet() -> None:
    inputs = judged()
    answer = read(after(inputs, 0))
    assert answer.text == f"Search 0 of {len(inputs.results)} jobs done: no answer yet."
    untrained = variant()
    assert read(untrained).text == "Training 0 of 1 job done: no answer yet."


def test_failed_jobs_have_ended_and_are_counted() -> None:
    inputs = after(judged(), 7)
    job = next(iter(inputs.results))
    cause = Cause(kind="error", message="x")
    failed = JobResult(job=job, status="failed", attempt=1, epochs=0, cause=cause)
    stopped = failed.model_copy(update={"status": "stopped"})
    text = read(inputs, {**inputs.results, job: failed}).so_far
    assert text.endswith(" jobs done, 1 failed") and "search 6 of" in text
    assert "search 6 of" in read(inputs, {**inputs.results, job: stopped}).so_far


def test_the_family_is_not_planned_yet_or_goes_on_or_is_done() -> None:
    inputs = judged()
    assert "no job of the family is planned yet" in read(inputs).so_far
    whole = with_family(inputs)
    assert read(whole).so_far == "" and read(whole).text.startswith("For ")
    started = {**inputs.results}
    family = read(whole, started)
    assert family.so_far.startswith("family ") and "So far (family " in family.text
    assert not work_of(whole.stored, started).deciding


def test_a_search_without_any_score_is_at_its_end() -> None:
    broken = judged(breaks=True)
    assert read(broken).so_far == ""
    assert "no network of the search has a score" in read(broken).text


@pytest.mark.parametrize("closed", [True, False])
def test_a_closed_gate_ends_a_study(closed: bool) -> None:
    jobs = [("search", "done"), ("gate", "done")]
    assert bool(work(jobs, closed=closed, family=False).text) is not closed


def test_a_search_that_nobody_has_judged_is_not_at_its_end() -> None:
    jobs = [("recipe check", "done"), ("search", "done")]
    counted = work(jobs, verdict=False, chosen=False, family=False)
    assert counted.deciding and counted.text == "search 1 of 1 job done, and not judged yet"
    assert work([*jobs, ("search", "running")]).running == 1


def test_stages_are_named_in_their_order() -> None:
    open_ = [(stage, "absent") for stage in ("family", "gate", "search", "recipe check")]
    for number in range(len(open_)):
        stage = open_[-1 - number][0]
        assert work(open_[: len(open_) - number]).text == f"{stage} 0 of 1 job done"


def test_guesses_are_no_answer() -> None:
    level = dict.fromkeys(MIXED, 0.5)
    inputs = with_family(judged(level), {1.0: 0.5, 2.0: 0.51, 3.0: 0.5})
    answer = read(inputs)
    assert answer.chance == "no network is better than chance (50.0 % of 2 classes)"
    assert answer.phi is answer.row is answer.beyond is None
    assert answer.text.startswith(f"There is no answer: {answer.chance}. No verdict ")
    half = answer.model_copy(update={"so_far": "family 1 of 3 jobs done"})
    assert half.text.startswith("So far (family 1 of 3 jobs done): There is no answer")


def test_a_family_that_has_learned_is_an_answer_though_its_search_guesses() -> None:
    level = dict.fromkeys(MIXED, 0.5)
    answer = read(with_family(judged(level), {1.0: 0.5, 2.0: 0.8, 3.0: 0.9}))
    assert answer.chance == "" and answer.phi == 3
    assert "No verdict on compound scaling: no network is better than chance" in answer.scaling


def test_one_seed_is_marked_too() -> None:
    inputs = judged(seeds=1)
    assert read(after(inputs, 3)).text.startswith("So far (search 3 of ")
