"""What a search decides to train next: points, promotion, seeds; and what its plan says of that."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from compound.orchestrator.choose.rounds import Search, next_round
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.design.baseline import DATA_ONLY
from compound.orchestrator.forecast.upper_bounds import (
    compared_in_last_rung,
    upper_bound_gate,
    upper_bound_rounds,
)
from compound.orchestrator.plan.schedules import FIRST_SEEDS, of_length, rung_schedules
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import AXES
from compound.schemas.errors import SpecError
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan, Rounds
from compound.schemas.recipe import Recipe
from compound.schemas.study import StudySpec
from tests.support.simulated_studies import Simulated, World, shares_of, single
from tests.support.simulated_verdicts import DATA
from tests.support.surfaces import SURFACES

SPEC = Path(__file__).parents[3] / "benchmarks" / "tables" / "verdict.yaml"
RUNGS = "search.promotion={kind: rungs, factor: 4, seeds: 2, keep: 0.3}"


def spec_of(*overrides: str) -> StudySpec:
    spec = load(SPEC, ["search.train.epochs=8", "family.phi=[]", *overrides]).spec
    assert isinstance(spec, StudySpec)
    return spec


class Ledger:
    """A store in memory, in a world with a truth."""

    def __init__(self, spec: StudySpec, plan: Plan, surface: str = "bowl 15", seed: int = 0):
        rng = np.random.default_rng(seed)
        truth = SURFACES[surface](shares_of(plan), single(plan), rng)
        self.spec, self.plan = spec, plan
        self.world = World.of(spec, plan, truth, seed)
        self.results: dict[str, JobResult] = {}

    def results_of(self, ids: Iterable[str]) -> Mapping[str, JobResult]:
        return {job: self.results[job] for job in ids if job in self.results}

    def carry_out(self) -> Search:
        """Train round after round until the verdict is due."""
        rounds, jobs = Rounds(), self.plan.jobs
        while True:
            for planned in jobs:
                job = planned.request.job
                score = {ACCURACY: self.world.answer(job)}
                self.results[job.id] = JobResult(
                    job=job.id, status="done", attempt=1, epochs=1, metrics=score
                )
            search = Search.of(self.spec, self.plan, rounds, self.results_of)
            following = next_round(search)
            if following is None:
                return search
            rounds, jobs = rounds.plus(following), following.jobs


def carried(*overrides: str, surface: str = "bowl 15") -> Search:
    spec = spec_of(*overrides)
    return Ledger(spec, plan_study(spec, DATA), surface).carry_out()


def test_without_rungs_or_rounds_the_plan_is_all() -> None:
    search = carried("search.seeds=2")
    assert search.rounds.rounds == ()
    assert len(search.plan.jobs) == 2 * (len(search.plan.candidates) + 1)


def test_all_train_the_short_schedule_and_the_best_part_the_whole_one() -> None:
    search = carried(RUNGS)
    promotion, *_ = search.rounds.rounds
    mixes = [entry for entry in search.plan.candidates if not {*AXES} & {*entry.roles}]
    trained = {entry.candidate for entry in promotion.jobs}
    assert promotion.kind == "promotion"
    assert len(trained) == 1 + 3 + -(-3 * len(mixes) // 10)
    assert {entry.request.job.recipe.epochs for entry in search.plan.jobs} == {2, 8}
    assert search.plan.baseline.id in trained
    assert trained >= {entry.id for entry in search.plan.candidates if {*AXES} & {*entry.roles}}
    assert f"of {len(mixes)} mixes train for 8 epochs" in promotion.reason


def test_the_baseline_is_screened_with_all_seeds_for_its_noise() -> None:
    plan = plan_study(spec_of(RUNGS, "search.seeds=5"), DATA)
    seeds = [
        planned.request.job.seed for planned in plan.jobs if planned.candidate == plan.baseline.id
    ]
    assert seeds == [0, 1, 2, 3, 4]
    assert max(planned.request.job.seed for planned in plan.jobs if planned.phi == 1) == 1


def test_a_verdict_after_rungs_tells_who_was_only_screened() -> None:
    search = carried(RUNGS)
    verdict = analyse(search.spec, search.plan, search.results)
    short, whole = verdict.rungs
    assert (short.epochs, whole.epochs) == (2, 8)
    assert short.entered == len(search.plan.candidates)
    assert short.promoted == whole.entered < short.entered
    assert short.correlation is not None
    assert short.correlation.candidates == whole.entered
    assert all(len(entry.screened) == 2 for entry in verdict.standings)
    unpromoted = [entry for entry in verdict.standings if entry.mean is None]
    assert len(unpromoted) == short.entered - whole.entered
    assert not any("no score" in entry for entry in verdict.warnings)
    assert verdict.promoted is not None and verdict.promoted.rate is not None
    assert (verdict.promoted.networks, verdict.promoted.promoted) == (short.entered, whole.entered)
    assert verdict.promoted.rate > 0.5
    assert f"the {whole.entered} of {short.entered} candidates promoted" in verdict.sentence


def test_a_verdict_over_whole_schedules_speaks_of_all() -> None:
    search = carried("search.seeds=2")
    verdict = analyse(search.spec, search.plan, search.results)
    assert verdict.promoted is None
    assert "promoted" not in verdict.sentence


def test_seeds_are_added_until_the_tied_set_stays() -> None:
    search = carried(RUNGS, "search.seeds=9", surface="flat")
    kinds = [entry.kind for entry in search.rounds.rounds]
    assert kinds[0] == "promotion"
    assert set(kinds[1:]) <= {"seeds"}
    seeds = {entry.request.job.seed for entry in search.plan.jobs if entry.phase == "search"}
    assert len(seeds) == FIRST_SEEDS + len(kinds) - 1
    table = [
        len(entry.scores) for entry in analyse(search.spec, search.plan, search.results).standings
    ]
    assert {0, len(seeds)} >= set(table)


@pytest.mark.parametrize(
    ("degree", "reason"),
    [(2, "They are the farthest from all others"), (3, "The first is predicted at ")],
)
def test_networks_left_out_are_added(degree: int, reason: str) -> None:
    design = f"search.design={{kind: lattice, degree: {degree}}}"
    search = carried(design, "search.rounds=2", "search.points=2")
    points = [entry for entry in search.rounds.rounds if entry.kind == "points"]
    assert 1 <= len(points) <= 2
    added = [candidate for entry in points for candidate in entry.candidates]
    before = plan_study(search.spec, DATA)
    assert {entry.id for entry in added} <= {entry.id for entry in before.untried}
    assert len({entry.id for entry in added}) == len(added)
    assert all(entry.id in {c.id for c in search.plan.candidates} for entry in added)
    assert {entry.id for entry in search.plan.untried}.isdisjoint(entry.id for entry in added)
    assert reason in points[0].reason


def test_the_same_results_lead_to_the_same_decisions() -> None:
    assert carried(RUNGS).rounds == carried(RUNGS).rounds


def test_what_is_trained_already_counts_when_a_candidate_is_not_promoted() -> None:
    spec = spec_of(RUNGS)
    plan = plan_study(spec, DATA)
    ledger = Ledger(spec, plan)
    whole = spec_of()
    for planned in plan_study(whole, DATA).jobs[-2:]:
        job = planned.request.job
        ledger.results[job.id] = JobResult(
            job=job.id, status="done", attempt=1, epochs=8, metrics={ACCURACY: 0.5}
        )
    search = ledger.carry_out()
    ids = [planned.request.job.id for planned in search.plan.jobs]
    assert len(ids) == len(set(ids))
    assert ledger.results.keys() <= set(ids)


def test_a_search_without_any_score_has_nothing_to_promote() -> None:
    spec = spec_of(RUNGS)
    plan = plan_study(spec, DATA)
    search = Search.of(spec, plan, Rounds(), lambda ids: {})
    following = next_round(search)
    assert following is None or {planned.phi for planned in following.jobs} == {0.0, 1.0}


def test_bounds_hold_whatever_the_scores() -> None:
    for surface in ("flat", "spike", "corner"):
        overrides = [RUNGS, "search.rounds=1", "search.seeds=4"]
        search = carried(*overrides, surface=surface)
        plan = plan_study(search.spec, DATA)
        most = len(plan.jobs) + len(upper_bound_rounds(search.spec, plan))
        assert len(search.plan.jobs) <= most
    assert compared_in_last_rung(search.spec, plan.candidates) < len(plan.candidates)


def test_a_gate_is_bounded_by_its_dearest_contenders() -> None:
    spec = spec_of("gate={mode: stop, top: 2, seeds: 2}")
    plan = plan_study(spec, DATA)
    assert len(upper_bound_gate(spec, plan, DATA_ONLY)) == 2 * (1 + 3 + 2)
    assert upper_bound_gate(spec_of(), plan, DATA_ONLY) == []


def test_short_schedules_take_the_same_course() -> None:
    recipe = Recipe(epochs=12, warmup_epochs=3, decay_epochs=2.4)
    short = of_length(recipe, 4)
    assert (short.epochs, short.warmup_epochs, round(short.decay_epochs, 9)) == (4, 1, 0.8)
    assert of_length(short, 12) == recipe.model_copy(
        update={"decay_epochs": of_length(short, 12).decay_epochs}
    )


def test_rungs_of_one_epoch_are_one_rung() -> None:
    spec = spec_of("search.promotion={kind: rungs, rungs: 6, factor: 4}")
    assert [rung.recipe.epochs for rung in rung_schedules(spec)] == [1, 2, 8]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("search.promotion={kind: rungs, seeds: 1}", "rounds need an estimate of the noise"),
        ("search.promotion={kind: rungs, factor: 1}", "factor"),
        ("search.promotion={kind: ladder}", "rungs"),
        ("gate=maybe", "gate"),
    ],
)
def test_a_spec_that_cannot_work_is_refused(override: str, expected: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec_of("search.rounds=1", override)
    assert expected in str(refused.value)


def test_simulated_runner_leaves_results_like_any_other(tmp_path: Path) -> None:
    spec = spec_of("search.seeds=1")
    plan = plan_study(spec, DATA)
    events = []
    runner = Simulated(lambda job: 0.5)
    done = runner.run([entry.request for entry in plan.jobs[:3]], str(tmp_path), events.append)
    assert [entry.status for entry in done] == ["done"] * 3
    assert [event.kind for event in events] == ["ended"] * 3
