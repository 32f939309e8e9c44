"""The recipe check: which rate is taken, when the spec's is called worse, what failures mean."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.choose.recipe_check import check_recipe
from compound.orchestrator.plan.rate_jobs import MULTIPLES, plan_at, with_rate
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.rates_section import rates_noise, rates_table
from compound.orchestrator.spec.load import load
from compound.schemas.job import Cause, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.outcomes.recipe_check import RecipeCheck
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.small_study import SPEC

AUTO = "train.learning_rate=auto"


@pytest.fixture
def write(tmp_path: Path):
    def write(*overrides: str) -> tuple[StudySpec, Plan]:
        path = tmp_path / "study.yaml"
        path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
        spec = load(path, ("search.recipe_check=true", *overrides)).spec
        return spec, plan_study(spec, summarise(spec.data))

    return write


def results(plan: Plan, scores: list[tuple[float, ...]]) -> dict[str, JobResult]:
    """Return how the jobs ended: a tuple of scores for each rate, of which 0 is diverged."""
    ended, rates = {}, len(scores)
    for number, planned in enumerate(plan.rate_jobs):
        seed, rate = divmod(number, rates)
        score, job = scores[rate][seed], planned.request.job.id
        failed = Cause(kind="diverged", message="the loss is nan")
        ended[job] = JobResult(
            job=job,
            status="done" if score else "failed",
            attempt=1,
            epochs=2,
            metrics={ACCURACY: score} if score else {},
            cause=None if score else failed,
        )
    return ended


def checked(write, scores: list[tuple[float, ...]], *overrides: str) -> RecipeCheck:
    spec, plan = write(*overrides)
    return check_recipe(spec, plan, results(plan, scores))


RISING = [(0.40, 0.41), (0.50, 0.51), (0.60, 0.61), (0.69, 0.70), (0.685, 0.695)]


def test_the_best_rate_is_taken_and_of_equals_the_nearest_to_the_usual(write) -> None:
    check = checked(write, RISING, AUTO)
    assert (check.multiple, check.warning) == (2.0, "")
    assert [rate.rate for rate in check.rates] == [0.15, 0.3, 0.6, 1.2, 2.4]
    assert "trained at 1.2" in check.sentence and "0.6: 60.5 %" in check.sentence
    level = checked(write, [(0.6, 0.61), (0.6, 0.62), (0.6, 0.6), (0.61, 0.6), (0.6, 0.6)], AUTO)
    assert level.multiple == 1.0


def test_a_spec_that_names_a_worse_rate_is_warned_and_followed(write) -> None:
    scores = [(s + 0.1 * (s > 0.65), t + 0.1 * (t > 0.65)) for s, t in RISING]
    check = checked(write, scores, "train.learning_rate=0.1", "data.validation_images=4096")
    assert check.multiple == 1.0
    assert check.warning.startswith("at 2x the learning rate the baseline gains 19.0 points")
    assert "set train.learning_rate to 0.2, or to auto" in check.warning
    level = [(0.6, 0.62), (0.61, 0.6), (0.6, 0.6), (0.62, 0.6), (0.5, 0.5)]
    assert not checked(write, level).warning


def test_rates_that_diverge_are_named_and_never_taken(write) -> None:
    scores = [(0.4, 0.4), (0.5, 0.5), (0.6, 0.6), (0.9, 0.0), (0.0, 0.0)]
    check = checked(write, scores, AUTO)
    assert check.multiple == 1.0
    assert [rate.failed for rate in check.rates] == [0, 0, 0, 1, 2]
    assert "1.2: failed, 2.4: failed" in check.sentence
    nothing = checked(write, [(0.0, 0.0)] * 5, AUTO)
    assert (nothing.multiple, nothing.warning) == (1.0, "")
    assert "at none of the learning rates" in nothing.sentence
    own = checked(write, [(0.4, 0.4), (0.5, 0.5), *[(0.0, 0.0)] * 3])
    assert own.warning.startswith("the baseline did not train to its end at the spec's")


def test_warnings_about_equal_rates_are_as_rare_as_they_say(write) -> None:
    spec, plan = write("data.validation_images=4096")
    random, warned = np.random.default_rng(0), 0
    for _ in range(400):
        scores = [tuple(row) for row in random.normal(0.6, 0.02, (5, 2))]
        warned += bool(check_recipe(spec, plan, results(plan, scores)).warning)
    assert warned <= 0.05 * 400 + 2 * (400 * 0.05 * 0.95) ** 0.5


def test_only_automatic_recipes_change_and_only_in_their_rate(write) -> None:
    spec, plan = write(AUTO)
    faster = plan_at(spec, plan, 2.0)
    for before, after in zip(plan.jobs, faster.jobs, strict=True):
        was, now = before.request.job, after.request.job
        assert (was.recipe.learning_rate, now.recipe.learning_rate) == (0.6, 1.2)
        assert now.model_copy(update={"recipe": was.recipe}) == was
    settled = with_rate(spec, 2.0)
    assert (settled.train.learning_rate, settled.search.train.learning_rate) == (1.2, 1.2)
    assert plan_study(settled, plan.data).jobs == faster.jobs
    number, planned = write()
    assert plan_at(number, planned, 2.0) == planned and with_rate(number, 2.0) == number


def test_jobs_at_the_specs_own_rate_are_jobs_of_the_search(write) -> None:
    _, plan = write()
    searched = {job.request.job.id for job in plan.jobs}
    shared = [job for job in plan.rate_jobs if job.request.job.id in searched]
    assert len(plan.rate_jobs) == 2 * len(MULTIPLES)
    assert [job.request.job.recipe.learning_rate for job in shared] == [0.6, 0.6]
    assert len({job.request.label for job in plan.planned}) == len(plan.planned)
    _, fast = write("train.learning_rate=60")
    assert max(job.request.job.recipe.learning_rate for job in fast.rate_jobs) == 60
    assert not write("search.recipe_check=false")[1].rate_jobs


def test_the_noise_is_called_what_it_is(write) -> None:
    single = "search.seeds=1"
    check = checked(write, [(0.4,), (0.5,), (0.6,), (0.5,), (0.4,)], single)
    assert check.noise_of == "images" and check.noise == pytest.approx((0.24 / 64) ** 0.5)
    assert (
        "(+- 6.1 points from the number of validation images alone: one seed shows no noise)"
        in (check.sentence)
    )
    alike = checked(write, [(0.6, 0.6)] * 5)
    assert alike.noise_of == "images" and "between seeds" not in alike.sentence
    apart = checked(write, [(0.5, 0.9)] * 5)
    assert apart.noise_of == "seeds" and "points between seeds)" in apart.sentence
    nothing = checked(write, [(0.0, 0.0)] * 5)
    assert nothing.noise is None


def test_a_table_has_no_rate_taken_and_no_noise_where_nothing_trained(write) -> None:
    spec, plan = write()
    page = ReportInputs(spec=spec, spec_text="", baseline=plan.baseline, data=plan.data, plan=plan)
    failed, trained = checked(write, [(0.0, 0.0)] * 5), checked(write, [(0.6, 0.6)] * 5)
    none, some = (replace(page, rates=OtherRates(check)) for check in (failed, trained))
    assert [row[-1].text for row in rates_table(none).rows] == ["no"] * 5
    assert [row[-1].text for row in rates_table(some).rows].count("yes") == 1
    old = failed.model_copy(update={"noise": 0.0})
    assert rates_noise(none) == rates_noise(replace(page, rates=OtherRates(old))) == ""
    assert "from the number of validation images" in rates_noise(some)
