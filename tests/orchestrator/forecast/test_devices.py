"""Which device a plan reckons with: guesses, probes, corrections, and budgets on them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from compound.jobs.data.source import summarise
from compound.jobs.device_model import PROCESS_BYTES, describe, guess, peak_bytes, step_seconds
from compound.jobs.gpu.nvml import Gpu
from compound.jobs.gpu.visible_gpus import Gpus
from compound.jobs.networks.workload import workload
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.plan_tables import basis
from compound.orchestrator.forecast import devices
from compound.orchestrator.forecast.budget_check import warnings
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.records.documents import Record
from compound.orchestrator.spec.load import load
from compound.schemas.errors import PlanError
from compound.schemas.job import JobResult
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

DIGITS = Path(__file__).parents[3] / "examples" / "digits.yaml"
WIDE = "search.budget.tolerance=0.2"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """An empty store."""
    return ArtifactStore.open(str(tmp_path / "runs"))


def probed(**update: object) -> DeviceProfile:
    """A profile of this machine's CPU as if it had been measured."""
    return guess("cpu", 1).model_copy(update={"source": "probe", "time_error": 0.1, **update})


def prepared(store: ArtifactStore | None, *overrides: str) -> Prepared:
    """Plan the digits with what a store knows of devices."""
    file = load(DIGITS, overrides)
    return prepare(file.spec, summarise(file.spec.data), store)


def test_without_a_probe_the_device_is_a_guess(store: ArtifactStore) -> None:
    for found in (prepared(None), prepared(store)):
        assert found.forecast.basis.source == "guess"
        assert found.forecast.basis.device == describe("cpu", 1)


def test_a_probe_in_the_store_is_what_the_plan_reckons_with(store: ArtifactStore) -> None:
    slow = {name: 10 * value for name, value in guess("cpu", 1).seconds.items()}
    store.save_profile(probed(seconds=slow))
    store.save_profile(probed(device="cuda of another host", kind="cuda"))
    found = prepared(store).forecast
    assert (found.basis.source, found.basis.time_error) == ("probe", 0.1)
    assert found.search.seconds > 5 * prepared(None).forecast.search.seconds


def test_on_a_named_cluster_a_probe_of_its_kind_counts(store: ArtifactStore) -> None:
    store.save_profile(probed(device="cuda NVIDIA H100", kind="cuda"))
    cluster = "cluster={nodes: 1, cpus: 8, gpus: 2}"
    assert prepared(store, cluster).forecast.basis.device == "cuda NVIDIA H100"
    assert prepared(store).forecast.basis.device == describe("cpu", 1)


def test_a_budget_on_step_time_needs_a_probe(store: ArtifactStore) -> None:
    with pytest.raises(PlanError) as caught:
        prepared(store, "search.budget.cost=step_time", WIDE)
    assert caught.value.where == "search.budget.cost"
    assert caught.value.next_step == "compound plan SPEC --probe"


def test_a_budget_on_step_time_binds_what_the_probe_says(store: ArtifactStore) -> None:
    profile = probed()
    store.save_profile(profile)
    plan = prepared(store, "search.budget.cost=step_time", WIDE).plan
    assert isinstance(plan, Plan) and plan.profile == profile
    images = plan.jobs[0].request.job.recipe.batch
    base = step_seconds(profile, workload(plan.baseline.architecture), images)
    for candidate in plan.candidates:
        ratio = step_seconds(profile, workload(candidate.architecture), images) / base
        assert ratio == pytest.approx(candidate.ratio)
        assert 1.6 <= ratio <= 2.4


def test_a_budget_on_memory_binds_peak_bytes(store: ArtifactStore) -> None:
    plan = prepared(store, "search.budget.cost=memory", "search.budget.multiple=1.3").plan
    assert isinstance(plan, Plan)
    images = plan.jobs[0].request.job.recipe.batch
    base = peak_bytes(guess("cpu", 1), workload(plan.baseline.architecture), images)
    for candidate in plan.candidates:
        found = peak_bytes(guess("cpu", 1), workload(candidate.architecture), images)
        assert found / base == pytest.approx(candidate.ratio)


def test_a_budget_on_memory_counts_what_the_optimiser_keeps(store: ArtifactStore) -> None:
    memory = ("search.budget.cost=memory", "search.budget.multiple=1.3")
    found = prepared(store, *memory, "train.optimizer=rmsprop", "resources.search.workers=2")
    assert isinstance(found.plan, Plan)
    base = found.cost_model.demand(found.plan.jobs[0].request)
    images = found.plan.data.train + found.plan.data.validation
    for candidate, job in zip(found.plan.candidates, found.plan.jobs[1:], strict=False):
        demand = found.cost_model.demand(job.request)
        pixels = (found.plan.baseline.architecture.resolution, candidate.architecture.resolution)
        held = [d.memory - images * p**2 for d, p in zip((base, demand), pixels, strict=True)]
        assert held[1] / held[0] == pytest.approx(candidate.ratio, rel=1e-6)


