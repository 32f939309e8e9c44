"""Networks that ranks divide among them: real gloo processes, against ones that do not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import distributed, nn

from compound.jobs.data.source import summarise
from compound.jobs.device_model import guess, largest_batch, peak_bytes
from compound.jobs.models.build import build
from compound.jobs.models.weight_file import evaluated, read
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.flat_parameters import Flat, Parts, apart, flatten
from compound.jobs.parallel.fully_sharded import Shards, check_even, shard
from compound.jobs.parallel.process import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checkpoint import Checkpoint
from compound.orchestrator.cli.store.export_weights import export
from compound.orchestrator.cli.store.job_to_export import JobToExport
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.spec.load import load
from compound.schemas.data import SyntheticData
from compound.schemas.errors import PlanError, SpecError
from compound.schemas.job import Resources, TrainJob
from compound.schemas.study import Placement
from compound.schemas.weights import Weights, WeightsRef
from tests.support.sharded_ranks import Ended, Run, alone, on_ranks
from tests.support.small_jobs import small_job

EXAMPLES = Path(__file__).parents[3] / "examples"
CPU = torch.device("cpu")
RECIPES: dict[str, dict[str, Any]] = {
    "sgd": {"survival": 0.8},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.016, "ema": 0.9},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01, "accumulate": 2, "dropout": 0.2},
    "half": {"precision": "bfloat16", "ema": 0.9, "clip_norm": 0.1},
    "growing": {"resizing": {"start": 0.5, "multiple": 2, "until": 1.0}, "epochs": 3},
    "global": {"norm_batch": "global", "gradients": "bfloat16"},
}
GENTLE = {"epochs": 2, "learning_rate": 0.1}
"""A rate at which rounding does not grow from step to step."""
SLOWER = ("adamw", "half", "growing", "global")
MEASURED = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
KEPT = {"optimizer": "rmsprop", "learning_rate": 0.016, "ema": 0.9, "checkpoint_steps": 1}
"""A recipe with all that a checkpoint can hold, taken after each of an epoch's three steps."""


def checkpoint(store: Path, job: TrainJob) -> Checkpoint:
    found = ArtifactStore.open(str(store)).checkpoint(job.id)
    assert found is not None
    return found


def alike(one: Ended, other: Ended) -> None:
    for mine, theirs in zip(one.rows, other.rows, strict=True):
        for name in MEASURED:
            assert mine.metrics[name] == pytest.approx(theirs.metrics[name], abs=1e-4)


def same_as_whole(folder: Path, jobs: dict[str, TrainJob]) -> None:
    """Train jobs on two ranks that divide the network, and on two that do not."""
    runs = [
        Run(job=job, store=str(folder / f"{name}-{sharded}"), sharded=sharded)
        for name, job in jobs.items()
        for sharded in (False, True)
    ]
    ended = on_ranks(folder, *runs)
    for number, (name, job) in enumerate(jobs.items()):
        alike(*ended[2 * number : 2 * number + 2])
        mine, theirs = (checkpoint(folder / f"{name}-{on}", job) for on in (False, True))
        assert (mine.shards, theirs.shards) == (0, 2)
        expected, found = mine.model(), theirs.model()
        assert found.keys() == expected.keys()
        for tensor, value in found.items():
            torch.testing.assert_close(value, expected[tensor], atol=2e-3, rtol=2e-3)


def test_two_ranks_that_divide_a_network_train_as_two_that_do_not(tmp_path: Path) -> None:
    names = ("sgd", "rmsprop")
    same_as_whole(tmp_path, {name: small_job(**{**GENTLE, **RECIPES[name]}) for name in names})


@pytest.mark.slow
def test_so_they_do_by_every_recipe_and_from_given_weights(tmp_path: Path) -> None:
    jobs = {name: small_job(**{**GENTLE, **RECIPES[name]}) for name in SLOWER}
    same_as_whole(tmp_path, {**jobs, "weights": started(tmp_path)})


def started(folder: Path) -> TrainJob:
    """Return a job that starts from given weights, but for the classifier."""
    job, path = small_job(epochs=1), folder / "weights.safetensors"
    torch.manual_seed(3)
    tensors = build(job.architecture).state_dict()
    safetensors.torch.save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    given = WeightsRef(spec=Weights(path=str(path), classifier="new"), sha256=read(path).sha256)
    return job.model_copy(update={"weights": given})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainJob, Path, Ended, list[Path]]:
    """A job that two ranks took to its end, and stores where it was left inside an epoch."""
    folder, job = tmp_path_factory.mktemp("sharded"), small_job(epochs=3, **KEPT)
    stores = [folder / name for name in ("whole", "left", "also-left", "left-whole")]
    runs = [Run(job=job, store=str(store)) for store in stores]
    runs[1:] = [one.model_copy(update={"stop_after": 4}) for one in runs[1:]]
    runs[3] = runs[3].model_copy(update={"sharded": False})
    ended = on_ranks(folder, *runs)
    assert [one.result.status for one in ended] == ["done", "stopped", "stopped", "stopped"]
    return job, stores[0], ended[0], stores[1:]


