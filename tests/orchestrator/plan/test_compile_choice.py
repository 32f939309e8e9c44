"""`compile: auto`: settled before a job has an identity, and the same in every run of a study."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from compound.jobs.data.progressive_resizing import MOST_COMPILED
from compound.jobs.data.source import summarise
from compound.jobs.device_model import guess, step_seconds
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.workload import workload
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.plan_json import as_json
from compound.orchestrator.cli.printing.plan_tables import show
from compound.orchestrator.plan.compile_choice import GUESSED, CompileChoice
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.plan.step_time import COMPILING, SAVED, UPDATE_SECONDS, Pace
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.records.documents import Record, TrainRecord
from compound.orchestrator.run.progress import Progress
from compound.orchestrator.scale.gate_plan import gate_of
from compound.orchestrator.spec.load import load
from compound.schemas.errors import SpecError
from compound.schemas.job import Event, JobResult, TrainJob
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import Plan, Variant
from compound.schemas.recipe import Recipe
from compound.schemas.study import StudySpec
from tests.support.small_jobs import small_job

EXAMPLES = Path(__file__).parents[3] / "examples"
GPUS = "cluster={nodes: 2, cpus: 16, gpus: 4, memory: 40}"
AUTO = "train.compile=auto"
B0 = NETWORKS["efficientnet-b0"]


def probed(kind: str = "cuda", times: float = 1.0) -> DeviceProfile:
    """A device that was measured, so many times slower than it is guessed to be."""
    known = guess(kind, 1)
    seconds = {name: times * value for name, value in known.seconds.items()}
    return known.model_copy(
        update={"source": "probe", "seconds": seconds, "time_error": 0.1, "memory_error": 0.1}
    )


def planned(store: ArtifactStore | None, *overrides: str, example: str = "digits") -> Prepared:
    file = load(EXAMPLES / f"{example}.yaml", overrides)
    return prepare(file.spec, summarise(file.spec.data), store)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path / "runs"))


def compiles(prepared: Prepared) -> list[bool | str]:
    return [job.request.job.recipe.compile for job in prepared.plan.jobs]


epochs = st.integers(1, 5000)
kinds = st.sampled_from(["cpu", "cuda"])


@given(kinds, epochs, epochs, st.integers(1, 8), st.sampled_from(["sgd", "rmsprop"]))
def test_a_longer_job_compiles_where_a_shorter_one_does(kind, one, other, workers, optimizer):
    judge = CompileChoice(probed(kind), 10_000, workers)
    recipes = [
        Recipe(epochs=each, compile="auto", optimizer=optimizer) for each in sorted((one, other))
    ]
    shorter, longer = (judge.settled(B0, each) for each in recipes)
    assert isinstance(shorter.compile, bool)
    assert longer.compile >= shorter.compile
    found = judge.gain(B0, recipes[1])
    assert found is not None
    layers = workload(B0).layers
    assert found.cost == COMPILING[kind] * layers + UPDATE_SECONDS * (optimizer == "rmsprop")
    assert longer.compile == (found.saved > found.cost)
    fewer = CompileChoice(probed(kind), 10_000, 1).gain(B0, recipes[1])
    assert fewer is not None and fewer.saved >= found.saved


def test_a_guess_has_to_repay_three_times_over():
    recipe = Recipe(epochs=50, batch=256, compile="auto")
    sure = CompileChoice(probed(), 100_000, 1).gain(B0, recipe)
    images = round(100_000 * 1.5 * sure.cost / sure.saved)
    guessed = guess("cuda", 1)
    assert CompileChoice(probed(), images, 1).settled(B0, recipe).compile is True
    assert CompileChoice(guessed, images, 1).settled(B0, recipe).compile is False
    assert CompileChoice(guessed, 3 * images, 1).settled(B0, recipe).compile is True
    assert GUESSED == 3


def test_what_a_recipe_says_itself_stays():
    judge = CompileChoice(probed(), 10**9, 1)
    for said in (True, False):
        assert judge.settled(B0, Recipe(compile=said)).compile is said


def test_a_job_says_true_or_false():
    with pytest.raises(ValidationError, match="auto is for specs"):
        small_job(compile="auto")
    known = small_job()
    assert small_job(compile=False).id == known.id != small_job(compile=True).id
    assert TrainJob.model_validate_json(known.model_dump_json()) == known


def test_a_device_without_times_compiles_nothing_and_the_plan_says_why(store):
    store.save_profile(probed().model_copy(update={"seconds": {}}))
    found = planned(store, AUTO, GPUS)
    assert not any(compiles(found))
    assert "the step times of this device are unknown" in found.forecast.compiling


def test_short_jobs_compile_nothing_and_the_plan_says_why(capsys):
    found = planned(None, AUTO)
    assert compiles(found) == [False] * 27
    told = found.forecast.compiling
    assert told.startswith("compile: none of 27 search jobs (compiling takes about ")
    assert "none of 3 family jobs" in told and "times 3, as times are estimated" in told
    show(found, "compound plan SPEC --json")
    assert told in capsys.readouterr().out.splitlines()


def test_long_jobs_compile_and_the_plan_says_what_it_repays(store, capsys):
    store.save_profile(probed(times=100.0))
    found = planned(store, AUTO, GPUS, "search.train.epochs=2", "train.epochs=600")
    told = found.forecast.compiling
    assert "none of 27 search jobs" in told
    assert "3 of 3 family jobs (compiling takes about " in told
    families = [job.request.job.recipe for one in found.families for job in one.jobs]
    assert all(recipe.compile is True for recipe in families)
    printed = as_json(found)
    assert printed["prediction"]["compiling"] == told
    assert {job["compile"] for job in printed["jobs"]} == {False}


def test_jobs_of_one_family_are_settled_one_by_one(store):
    store.save_profile(probed(times=100.0))
    long = ("family.phi=[-3, 1, 4]", GPUS, AUTO, "search.train.epochs=2")
    for length in range(260, 520, 40):
        found = planned(store, *long, f"train.epochs={length}")
        recipes = [[job.request.job.recipe.compile for job in f.jobs] for f in found.families]
        assert all(one == sorted(one) for one in recipes)
        if {False, True} <= {each for one in recipes for each in one}:
            return
    pytest.fail("no length tells the phi apart")


def test_without_auto_a_plan_says_nothing_and_holds_no_device():
    found = planned(None)
    assert found.forecast.compiling == "" and found.plan.profile is None
    assert compiles(found) == [False] * 27
    (job, *_), (same, *_) = found.plan.jobs, planned(None, "train.compile=false").plan.jobs
    assert job.request.job.id == same.request.job.id
    (settled, *_) = planned(None, AUTO).plan.jobs
    assert settled.request.job.id == job.request.job.id


def test_a_single_variant_is_settled_the_same_way(store):
    store.save_profile(probed(times=100.0))
    short = planned(store, AUTO, GPUS, example="one-variant")
    long = planned(store, AUTO, GPUS, "train.epochs=600", example="one-variant")
    assert compiles(short) == [False] and compiles(long) == [True]
    assert short.forecast.compiling.startswith("compile: none of 1 family job (")
    assert long.forecast.compiling.startswith("compile: 1 of 1 family job (compiling takes about ")


def test_a_study_that_has_begun_stays_with_what_was_settled(store):
    long = (AUTO, GPUS, "train.epochs=600", "search.train.epochs=2")
    begun = planned(store, *long)
    assert isinstance(begun.plan, Plan) and begun.plan.profile is not None
    folder = store.study(begun.spec.name)
    folder.write("spec.json", Record(spec=begun.spec, text=""))
    folder.write("plan.json", begun.plan)
    store.save_profile(probed(times=1000.0))
    again = planned(store, *long)
    ids = [[job.request.job.id for job in one.jobs] for one in (begun.plan, *begun.families)]
    assert ids == [[j.request.job.id for j in one.jobs] for one in (again.plan, *again.families)]
    fresh = planned(store, *long, "name=another")
    assert [[j.request.job.id for j in one.jobs] for one in (fresh.plan, *fresh.families)] != ids


def test_a_variant_that_has_begun_stays_with_what_was_settled(store):
    long = (AUTO, GPUS, "train.epochs=600")
    begun = planned(store, *long, example="one-variant")
    assert isinstance(begun.plan, Variant)
    plan = begun.plan
    folder = store.study(begun.spec.name)
    folder.write("spec.json", Record(spec=begun.spec, text=""))
    record = TrainRecord(data=plan.data, baseline=plan.baseline, profile=plan.profile)
    folder.write("baseline.json", record)
    store.save_profile(probed(times=1000.0))
    assert compiles(planned(store, *long, example="one-variant")) == compiles(begun) == [False]
    assert compiles(planned(store, *long, "name=another", example="one-variant")) == [True]


def test_gate_and_family_train_the_same_jobs(store):
    store.save_profile(probed(times=100.0))
    found = planned(store, AUTO, GPUS, "train.epochs=300", "gate.mode=warn", "family.phi=[2]")
    assert isinstance(found.plan, Plan) and isinstance(found.spec, StudySpec)
    gate = gate_of(found.spec, found.plan, found.plan.candidates)
    gated = {job.request.job.id for job in gate.jobs}
    assert all(job.request.job.id in gated for one in found.families for job in one.jobs)
    assert {job.request.job.recipe.compile for job in gate.jobs} <= {True, False}


def test_measured_speed_as_tie_break_wants_all_candidates_alike():
    with pytest.raises(SpecError, match="may be compiled and others not"):
        planned(None, AUTO, "search.tie_break=step_time")
    planned(None, "train.compile=true", "search.tie_break=step_time")


def test_a_plan_without_a_device_compiles_nothing():
    file = load(EXAMPLES / "digits.yaml", (AUTO,))
    plan = plan_study(file.spec, summarise(file.spec.data))
    assert {job.request.job.recipe.compile for job in plan.jobs} == {False}


@cache
def pace(**recipe) -> Pace:
    return Pace(probed(), B0, Recipe.model_validate({"epochs": 100, **recipe}), 64, 1)


def test_a_compiled_job_is_forecast_with_what_compiling_takes_and_saves():
    plain, compiled = pace(), pace(compile=True)
    assert plain.compiling == 0 and plain.time_ratio == 1
    assert compiled.compiling == compiled.compile_seconds == COMPILING["cuda"] * 82
    assert compiled.mean_step == pytest.approx((1 - SAVED["cuda"]["float32"]) * plain.mean_step)
    assert pace(compile=True, precision="bfloat16").mean_step < compiled.mean_step
    assert plain.mean_step == plain.last_step == step_seconds(probed(), workload(B0), 64)
    one, other = planned(None), planned(None, "train.compile=true")
    (job, *_), (same, *_) = one.forecast.demands.values(), other.forecast.demands.values()
    assert same.seconds > job.seconds and same.memory == job.memory


def test_growing_images_are_compiled_once_for_each_side_or_not_at_all():
    growing = pace(compile=True, resizing=None)
    for start, sides in ((0.6, 4), (0.85, 2)):
        sized = Pace(
            probed(),
            B0,
            Recipe.model_validate({"epochs": 100, "compile": True, "resizing": {"start": start}}),
            64,
            1,
        )
        assert sized.compile_seconds == sides * growing.compile_seconds
    many = Recipe.model_validate(
        {"epochs": 100, "compile": "auto", "resizing": {"start": 0.5, "multiple": 4}}
    )
    judge = CompileChoice(probed(), 10**9, 1)
    found = judge.gain(B0, many)
    assert found is not None and found.sides > MOST_COMPILED and found.saved > found.cost
    assert judge.settled(B0, many).compile is False


def test_what_a_job_did_otherwise_than_asked_is_told_as_it_ends() -> None:
    lines: list[str] = []
    note = "compile: true, but torch compiled nothing of this network: it ran uncompiled"
    result = JobResult(job="a", status="done", attempt=1, epochs=1, notes=(note,))
    Progress(lines.append).event(Event(kind="ended", job="a", label="phi1", result=result))
    assert lines == [f"note    phi1: {note}"]


def test_each_micro_batch_of_a_step_is_a_program() -> None:
    """Batch norm weighs it by a constant of its own, which torch compiles into the program."""
    profile = guess("cuda")
    one, many = (Pace(profile, B0, Recipe(compile=True), 32, pieces) for pieces in (1, 5))
    assert many.compile_seconds == 5 * one.compile_seconds