def test_a_study_that_has_begun_keeps_its_candidates_when_a_probe_comes_later(
    store: ArtifactStore,
) -> None:
    overrides = ("search.budget.cost=step_time", WIDE)
    store.save_profile(probed())
    first = prepared(store, *overrides).plan
    assert isinstance(first, Plan)
    spec = load(DIGITS, overrides).spec
    assert isinstance(spec, StudySpec)
    folder = store.study(spec.name)
    folder.write("spec.json", Record(spec=spec, text=""))
    folder.write("plan.json", first)
    overhead = {**guess("cpu", 1).seconds, "layer": 0.01}
    store.save_profile(probed(seconds=overhead))
    again = prepared(store, *overrides)
    assert again.plan == first
    assert again.forecast.search.seconds > 3 * prepared(None).forecast.search.seconds


def warned(store: ArtifactStore, *overrides: str) -> list[str]:
    found = prepared(store, *overrides)
    return list(warnings(found.spec, found.forecast))


def test_what_a_probe_could_not_show_is_told(store: ArtifactStore) -> None:
    store.save_profile(probed())
    assert not any("probe" in text for text in warned(store))
    store.save_profile(probed(guessed=("device",), untimed=2))
    told = warned(store)
    assert any(
        "not measure the time of the device" in text and "an estimate" in text for text in told
    )
    assert any("2 networks of the probe did not fit into its memory" in text for text in told)


def test_jobs_in_another_precision_than_was_measured_are_counted(store: ArtifactStore) -> None:
    store.save_profile(probed())
    (told,) = (text for text in warned(store, "train.precision=bfloat16") if "precision" in text)
    jobs = prepared(store).forecast
    assert told.startswith(f"{jobs.search.jobs + jobs.family.most.jobs} jobs in another")
    store.save_profile(probed(precision="bfloat16"))
    assert not any("precision" in text for text in warned(store, "train.precision=bfloat16"))
    (told,) = (text for text in warned(store) if "precision" in text)
    assert "than bfloat16, in which the device was measured" in told


def test_memory_that_holds_for_numbers_of_another_size_is_told(store: ArtifactStore) -> None:
    def told(*overrides: str) -> list[str]:
        return [text for text in warned(store, *overrides) if "memory" in text]

    both = ("train.precision=bfloat16", "search.train.precision=bfloat16")
    jobs = prepared(store).forecast
    number = jobs.search.jobs + jobs.family.most.jobs
    assert not told()
    (half,) = told(*both)
    assert half.startswith(f"{number} jobs in bfloat16: memory is estimated for float32")
    store.save_profile(probed(precision="bfloat16"))
    assert not told(*both)
    (whole,) = told()
    assert whole.startswith(f"{number} jobs not in bfloat16: memory was measured in bfloat16")


def finish(store: ArtifactStore, found: Prepared, device: str) -> None:
    """Let five jobs take three times what was predicted, and one on another device much more."""
    demands = list(found.forecast.demands.values())
    for index, job in enumerate(found.plan.jobs[:6]):
        seconds = 3 * demands[index].seconds if index < 5 else 1e6
        with store.writer(job.request.job) as writer:
            writer.finish(
                JobResult(
                    job=job.request.job.id,
                    status="done",
                    attempt=1,
                    epochs=6,
                    seconds=seconds,
                    device=device if index < 5 else "another",
                )
            )


def test_finished_jobs_that_launching_bounds_correct_launches(store: ArtifactStore) -> None:
    """Small networks on a slow host say nothing of the device, nor of large ones."""
    cluster = "cluster={nodes: 1, cpus: 8, gpus: 2}"
    profile = guess("cuda").model_copy(update={"device": "cuda imagined", "source": "probe"})
    store.save_profile(profile)
    before = prepared(store, cluster)
    assert {demand.bound for demand in before.forecast.demands.values()} == {"launch"}
    finish(store, before, profile.device)
    after = prepared(store, cluster).forecast.basis
    assert (after.correction, after.launch_correction) == (1.0, pytest.approx(3))
    assert "launches x 3.00, after 5 finished jobs" in basis(after)


def test_the_worst_error_of_a_probe_is_told_beside_the_median(store: ArtifactStore) -> None:
    store.save_profile(probed(memory_error=0.05, worst_time_error=0.42))
    told = basis(prepared(store).forecast.basis)
    assert "probe's error 10% in time (42% at worst), 5% in memory" in told


def test_finished_jobs_correct_the_times_of_their_device(store: ArtifactStore) -> None:
    profile = probed()
    store.save_profile(profile)
    before = prepared(store)
    finish(store, before, profile.device)
    after = prepared(store).forecast
    assert (after.basis.corrected_by, after.basis.correction) == (5, pytest.approx(3))
    assert after.search.seconds > 2 * before.forecast.search.seconds
    assert store.profiles() == [profile], "corrections are shown, never stored"


def test_a_gpu_whose_memory_is_not_told_keeps_the_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several GPUs the smallest that is told counts."""
    for memory, expected in ((None, guess("cuda").memory), (10**10, 10**10 - PROCESS_BYTES)):
        found = Gpus((Gpu("GPU-1", "NVIDIA GB10", None), Gpu("GPU-2", "NVIDIA GB10", memory)))
        monkeypatch.setattr(devices, "gpus_here", lambda found=found: found)
        sized = devices._sized(guess("cuda"), SimpleNamespace(cluster=None))
        assert sized.memory == expected