def test_a_divided_job_goes_on_where_it_was_left(whole, tmp_path: Path) -> None:
    """On as many ranks to the bit, but for what norms gather; from whole ones to rounding."""
    job, store, ended, (left, _, left_whole) = whole
    assert checkpoint(left, job).epoch_step == 2
    again, taken = on_ranks(
        tmp_path, Run(job=job, store=str(left)), Run(job=job, store=str(left_whole))
    )
    rows = ArtifactStore.open(str(left)).rows(job.id)
    assert again.result.status == "done" and again.result.attempt == 2
    assert [row.epoch for row in rows] == [1, 2, 3]
    alike(again, Ended(rows=ended.rows[-len(again.rows) :], result=ended.result))
    mine, expected = (checkpoint(place, job) for place in (left, store))
    for found, wanted in (
        (mine.model(), expected.model()),
        (mine.optimizer(), expected.optimizer()),
    ):
        assert found.keys() == wanted.keys()
        assert all(
            torch.equal(found[name], wanted[name]) for name in wanted if "running" not in name
        )
    alike(taken, Ended(rows=ended.rows[-len(taken.rows) :], result=ended.result))


def test_one_worker_goes_on_with_a_divided_network(whole) -> None:
    job, _, ended, (_, left, _) = whole
    found = alone(Run(job=job, store=str(left)))
    assert found.result.status == "done" and checkpoint(left, job).shards == 0
    alike(found, Ended(rows=ended.rows[-len(found.rows) :], result=ended.result))


def test_a_divided_network_is_exported_whole(whole, tmp_path: Path, capsys) -> None:
    job, store, *_ = whole
    path = tmp_path / "weights.safetensors"
    meant = JobToExport(ArtifactStore.open(str(store)), job.id, path)
    export(meant, None, "compound", best=False, as_json=False)
    expected = evaluated(checkpoint(store, job).model())
    found = read(path).tensors
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    build(job.architecture).load_state_dict(found)


@pytest.mark.slow
def test_three_ranks_go_on_with_what_two_have_divided(whole, tmp_path: Path) -> None:
    job = small_job(epochs=3, batch=36)
    run = Run(job=job, store=str(tmp_path / "runs"))
    (left,) = on_ranks(
        tmp_path,
        run.model_copy(
            update={"job": small_job(epochs=3, batch=36, checkpoint_steps=1), "stop_after": 2}
        ),
    )
    (ended,) = on_ranks(tmp_path, run, workers=3)
    assert (left.result.status, ended.result.status) == ("stopped", "done")
    assert checkpoint(tmp_path / "runs", job).shards == 3


@pytest.mark.slow
def test_a_divided_job_that_diverges_is_traced_by_all_ranks(tmp_path: Path) -> None:
    given = {"learning_rate": 100, "clip_norm": None, "warmup_epochs": 0, "weight_decay": 1}
    data = SyntheticData(
        source="synthetic", images=2048, validation_images=8, num_classes=4, size=8
    )
    job = small_job(data, epochs=2, batch=64, **given)  # 24 times larger weights every step
    (ended,) = on_ranks(tmp_path, Run(job=job, store=str(tmp_path / "runs")))
    cause = ended.result.cause
    assert cause and cause.kind == "diverged" and "first in step" in cause.message


@given(rows=st.integers(1, 20), ranks=st.integers(2, 9))
def test_ranks_hold_the_rows_that_torch_would_give_them(rows: int, ranks: int) -> None:
    whole, bias = torch.arange(2.0 * rows).view(rows, 2), torch.arange(3.0)
    chunks = [*whole.chunk(ranks), *[whole[:0]] * ranks]
    for rank in range(ranks):
        shapes = {"w": chunks[rank].shape, "b": bias.shape}
        numbers = torch.cat([chunks[rank].flatten(), bias])
        size = chunks[rank].numel()
        flat = Shards(
            numbers,
            torch.zeros_like(numbers),
            size,
            shapes,
            2,
            (chunks[rank].clone(),),
            {"w": whole.shape, "b": bias.shape},
            Process(rank, ranks, CPU, 1),
        )
        assert torch.equal(flat.part("w", whole), flat.named(numbers)["w"])
        assert torch.equal(flat.part("b", bias), flat.named(numbers)["b"])
        assert flat.written == (("w", "b") if rank == 0 else ("w",))
        numbers[:size] += 1
        flat.update_module()
        assert torch.equal(flat.module_rows[0], chunks[rank] + 1)


