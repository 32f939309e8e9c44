"""From spec to jobs: what is trained, in what order, and what is refused before anything is."""

import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.scale.family import plan_family, plan_train
from compound.orchestrator.spec.load import load
from compound.schemas.study import TrainSpec
from tests.support.digits_plans import EXAMPLES, refused, study


def test_every_candidate_gets_every_seed_and_seeds_come_in_turn() -> None:
    spec, plan = study()
    networks = 1 + len(plan.candidates)
    assert len(plan.jobs) == networks * spec.search.seeds
    assert [job.request.job.seed for job in plan.jobs] == [
        seed for seed in range(spec.search.seeds) for _ in range(networks)
    ]
    assert len({job.request.job.id for job in plan.jobs}) == len(plan.jobs)


def test_the_winner_at_phi_1_is_the_same_job_as_in_the_search() -> None:
    spec, plan = study()
    known = {job.request.job.id for job in plan.jobs}
    for candidate in plan.candidates:
        family = plan_family(spec, plan.baseline, plan.data, candidate.coefficients)
        assert family.members[0].network.architecture == candidate.architecture
        assert {job.request.job.id for job in family.members[0].jobs} <= known


def test_what_a_job_is_given_does_not_change_what_it_is() -> None:
    _, plan = study()
    _, other = study("resources.search.workers=2", "resources.search.cpus=4", "store=elsewhere")
    assert [j.request.job.id for j in plan.jobs] == [j.request.job.id for j in other.jobs]
    _, changed = study("train.learning_rate=0.7")
    assert not {j.request.job.id for j in plan.jobs} & {j.request.job.id for j in changed.jobs}


def test_the_family_grows_with_phi() -> None:
    spec, plan = study()
    for candidate in plan.candidates:
        members = plan_family(spec, plan.baseline, plan.data, candidate.coefficients).members
        assert [m.network.ratio for m in members] == sorted(m.network.ratio for m in members)


def test_one_variant_is_planned_without_a_search() -> None:
    file = load(EXAMPLES / "one-variant.yaml")
    assert isinstance(file.spec, TrainSpec)
    variant = plan_train(file.spec, summarise(file.spec.data))
    baseline, family = variant.baseline, variant.family
    (member,) = family.members
    assert member.network.ratio > 2 * baseline.ratio
    assert member.nominal == pytest.approx(1.92027**2, rel=1e-3)


def test_a_resolution_below_the_total_stride_is_refused() -> None:
    error = refused("baseline.resolution=3")
    assert "total stride" in error.message
    assert error.allowed == "4 pixels or more"
    assert error.where == "--set baseline.resolution=3"


def test_a_batch_that_workers_cannot_share_is_refused() -> None:
    error = refused("resources.family.workers=3")
    assert "a multiple of 3" in error.allowed
    assert "digits.yaml:20:" in error.where


def test_a_budget_that_nothing_meets_names_what_would() -> None:
    error = refused("search.budget.tolerance=1e-9")
    assert "tolerance" in error.allowed
    assert "digits.yaml:17:" in error.where


def test_few_images_a_worker_are_warned_about() -> None:
    _, plan = study("train.batch=8", "resources.family.workers=2")
    assert any("batch norm" in warning for warning in plan.warnings)


def test_decoding_elsewhere_what_is_kept_in_memory_is_warned_about() -> None:
    _, plan = study("resources.family.decode_cpus=2")
    assert any("decode_cpus has no effect" in warning for warning in plan.warnings)
    _, plan = study()
    assert not any("decode_cpus" in warning for warning in plan.warnings)