def test_slots_of_a_whole_network_are_found_by_name() -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3))
    whole = {name: tensor.shape for name, tensor in Parts.of(module).all.items()}
    flat = flatten(module, CPU)
    mine = Shards(
        *(getattr(flat, n) for n in ("values", "gradients", "decayed", "shapes", "trained")),
        (),
        whole,
        Process(0, 2, CPU, 1),
    )
    for buffer in (flat.values, flat.gradients):
        expected = flat.named(buffer)
        found = mine.named_whole(buffer)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in found)


def test_ranks_take_equally_many_micro_batches() -> None:
    check_even(32, 16, Process(0, 2, CPU, 1))
    with pytest.raises(PlanError, match="3 workers take 2 or 3 micro-batches"):
        check_even(32, 5, Process(0, 3, CPU, 1))


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"workers": 1}, "there is only one"),
        ({"workers": {"min": 2, "max": 4}}, "needs a fixed number of workers, such as 4"),
    ],
)
def test_what_cannot_be_divided_is_refused(given_: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Resources.model_validate({**given_, "parallel": "full"})
    with pytest.raises(ValidationError, match="only family jobs may have"):
        Placement.model_validate({"search": {"workers": 2, "parallel": "full"}})


def planned(*overrides: str) -> Prepared:
    file = load(EXAMPLES / "digits.yaml", ("resources.family.workers=4", *overrides))
    return prepare(file.spec, summarise(file.spec.data), None)


def test_a_plan_refuses_to_compile_what_it_divides() -> None:
    with pytest.raises(PlanError, match="cannot be compiled") as caught:
        planned("resources.family.parallel=full", "train.compile=true")
    assert caught.value.where == "train.compile" and caught.value.allowed
    with pytest.raises(SpecError, match="half"):
        planned("resources.family.sharding=half")


def test_a_plan_knows_that_a_divided_network_takes_less() -> None:
    whole, apart = planned(), planned("resources.family.parallel=full")
    for one, other in zip(whole.families[0].members, apart.families[0].members, strict=True):
        jobs = [member.jobs[0].request for member in (one, other)]
        assert jobs[0].job.id == jobs[1].job.id
        held, divided = (whole.cost_model.demand(request) for request in jobs)
        assert divided.memory < held.memory and divided.step_seconds > held.step_seconds


@pytest.mark.parametrize("workers", [2, 4, 16])
def test_memory_falls_with_the_workers(workers: int) -> None:
    work, profile = workload(NETWORKS["efficientnet-b7"]), guess("cpu")
    kept = {"averaged": True, "slots": 2, "shared": True}
    state = peak_bytes(profile, work, 0, **kept)
    divided = peak_bytes(profile, work, 0, **kept, divided=workers)
    assert state / workers < divided < 1.1 * state * (1 / workers + 0.05)
    fits = [largest_batch(profile, work, 2**33, **kept, divided=of) for of in (1, workers)]
    assert 0 < fits[0] <= fits[1]


@pytest.fixture
def lone_rank(tmp_path: Path) -> Iterator[Process]:
    """A process group of one rank, in this process."""
    distributed.init_process_group("gloo", f"file://{tmp_path}/group", world_size=1, rank=0)
    yield Process(0, 1, CPU, 1)
    distributed.destroy_process_group()


def partly_frozen() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    net[0][0].weight.requires_grad = False
    net.register_buffer("fine", torch.tensor([1 / 3], dtype=torch.float64))
    net.scale = nn.Parameter(torch.ones(1, 3))
    return net


def test_frozen_weights_and_fine_buffers_are_not_divided(lone_rank: Process) -> None:
    whole, module = partly_frozen(), partly_frozen()
    expected, flat = flatten(whole, CPU), shard(module, small_job().recipe, lone_rank)
    assert list(flat.shapes) == list(expected.shapes) and flat.decayed == expected.decayed
    assert torch.equal(flat.values, torch.cat([t.flatten() for t in _rows(expected)]))
    outside = apart(module, flat.shapes)
    assert set(outside) == {"0.0.weight", "0.1.num_batches_tracked", "fine"}
    assert outside["fine"].dtype == torch.float64
    images = torch.randn(4, 2, 4, 4)
    for net in (whole, module):
        (net(images) * net.scale).square().sum().backward()
    flat.gather_gradients()
    torch.testing.assert_close(flat.norm(), expected.norm())
    assert torch.equal(module[0][0].weight, partly_frozen()[0][0].weight)


def _rows(flat: Flat) -> list[torch.Tensor]:
    return list(flat.named(flat.values).values())


def test_a_tied_weight_is_not_divided(lone_rank: Process) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    with pytest.raises(PlanError, match=r"the weight '2\.weight' belongs to two layers"):
        shard(net, small_job().recipe, lone_rank)
